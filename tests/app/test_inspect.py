"""The Inspect tab without a browser: each handler answers with components that its events may change."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app import temporary
from app.events import Answer, unchanged
from app.inspect import Incoming, asking, good_parts, inspect_tab, learning, run
from app.inspect.asking import method_choices
from app.inspect.learning import Learning, checked, decodable
from app.inspect.looks import place_in, threshold_slider
from app.inspect.run import Inspection
from app.models import Busy
from maeday_core import (
    MAEDAY,
    METHODS,
    Detection,
    ImageError,
    MaskedAutoencoder,
    Method,
    Settings,
    SettingsError,
    Tools,
)
from maeday_core.drawing.shown import Shown, mask_count, shown
from maeday_core.drawing.why_cards import place_labels
from maeday_core.fewshot.fine_tuning import find_preset
from tests.drawing.detections import HEIGHT, WIDTH, ensemble, matched, query, reconstructed

INCOMING = Incoming("a.png", Settings(masks=4, sampling="balanced", tile="on"), "maeday", "bundled", 0.1, "", 0.0)


class Wired:
    """The tab as it is wired."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            inspect_tab(lifetime=60)

    def owner(self, kind: type) -> Any:
        handlers = (getattr(event.fn, "__self__", None) for event in self.blocks.fns.values())
        return next(owner for owner in handlers if isinstance(owner, kind))

    @cached_property
    def inspection(self) -> Inspection:
        return self.owner(Inspection)

    @cached_property
    def learning(self) -> Learning:
        return self.owner(Learning)

    def events(self, handler: Callable[..., Any]) -> list[Any]:
        found = [event for event in self.blocks.fns.values() if event.fn == handler]
        assert found
        return found

    def check(self, handler: Callable[..., Any], answer: Answer) -> None:
        """Every component of an answer is one that each event of its handler may change."""
        assert answer
        for event in self.events(handler):
            assert set(answer) <= set(event.outputs)

    def values(self, handler: Callable[..., Any], view: Shown | None = None, **given: Any) -> dict[Any, Any]:
        """What the handler receives: each component's first value, or the one that is given by its `elem_id`."""
        (first, *_) = self.events(handler)
        values = {component: given.get(component.elem_id, component.value) for component in first.inputs}
        return values | {self.inspection.tab.shown: view}


class Request:
    session_hash = "visitor"


@pytest.fixture(scope="module")
def wired() -> Wired:
    return Wired()


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    Image.fromarray(query()).save(path)
    return str(path)


def view(result: Detection) -> Shown:
    return shown("part.png", query(), result)


@pytest.mark.parametrize("made", [reconstructed, matched, ensemble])
def test_answers_on_a_result_name_wired_components(wired: Wired, made: Callable[[], Detection]) -> None:
    do, result = wired.inspection, view(made())
    for handler in (do.end, do.looks.redraw, do.looks.set_automatic, do.looks.allow, do.looks.files):
        wired.check(handler, handler(wired.values(handler, result)))
    wired.check(do.looks.show_mask, do.looks.show_mask(result, 2, False))
    wired.check(do.looks.show_all_masks, do.looks.show_all_masks(result, False, True))


@pytest.mark.parametrize("made", [reconstructed, matched, ensemble])
def test_a_place_and_a_point_are_explained_by_every_method(wired: Wired, made: Callable[[], Detection]) -> None:
    do, result = wired.inspection.looks, view(made())
    why, places = do.tab.result.why, do.tab.result.places
    listed = do.redraw(wired.values(do.redraw, result))
    assert listed[places].choices == [(label, str(n)) for n, label in enumerate(place_labels(result), 1)]
    first = do.show_place(wired.values(do.show_place, result, places="1"))
    wired.check(do.show_place, first)
    assert first[why].value == listed[why].value
    assert place_labels(result)[0] in first[why].value
    for odd in (None, "99", "-1", "²", "x" * 99):
        assert do.show_place(wired.values(do.show_place, result, places=odd))[why].value == first[why].value
    point = do.show_point(wired.values(do.show_point, result), type("Event", (), {"index": [1, 2]}))
    wired.check(do.show_point, point)
    assert "The place you clicked: upper left" in point[why].value
    assert point[places].value is None


def test_files_are_written_for_their_own_buttons(wired: Wired) -> None:
    do = wired.inspection
    answer = do.looks.files(wired.values(do.looks.files, view(reconstructed())))
    buttons = [answer[button] for button in (do.tab.result.figure, do.tab.result.report)]
    names = [Path(button.constructor_args["value"]).name for button in buttons]
    assert names == ["part-maeday.png", "part-report.html"]


def test_answers_without_a_result_change_nothing_but_the_end_of_a_run(wired: Wired) -> None:
    do = wired.inspection
    for handler in (do.looks.redraw, do.looks.set_automatic, do.looks.files):
        assert handler(wired.values(handler)) == unchanged()
    assert do.looks.show_mask(None, 1, False) == do.looks.show_all_masks(None, False, True) == unchanged()
    assert do.looks.allow(wired.values(do.looks.allow))[do.tab.result.auto] is True
    ended = do.end(wired.values(do.end))
    wired.check(do.end, ended)
    assert "Nothing was computed" in ended[do.tab.result.verdict]


def test_answers_of_choices_name_wired_components(wired: Wired) -> None:
    do = wired.inspection
    wired.check(do.start, do.start(None))
    wired.check(do.asking.as_in_the_paper, do.asking.as_in_the_paper())
    wired.check(do.asking.by_hand, do.asking.by_hand())
    wired.check(do.asking.automatic, do.asking.automatic())
    wired.check(do.asking.offer_methods, do.asking.offer_methods(None, "patchcore"))
    wired.check(do.asking.take, do.asking.take(INCOMING, None))
    wired.check(do.give_up, do.give_up())
    wired.check(wired.learning.try_example, wired.learning.try_example())


def test_the_end_of_a_run_reported_twice_changes_nothing_more(wired: Wired) -> None:
    do = wired.inspection
    first = do.end(wired.values(do.end, view(reconstructed(masks=1))))
    assert "Stopped after 1 of 3 masks." in first[do.tab.result.verdict]
    assert do.end(wired.values(do.end, first[do.tab.shown])) == unchanged()


def test_masks_are_shown_only_where_there_are_some(wired: Wired) -> None:
    do = wired.inspection
    for made, visible in ((matched, False), (ensemble, True)):
        answer = do.end(wired.values(do.end, view(made())))
        assert answer[do.tab.result.masks.column].visible is visible


def test_a_detection_without_a_photo_is_a_problem(wired: Wired) -> None:
    do = wired.inspection
    (answer,) = do.detect(wired.values(do.detect))
    wired.check(do.detect, answer)
    assert "There is no photo yet" in answer[do.tab.result.verdict]
    assert answer[do.tab.shown] is None
    assert list(do.detect_again(wired.values(do.detect_again))) == [unchanged()]


def test_a_setting_out_of_range_is_explained(wired: Wired, picture: str) -> None:
    do = wired.inspection
    values = wired.values(do.detect, query=picture) | {do.tab.settings.seed: -1}
    (answer,) = do.detect(values)
    assert "The seed is -1; choose a whole number from 0 to 9007199254740991." in answer[do.tab.result.verdict]


def test_judging_again_begins_without_a_result_that_stop_could_bring_back(wired: Wired, picture: str) -> None:
    do = wired.inspection
    first = next(do.detect_again(wired.values(do.detect_again, query=picture)))
    assert first[do.tab.shown] is None
    assert first[do.tab.showing] is False


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tiny_model: MaskedAutoencoder) -> Tools:
    """Tools with a tiny model, which the tab uses in place of those it would load."""
    tools = Tools(model=lambda: tiny_model, preset=find_preset("default", steps=3))

    def load(name: str, settings: Settings, method: Method, busy: Busy) -> Generator[Answer, None, Tools]:
        yield busy("Loading", name)
        return replace(tools, settings=settings)

    for place in (run, learning):
        monkeypatch.setattr(place, "load_tools", load)
    return tools


def test_a_detection_sharpens_and_ends_with_files(wired: Wired, tiny: Tools, picture: str) -> None:
    do = wired.inspection
    answers = list(do.detect(wired.values(do.detect, query=picture, masks=4, method="maeday")))
    for answer in answers:
        wired.check(do.detect, answer)
    loading, *shown_so_far, files = answers
    assert "Loading" in loading[do.tab.result.verdict]
    views = [answer[do.tab.shown] for answer in shown_so_far]
    assert [mask_count(view.result) for view in views] == [1, 4]
    assert [answer[do.tab.stop].interactive for answer in shown_so_far] == [True, False]
    error_map = np.load(files[do.tab.result.error_map].constructor_args["value"])
    assert error_map.shape == (HEIGHT, WIDTH)
    assert error_map.max() == views[-1].result.image_score
    assert do.looks.show_all_masks(views[-1], False, True)[do.tab.result.masks.gallery].count("<img") == 4


def test_good_parts_are_learned_and_the_photo_is_judged_without_and_with_them(
    wired: Wired, tiny: Tools, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do, tune = wired.inspection, wired.learning.fine_tune
    given = wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}
    answers = list(tune(given, Request()))
    for answer in answers:
        wired.check(tune, answer)
    cards = " ".join(answer[do.tab.good_parts.card] for answer in answers)
    for doing in ("Learning", "Measuring", "Remembering"):
        assert f"{doing} what is normal" in cards
    reference = answers[-1][do.tab.good_parts.reference]
    assert reference.shots == 1
    assert "Learned from 1 good part" in answers[-1][do.tab.good_parts.card]
    offered = do.asking.offer_methods(reference, "maeday")[do.tab.settings.method]
    assert "patchcore" in [name for _, name in offered.choices]

    given = wired.values(do.detect, query=picture, masks=2) | {do.tab.good_parts.reference: reference}
    *_, judged, _ = do.detect(given)
    view = judged[do.tab.shown]
    assert view.before.result.threshold.shots == 0
    assert view.result.threshold.shots == 1
    assert "Before and after the good parts" in judged[do.tab.result.before_and_after].value


def test_stop_keeps_what_was_learned(wired: Wired, tiny: Tools, picture: str) -> None:
    do, tune = wired.inspection, wired.learning.fine_tune
    answers = tune(wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    for answer in answers:
        if "Step 1 of 3" in answer[do.tab.good_parts.card]:
            wired.learning.stop(Request())
    assert answer[do.tab.good_parts.reference].learned["maeday"].steps == 1


def test_photos_that_cannot_be_read_are_left_out_by_name(picture: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("no picture")
    readable, left_out = decodable([Path(picture), notes])
    assert readable == [Path(picture)]
    assert len(left_out) == 1
    assert left_out[0].startswith("notes.jpg is not a picture")
    with pytest.raises(ImageError, match=r"notes\.jpg is not a picture"):
        decodable([notes])


def test_a_registered_method_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(type(MAEDAY)):
        name = "other"
        title = "Other"

    monkeypatch.setattr(asking, "METHODS", {**METHODS, "other": Other()})
    assert method_choices(None)[-1] == ("Other", "other")


def test_learning_without_photos_is_a_problem_and_keeps_the_reference(wired: Wired) -> None:
    tune, panel = wired.learning.fine_tune, wired.inspection.tab.good_parts
    (answer,) = tune(wired.values(tune), Request())
    wired.check(tune, answer)
    assert "There are no photos of good parts yet" in answer[panel.card]
    assert panel.reference not in answer


def test_too_many_photos_are_refused() -> None:
    with pytest.raises(SettingsError, match="9 photos of good parts were given; keep 1 to 8"):
        checked(["a.png"] * 9)


@pytest.mark.parametrize("limit", [0.2, 2.5, 45.0])
def test_a_slider_reaches_as_far_as_the_threshold(wired: Wired, limit: float) -> None:
    for one in (view(reconstructed(limit=limit)), replace(view(matched()), by_hand=limit)):
        slider = threshold_slider(one)
        assert slider.value == limit
        assert slider.maximum == max(one.result.unit.slider[0], limit)
    do = wired.inspection
    values = wired.values(do.end, view(reconstructed()), threshold=limit) | {do.tab.result.auto: False}
    ended = do.end(values)
    assert ended[do.tab.result.threshold].value == limit
    assert f"limit {limit:.3f}" in ended[do.tab.result.verdict]
    assert "limit set by hand" in ended[do.tab.result.verdict]


def test_another_share_of_false_alarms_moves_the_automatic_threshold(wired: Wired) -> None:
    do, result = wired.inspection, view(matched(score=0.9))
    auto, threshold, rate = do.tab.result.auto, do.tab.result.threshold, do.tab.result.alarm_rate
    strict, lenient = ({rate: share, auto: False} for share in (0.01, 0.2))
    by_hand = wired.values(do.looks.allow, result, threshold=2.0)
    moved = [do.looks.allow(by_hand | given) for given in (strict, lenient)]
    assert moved[0][threshold].value > 1.0 > 0.9 > moved[1][threshold].value
    assert all(answer[auto] is True for answer in moved)
    shown_then = {**wired.values(do.looks.redraw, result), rate: 0.2}
    assert "Something here does not belong" in do.looks.redraw(shown_then)[do.tab.result.verdict]
    assert "Look here" in do.looks.redraw({**shown_then, rate: 0.05})[do.tab.result.verdict]


def test_a_score_close_to_the_threshold_is_judged_by_its_exact_value(wired: Wired) -> None:
    do, close = wired.inspection, view(matched(score=1.0001))  # the slider stands at 1
    assert (
        "does not belong"
        in do.looks.redraw(wired.values(do.looks.redraw, close, threshold=1.001))[do.tab.result.verdict]
    )


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_moving_the_false_alarms_gives_what_a_detection_with_them_gives(
    wired: Wired, tiny: Tools, picture: str, share: float
) -> None:
    do, rate = wired.inspection, wired.inspection.tab.result.alarm_rate
    values = wired.values(do.detect, query=picture, masks=2, method="ensemble")
    *_, usual, _ = do.detect(values)
    *_, asked, _ = do.detect(values | {rate: share})
    moved = do.looks.redraw({**wired.values(do.looks.redraw, usual[do.tab.shown]), rate: share})
    without_time = [re.sub(r"[\d.]+ s<", "<", one[do.tab.result.verdict]) for one in (moved, asked)]
    assert without_time[0] == without_time[1]
    assert f"for {share:.0%} false alarms" in without_time[0]
    assert asked[do.tab.shown].result.made_by.alarm_rate == share


@pytest.mark.parametrize("margin", [0.02, -0.02, -40.0])
def test_a_picture_from_another_tab_keeps_its_verdict(wired: Wired, tiny: Tools, picture: str, margin: float) -> None:
    do, tab = wired.inspection, wired.inspection.tab
    incoming = replace(INCOMING, path=picture, margin=margin)
    taken = do.asking.take(incoming, None)
    assert taken[tab.result.auto] is False
    assert taken[tab.settings.masks] == 4
    values = wired.values(do.detect_incoming, query=picture, masks=4, method="maeday") | {
        tab.incoming: incoming,
        tab.result.auto: False,
    }
    *_, last, _, told = do.detect_incoming(values)
    assert "From Frames" in told[tab.result.subject]
    score, slider = last[tab.shown].result.image_score, last[tab.result.threshold]
    assert slider.value == pytest.approx(score - margin, abs=0.001)
    assert slider.maximum >= slider.value
    anomalous = "Something here does not belong" in last[tab.result.verdict]
    assert anomalous == (margin > 0)


@pytest.mark.parametrize("differs", ["Inspect judges this frame without the clean frames.", ""])
def test_where_another_question_is_asked_the_threshold_is_automatic_and_a_note_says_why(
    wired: Wired, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    do, told = wired.inspection, []
    monkeypatch.setattr(gr, "Info", lambda text, **_: told.append(text))
    taken = do.asking.take(replace(INCOMING, margin=None if differs else 0.1, differs=differs), None)
    assert taken[do.tab.result.auto] is bool(differs)
    assert told == [differs] * bool(differs)


def test_good_parts_that_were_forgotten_are_not_passed_over(wired: Wired, picture: str) -> None:
    do, panel = wired.inspection, wired.inspection.tab.good_parts
    for handler in (do.detect, do.detect_again, do.detect_incoming):
        values = wired.values(handler, query=picture, method="patchcore") | {panel.adapted: True, do.tab.incoming: None}
        *_, answer = handler(values)
        wired.check(handler, answer)
        assert "forgotten; load or learn them again" in answer[do.tab.result.verdict]
        assert "forgotten; load or learn them again" in answer[panel.card]
        assert answer[panel.adapted] is False
        assert answer[do.tab.settings.method].value == "ensemble"
        assert answer[do.tab.shown] is None


def test_a_failed_load_says_that_the_good_parts_were_forgotten(wired: Wired) -> None:
    panel = wired.inspection.tab.good_parts
    answer = good_parts.load(panel, "none.safetensors", None, True)
    assert "forgotten; load or learn them again" in answer[panel.card]
    assert answer[panel.adapted] is False
    assert "forgotten" not in good_parts.load(panel, "none.safetensors", None, False)[panel.card]


def test_a_result_that_was_forgotten_is_not_passed_over(wired: Wired) -> None:
    do = wired.inspection
    answer = do.looks.redraw(wired.values(do.looks.redraw) | {do.tab.showing: True})
    wired.check(do.looks.redraw, answer)
    assert "was forgotten; press Detect again" in answer[do.tab.result.verdict]
    lost = {**wired.values(do.looks.show_place), do.tab.showing: True}
    for handler, answer in (
        (do.looks.show_mask, do.looks.show_mask(None, 2, False, True)),
        (do.looks.show_place, do.looks.show_place(lost)),
        (do.looks.show_point, do.looks.show_point(lost, type("Event", (), {"index": [1, 2]}))),
    ):
        wired.check(handler, answer)
        assert "was forgotten" in answer[do.tab.result.verdict]


@pytest.mark.parametrize("index", [None, 3, [1], [1, 2, 3], [-1, 0], [10**9, 0], ["1", 2], {"x": 1}, [1.5, 2]])
def test_a_click_outside_of_the_picture_is_refused(index: object) -> None:
    with pytest.raises(gr.Error, match="not in the picture"):
        place_in(view(matched()), index)


def test_stop_without_a_fine_tuning_keeps_nothing(wired: Wired) -> None:
    wired.learning.stop(type("Request", (), {"session_hash": "x" * 10**6}))
    assert not wired.learning.tuning


def test_what_was_learned_stays_in_use_where_it_cannot_be_saved(
    wired: Wired, tiny: Tools, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(reference: object, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(good_parts, "save_reference", full)
    do, tune = wired.inspection, wired.learning.fine_tune
    *_, answer = tune(wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    assert answer[do.tab.good_parts.reference].shots == 1
    assert answer[do.tab.good_parts.adapted] is True
    assert (
        "cannot be saved. This server cannot write its files (No space left on device)"
        in (answer[do.tab.good_parts.card])
    )
    assert not answer[do.tab.good_parts.download].interactive


def test_without_space_for_temporary_files_nothing_begins(
    wired: Wired, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "LEAST_FREE", 10**18)
    do, tune = wired.inspection, wired.learning.fine_tune
    (answer,) = do.detect(wired.values(do.detect, query=picture))
    assert "There is no space left on this server" in answer[do.tab.result.verdict]
    (answer,) = tune(wired.values(tune) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    assert "There is no space left on this server" in answer[do.tab.good_parts.card]


def test_methods_that_need_good_parts_are_not_offered_without() -> None:
    assert [name for _, name in method_choices(None)] == ["maeday", "self", "ensemble"]


def test_a_method_that_cannot_judge_gives_way_to_the_first(wired: Wired) -> None:
    do = wired.inspection
    answer = do.asking.offer_methods(None, "patchcore")
    assert answer[do.tab.settings.method].value == "ensemble"
    assert answer[do.tab.result.auto] is True
