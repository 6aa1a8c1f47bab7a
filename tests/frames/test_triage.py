"""What to look at first, what is told of it, and how the tables keep what a person said."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.frames import FrameRun, Judgement
from maeday_core.frames.triage import Judged, first, headline, sentences, several_grounds, times_the_limit


def test_where_nothing_is_above_the_limit_five_are_worth_a_look(run: FrameRun) -> None:
    judgement = run.judge(threshold=0.95)
    assert headline(judgement) == "Nothing above the limit; look at these first"
    assert first(judgement) == judgement.worst[:5]
    assert first(judgement)[0].record.number == 3


def test_all_that_is_above_the_limit_is_worth_a_look(run: FrameRun) -> None:
    judgement = run.judge(threshold=0.1)
    assert len(first(judgement)) == len(judgement.anomalous) == 8
    assert headline(run.judge()) == "1 of 8 frames holds something that does not belong"
    assert len(first(run.judge())) == 5


def test_what_a_person_judged_comes_first(run: FrameRun) -> None:
    judgement = run.judge()
    ahead = [verdict.record.number for verdict in first(judgement)]
    some = {ahead[0]: Judged.OBJECT, ahead[1]: Judged.FINE}
    assert headline(judgement, some) == "1 confirmed, 3 left to look at"
    assert sentences(judgement, some)[0] == "By itself: 1 of 8 frames holds something that does not belong."
    assert headline(judgement, {ahead[0]: Judged.FINE}) == "None confirmed so far, 4 left to look at"
    everything = dict.fromkeys(ahead, Judged.FINE)
    assert headline(judgement, everything) == "None confirmed, none left to look at first"
    assert headline(judgement, everything | {ahead[2]: Judged.OBJECT}) == "1 confirmed, none left to look at first"


def with_good_parts(judgement: Judgement) -> Judgement:
    ordinary = {"least": 0.1, "middle": 0.2}
    verdicts = tuple(replace(one, record=replace(one.record, ordinary=ordinary)) for one in judgement.verdicts)
    return replace(judgement, verdicts=verdicts)


def test_a_calm_word_rests_on_good_parts(run: FrameRun) -> None:
    judgement = with_good_parts(run.judge(threshold=0.95))
    assert headline(judgement) == "Nothing above the limit of the clean frames"


def test_a_limit_says_where_it_comes_from(run: FrameRun) -> None:
    judgement = run.judge()
    usual, limit = judgement.baseline.ground, judgement.threshold
    assert sentences(judgement) == [
        f"Usual level {usual:.2f}, limit {limit:.2f}: the frames are judged against each other."
    ]
    assert sentences(with_good_parts(judgement)) == [f"The limit {limit:.2f} comes from the clean frames."]
    by_hand = sentences(run.judge(threshold=0.95))
    assert by_hand == [f"The limit 0.95 was set by hand; the automatic one is {limit:.2f}."]
    ignoring = run.judge(ignore=np.zeros((1, 1), bool))
    assert "What lies in the ignored region does not count." in sentences(ignoring)


@pytest.mark.parametrize(("levels", "several"), [((0.5, 0.52, 0.6, 0.5), False), ((0.5, 0.5, 0.9, 0.9), True)])
def test_frames_of_several_grounds_are_told(run: FrameRun, levels: tuple[float, ...], several: bool) -> None:
    judgement = run.judge()
    verdicts = [
        replace(verdict, record=replace(verdict.record, places=[level] * 24))
        for verdict, level in zip(judgement.verdicts, levels * 2, strict=True)
    ]
    judgement = replace(judgement, verdicts=tuple(verdicts))
    assert (several_grounds(judgement) is not None) == several
    assert any("several kinds of ground" in sentence for sentence in sentences(judgement)) == several


def test_a_factor_needs_a_limit(run: FrameRun) -> None:
    verdict = run.judge().verdicts[3]
    assert times_the_limit(replace(verdict, image_score=0.9, threshold=0.6)) == "1.50 x the limit"
    assert times_the_limit(replace(verdict, image_score=0.9, threshold=0.0)) == "score 0.90"


def test_tables_are_worst_first_with_four_digits_settings_and_what_a_person_said(run: FrameRun) -> None:
    run.write(run.judge(), {3: Judged.OBJECT, 0: Judged.FINE})
    with (run.folder / "frames.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["rank"] for row in table] == [str(rank) for rank in range(1, 9)]
    assert Path(table[0]["path"]).name == "3.png"
    scores = [row["image_score"] for row in table]
    assert sorted(scores, key=float, reverse=True) == scores
    assert max(len(score.lstrip("0.")) for score in scores) <= 4
    assert {row["method"] for row in table} == {"brightness"}
    assert {Path(row["path"]).name: row["judged"] for row in table if row["judged"]} == {
        "3.png": "object",
        "0.png": "fine",
    }
    rows = [json.loads(line) for line in (run.folder / "frames.jsonl").read_text().splitlines()]
    assert [row["judged"] for row in rows] == ["fine", None, None, "object", *[None] * 4]
    assert rows[3]["rank"] == 1
    assert rows[3]["image_score"] == run.judge().verdicts[3].image_score  # all digits


def test_boxes_have_a_table_of_their_own(run: FrameRun) -> None:
    run.write(run.judge())
    with (run.folder / "boxes.csv").open(newline="") as file:
        (box,) = csv.DictReader(file)
    assert (box["rank"], box["box"], box["x"], box["y"], box["width"], box["height"]) == (
        "1",
        "1",
        "70",
        "40",
        "10",
        "10",
    )
    assert (box["centre_x"], box["centre_y"]) == ("75", "45")


def test_a_report_says_what_a_person_said(run: FrameRun) -> None:
    run.write(run.judge(), {3: Judged.OBJECT})
    page = (run.folder / "report.html").read_text()
    assert "1 of 5 frames to look at were judged by a person." in page
    assert "judged: <b>object</b>" in page
    assert 'href="#frame-3"' in page
    assert 'id="frame-3"' in page
    assert all(f'id="row-{number}"' in page for number in range(8))


def test_the_worst_are_pictured_where_nothing_is_above_the_limit(run: FrameRun) -> None:
    run.write(run.judge(threshold=0.95))
    names = sorted(path.name for path in (run.folder / "look_first").iterdir())
    assert len(names) == 5
    assert names[0] == "001-3.jpg"
    assert not list((run.folder / "anomalous").iterdir())
