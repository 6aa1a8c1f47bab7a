"""What was inspected, and the way back to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from app.inspect.strip import MOST_WHOLE, Strip, Whole
from maeday_core import Tools
from tests.app.inspect.wired import Wired


def inspected(wired: Wired, picture: str) -> tuple[dict[Any, Any], Strip]:
    """What the page holds after a detection, and the strip."""
    do = wired.inspection
    values = wired.values(do.detect, query=picture, masks=2, method="maeday")
    for answer in do.detect(values):
        wired.check(do.detect, answer)
        values = {one: answer.get(one, value) for one, value in values.items()}
    return values, values[do.tab.strip.kept]


def test_a_result_is_returned_to_without_another_run(wired: Wired, tiny: Tools, picture: str) -> None:
    do = wired.inspection
    values, strip = inspected(wired, picture)
    (one,) = strip.entries
    assert one.whole
    assert one.whole.view is values[do.tab.shown]
    answers = list(do.detect_recalled({**values, do.tab.shown: None}))
    for answer in answers:
        wired.check(do.detect_recalled, answer)
    seen, saved = answers
    assert seen[do.tab.shown] is one.whole.view
    assert seen[do.tab.stop].interactive is False
    assert saved[do.tab.result.error_map].constructor_args["value"] == one.whole.error_map
    assert do.tab.strip.kept not in seen | saved


def test_what_is_not_kept_is_made_again(wired: Wired, tiny: Tools, picture: str) -> None:
    do = wired.inspection
    values, strip = inspected(wired, picture)
    assert strip.entries[0].whole
    Path(strip.entries[0].whole.error_map).unlink()
    first, *_, last = do.detect_recalled(values)
    assert "Loading" in first[do.tab.result.verdict]
    assert last[do.tab.strip.kept].entries[0].whole.is_there


def test_a_few_results_are_kept_whole_and_another_threshold_keeps_them(wired: Wired, tiny: Tools, picture: str) -> None:
    do = wired.inspection
    values, strip = inspected(wired, picture)
    (one,) = strip.entries
    assert one.whole
    many = tuple(replace(one, number=number, whole=None) for number in range(1, MOST_WHOLE + 3))
    strip = Strip(many)
    for number in range(1, MOST_WHOLE + 3):
        strip = replace(strip, current=number).keeping(Whole(one.whole.view, one.whole.error_map))
    assert [one.number for one in strip.entries if one.whole] == [*range(3, MOST_WHOLE + 3)]
    judged = strip.judged(replace(values[do.tab.shown], by_hand=0.9).allowing(0.2)).shown
    assert judged
    assert judged.whole == one.whole
    assert judged.question.settings.alarm_rate == 0.2
