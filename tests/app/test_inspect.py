"""The Inspect tab without a browser: each handler answers with components that its events may change."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from app.events import Answer, unchanged
from app.inspect import Incoming, inspect_tab
from app.inspect.learning import Learning, checked
from app.inspect.run import Inspection, first_threshold, method_choices
from maeday_core import Detection, SettingsError
from maeday_core.drawing.shown import Shown, shown
from tests.drawing.detections import ensemble, matched, query, reconstructed


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

    def values(self, handler: Callable[..., Any], **given: Any) -> dict[Any, Any]:
        """What the handler receives: each component's first value, or the one that is given by its `elem_id`."""
        (first, *_) = self.events(handler)
        return {component: given.get(component.elem_id, component.value) for component in first.inputs}


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
    wired.check(do.end, do.end(result, 0.4, False))
    wired.check(do.redraw, do.redraw(result, 0.4, True))
    wired.check(do.set_automatic, do.set_automatic(result, 0.4, True))
    wired.check(do.show_mask, do.show_mask(result, 2, False))
    wired.check(do.show_all_masks, do.show_all_masks(result, False))


def test_files_are_written_for_their_own_buttons(wired: Wired) -> None:
    do = wired.inspection
    answer = do.files(view(reconstructed()), 0.4)
    wired.check(do.files, answer)
    names = [Path(button.constructor_args["value"]).name for button in answer.values()]
    assert names == ["part-maeday.png", "part-report.html"]


def test_answers_without_a_result_change_nothing_but_the_end_of_a_run(wired: Wired) -> None:
    do = wired.inspection
    for handler in (do.redraw, do.set_automatic, do.show_mask):
        assert handler(None, 1, False) == unchanged()
    assert do.show_all_masks(None, False) == unchanged()
    assert do.files(None, 0.4) == unchanged()
    ended = do.end(None, 0.4, False)
    wired.check(do.end, ended)
    assert "Nothing was computed" in ended[do.tab.result.verdict]


def test_answers_of_choices_name_wired_components(wired: Wired) -> None:
    do = wired.inspection
    wired.check(do.start, do.start())
    wired.check(do.as_in_the_paper, do.as_in_the_paper())
    wired.check(do.by_hand, do.by_hand())
    wired.check(do.automatic, do.automatic())
    wired.check(do.offer_methods, do.offer_methods(None, "patchcore"))
    wired.check(do.take, do.take(Incoming("a.png", "ensemble", "on", 4, 1.4, 0.0), None))
    wired.check(wired.learning.try_example, wired.learning.try_example())


def test_masks_are_shown_only_where_there_are_some(wired: Wired) -> None:
    do = wired.inspection
    for made, visible in ((matched, False), (ensemble, True)):
        answer = do.end(view(made()), 0.4, False)
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
    assert "The seed is -1; choose 0 or a larger whole number." in answer[do.tab.result.verdict]


def test_judging_again_begins_without_a_result_that_stop_could_bring_back(wired: Wired, picture: str) -> None:
    do = wired.inspection
    assert next(do.detect_again(wired.values(do.detect_again, query=picture))) == {do.tab.shown: None}


def test_learning_without_photos_is_a_problem_and_keeps_the_reference(wired: Wired) -> None:
    learning, panel = wired.learning, wired.inspection.tab.good_parts
    (answer,) = learning.fine_tune(wired.values(learning.fine_tune), Request())
    wired.check(learning.fine_tune, answer)
    assert "There are no photos of good parts yet" in answer[panel.card]
    assert panel.reference not in answer


def test_too_many_photos_are_refused() -> None:
    with pytest.raises(SettingsError, match="9 photos of good parts were given; keep 1 to 8"):
        checked([("a.png", None)] * 9)


def test_photos_that_were_not_uploaded_here_are_refused(picture: str) -> None:
    with pytest.raises(gr.Error, match="was not uploaded here"):
        checked([(picture, None)])


def test_a_threshold_stays_within_its_slider() -> None:
    assert first_threshold(reconstructed(threshold=2.5), 0.2, auto=True) == 1
    assert first_threshold(reconstructed(), 0.2, auto=False) == 0.2
    assert first_threshold(matched(), 2.5, auto=False) == 2.5


def test_a_picture_from_another_tab_keeps_its_threshold(wired: Wired) -> None:
    do = wired.inspection
    slider = do.take(Incoming("a.png", "ensemble", "on", 4, 1.4, 0.0), None)[do.tab.result.threshold]
    assert slider.value == 1.4
    assert slider.maximum >= 1.4


def test_methods_that_need_good_parts_are_not_offered_without() -> None:
    assert [name for _, name in method_choices(None)] == ["maeday", "self", "ensemble"]


def test_a_method_that_cannot_judge_gives_way_to_the_paper_s(wired: Wired) -> None:
    do = wired.inspection
    answer = do.offer_methods(None, "patchcore")
    assert answer[do.tab.method].value == "maeday"
    assert answer[do.tab.result.auto] is True
