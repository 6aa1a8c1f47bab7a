"""What was inspected, and the way back to it."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from app.inspect.inspected import Whole
from app.inspect.looks import Looks
from app.inspect.strip import MOST_WHOLE, Strip
from app.inspect.visited import compared_html, strip_csv, visit_report
from maeday_core import SELF_REFERENCE, Tools
from maeday_core.detection.decision import Verdict
from maeday_core.texts import LANGUAGE
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


def three(strip: Strip) -> Strip:
    """A photo twice, by two methods, and another photo of its name; the last one is shown."""
    (one,) = strip.entries
    path = one.question.path.parent / "other" / one.question.name
    path.parent.mkdir()
    shutil.copy(one.question.path, path)
    for question in (replace(one.question, method=SELF_REFERENCE), replace(one.question, path=path)):
        strip = strip.with_answer(question, one.view)
    return strip


def test_photos_of_one_name_are_told_apart(wired: Wired, tiny: Tools, picture: str) -> None:
    _, strip = inspected(wired, picture)
    name = Path(picture).name
    assert [one.name for one in three(strip).entries] == [name, name, f"{Path(name).stem} (2).png"]


def test_a_limit_set_by_hand_judges_all_that_it_can(wired: Wired, tiny: Tools, picture: str) -> None:
    do, looks = wired.inspection, wired.owner(Looks)
    values, strip = inspected(wired, picture)
    one, other, _ = (strip := three(strip)).entries
    low = one.score / 2
    by_hand = {**values, do.tab.strip.kept: strip, do.tab.result.auto: False, do.tab.result.threshold: low}
    answer = looks.judge_all(by_hand)
    wired.check(looks.judge_all, answer)
    judged = answer[do.tab.strip.kept]
    assert [each.limit for each in judged.entries] == [low, other.limit, low]
    assert [each.verdict for each in judged.entries] == [Verdict.ANOMALOUS, other.verdict, Verdict.ANOMALOUS]
    assert [each.rests_on for each in judged.entries] == ["set by hand", "automatic", "set by hand"]
    assert judged.entries[0].overlay != one.overlay  # outlined now
    rows = [*csv.DictReader(io.StringIO(strip_csv(judged)))]
    assert [row["threshold"] for row in rows] == [f"{each.limit:.4g}" for each in judged.entries]
    assert [row["limit"] for row in rows] == ["set by hand", "automatic", "set by hand"]
    assert visit_report(judged).count("set by hand</p>") == 2
    whole = judged.entries[0].whole
    assert whole
    assert whole.view is one.whole.view or whole.view.by_hand is None  # the question says which limit counts
    back = replace(judged, current=1).judged(one.view).judged_alike()
    assert [each.limit for each in back.entries] == [each.limit for each in strip.entries]


def test_two_that_are_compared_say_by_what_they_were_judged(wired: Wired, tiny: Tools, picture: str) -> None:
    _, strip = inspected(wired, picture)
    told = compared_html(three(strip).pin(1).pin(3))
    for row in ("Method", "Model", "Masks (N)", "Mask sampling"):
        assert f">{row}</th>" in told
    assert "Seed" not in told  # it is the same


def test_what_is_compared_is_told_in_the_readers_language(wired: Wired, tiny: Tools, picture: str) -> None:
    _, strip = inspected(wired, picture)
    strip = three(strip).pin(1).pin(3)
    first, *others = strip.entries
    settings = replace(first.question.settings, mask_ratio=0.6, tile="on", patches="masked")
    made_by = replace(first.view.result.made_by, mask_ratio=0.6, tile="on", patches="masked", sampling="random")
    changed = replace(
        first,
        question=replace(first.question, settings=settings),
        view=replace(first.view, result=replace(first.view.result, made_by=made_by)),
    )
    reader = LANGUAGE.set("de")
    try:
        told = compared_html(replace(strip, entries=(changed, *others)))
    finally:
        LANGUAGE.reset(reader)
    for value in ("0,6", "durch Fenster", "nur verdeckte", "zufällig"):
        assert f"<td>{value}</td>" in told
    assert "masked" not in told


def test_a_result_that_was_stopped_changes_nothing_in_the_strip(wired: Wired, tiny: Tools, picture: str) -> None:
    values, strip = inspected(wired, picture)
    stopped = replace(values[wired.inspection.tab.shown], time=datetime.now().astimezone(), by_hand=0.9)
    assert strip.judged(stopped) is strip
