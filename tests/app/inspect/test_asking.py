"""What the page asks: methods, settings, a picture from another tab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import gradio as gr
import pytest

from app.inspect import asking
from app.inspect.asking import method_choices
from maeday_core import (
    MAEDAY,
    METHODS,
    Detection,
    Tools,
)
from maeday_core.drawing.why_cards import place_labels
from tests.app.inspect.wired import INCOMING, Wired, view
from tests.drawing.detections import ensemble, matched, reconstructed


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


def test_a_registered_method_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(type(MAEDAY)):
        name = "other"
        title = "Other"

    monkeypatch.setattr(asking, "METHODS", {**METHODS, "other": Other()})
    assert method_choices(None)[-1] == ("Other", "other")


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


def test_the_paper_s_settings_have_the_first_seed(wired: Wired) -> None:
    do, tab = wired.inspection, wired.inspection.tab
    answer = do.asking.as_in_the_paper()
    wired.check(do.asking.as_in_the_paper, answer)
    assert answer[tab.settings.method] == "maeday"
    assert answer[tab.settings.seed] == 0


def test_a_photo_that_waits_to_be_inspected_greys_what_is_shown_and_names_it(wired: Wired, picture: str) -> None:
    do, tab = wired.inspection, wired.inspection.tab
    before = view(reconstructed())
    values = wired.values(do.start_at_once, before, query=picture) | {tab.at_once: False}
    for answer in (do.start_at_once(values), do.outdated(before)):
        assert "earlier" in answer[tab.result.subject]
        assert "part.png" in answer[tab.result.subject]


def test_methods_that_need_good_parts_are_not_offered_without() -> None:
    assert [name for _, name in method_choices(None)] == ["maeday", "self", "ensemble"]


def test_a_method_that_cannot_judge_gives_way_to_the_first(wired: Wired) -> None:
    do = wired.inspection
    answer = do.asking.offer_methods(None, "patchcore")
    assert answer[do.tab.settings.method].value == "ensemble"
    assert answer[do.tab.result.auto] is True
