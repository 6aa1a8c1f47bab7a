"""How a result is looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from app.inspect.looks import place_in, threshold_slider
from maeday_core import (
    Detection,
    Tools,
)
from tests.app.inspect.wired import Wired, view
from tests.drawing.detections import ensemble, matched, reconstructed


@pytest.mark.parametrize("made", [reconstructed, matched, ensemble])
def test_answers_on_a_result_name_wired_components(wired: Wired, made: Callable[[], Detection]) -> None:
    do, result = wired.inspection, view(made())
    for handler in (do.end, do.looks.redraw, do.looks.set_automatic, do.looks.allow, do.looks.files):
        wired.check(handler, handler(wired.values(handler, result)))
    wired.check(do.looks.show_mask, do.looks.show_mask(result, 2, False))
    wired.check(do.looks.show_all_masks, do.looks.show_all_masks(result, False, True))


def test_files_are_written_for_their_own_buttons(wired: Wired) -> None:
    do = wired.inspection
    answer = do.looks.files(wired.values(do.looks.files, view(reconstructed())))
    buttons = [answer[button] for button in (do.tab.result.figure, do.tab.result.report, do.tab.result.coco)]
    names = [Path(button.constructor_args["value"]).name for button in buttons]
    assert names == ["part-maeday.png", "part-report.html", "part-coco.json"]


def test_what_is_outlined_is_in_pixels_of_the_photo_itself(wired: Wired) -> None:
    do = wired.inspection
    small = view(reconstructed())
    limit = float(small.result.error_map.max()) * 0.9
    height, width = small.query.shape[:2]
    read = []
    for times in (1, 3):
        one = replace(small, size=(times * height, times * width), by_hand=limit)
        values = wired.values(do.looks.files, one, threshold=limit) | {do.tab.result.auto: False}
        written = Path(do.looks.files(values)[do.tab.result.coco].constructor_args["value"])
        read.append(json.loads(written.read_text(encoding="utf-8")))
        assert (read[-1]["images"][0]["width"], read[-1]["images"][0]["height"]) == (times * width, times * height)
        assert read[-1]["annotations"]
    (first, *_), (second, *_) = (one["annotations"] for one in read)
    assert [edge / 3 for edge in second["bbox"]] == pytest.approx(first["bbox"], abs=1)


def test_masks_are_shown_only_where_there_are_some(wired: Wired) -> None:
    do = wired.inspection
    for made, visible in ((matched, False), (ensemble, True)):
        answer = do.end(wired.values(do.end, view(made())))
        assert answer[do.tab.result.masks.column].visible is visible


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
