"""What the Frames tab shows of a batch, without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.frames import cards
from app.frames.batch import Asked, Batch, Criteria, State
from app.frames.said import Said, Told
from maeday_core.detection.objects import Box
from maeday_core.frames import FrameRecord, FrameRun, Judgement, LeftOut, Verdict
from maeday_core.frames.baseline import Baseline
from maeday_core.frames.triage import NOT_JUDGED, Judged, Judgements
from maeday_core.io.corrections import now
from tests.frames.batches import measured, with_one_spot

BOX = Box(70, 40, 10, 12, 100, 0.9, (75, 45))
ASKED = Asked(("a.zip",), (), 1.0, "ensemble", "on", 4, "bundled", False)


def verdict(number: int, score: float, boxes: int = 0, time: float | None = None) -> Verdict:
    path = f"<b>{number}.png"
    record = FrameRecord(Path(), number, path, time, [score], None, 120, 180, 1, 2.0, {}, "")
    return Verdict(record, score, 0.5, (BOX,) * boxes)


def batch(*verdicts: Verdict, threshold: float = 0.5, said: Judgements = NOT_JUDGED, **values) -> Batch:
    baseline = Baseline(0.5, "", tuple(one.image_score for one in verdicts), ground=0.2)
    told = Said(tuple(Told(number, judged, now()) for number, judged in said.items()))
    judgement = Judgement(baseline, threshold, verdicts)
    return Batch(FrameRun(Path()), ASKED, 10, judgement, state=State.DONE, told=told, **values)


def test_a_finished_batch_says_what_was_found() -> None:
    card = cards.status(batch(verdict(0, 0.2), verdict(1, 0.9, 2)))
    assert "1 of 2 frames holds something that does not belong" in card
    assert "Usual level 0.20, limit 0.50: the frames are judged against each other." in card
    assert "anomalous" in card


def test_a_batch_without_objects_is_calm_only_where_clean_frames_say_what_is_normal() -> None:
    card = cards.status(batch(verdict(0, 0.2)))
    assert "Nothing above the limit; look at these first" in card
    assert "look" in card
    assert "calm" not in card
    one = verdict(0, 0.2)
    card = cards.status(batch(replace(one, record=replace(one.record, ordinary={"middle": 0.1}))))
    assert "Nothing above the limit of the clean frames" in card
    assert "calm" in card


def test_a_batch_without_frames_is_a_problem_and_says_what_was_left_out() -> None:
    card = cards.status(batch(left_out=(LeftOut("x", "/srv/here/<x>.mp4 is no video."),)))
    assert "No frame could be read" in card
    assert "problem" in card
    assert "1 left out:" in card
    assert "&lt;x&gt;.mp4 is no video." in card
    assert "/srv" not in card


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.RUNNING, "About 16 s left; what to look at first may still change."),
        (State.PAUSED, "Paused after 2 of 10 frames; Resume goes on."),
        (State.STOPPED, "Stopped after 2 of 10 frames."),
    ],
)
def test_a_card_says_how_far_the_run_is(state: State, words: str) -> None:
    assert words in cards.status(replace(batch(verdict(0, 0.2), verdict(1, 0.3)), state=state))


@pytest.mark.parametrize(
    ("done", "seconds", "words"), [(9, 2.0, "A moment left"), (10, 2.0, "All are looked at; now they are compared.")]
)
def test_the_last_frames_are_not_told_in_seconds(done: int, seconds: float, words: str) -> None:
    running = replace(batch(*(verdict(number, 0.2) for number in range(done))), state=State.RUNNING)
    assert running.judgement.verdicts[0].record.seconds == seconds
    assert words in cards.status(running)


def test_of_the_last_frame_no_seconds_are_told_for_all_are_compared_after_it() -> None:
    slow = [
        replace(one, record=replace(one.record, seconds=20.0)) for one in (verdict(number, 0.2) for number in range(9))
    ]
    assert "About 40 s left" in cards.status(replace(batch(*slow[:8]), state=State.RUNNING))
    assert "A moment left" in cards.status(replace(batch(*slow), state=State.RUNNING))


def test_what_the_visitor_judged_is_in_the_headline() -> None:
    frames = verdict(0, 0.2), verdict(1, 0.9, 2)
    some = cards.status(batch(*frames, said={0: Judged.FINE}))
    assert "<h2>None confirmed so far, 1 left to look at</h2>" in some
    assert "By itself: 1 of 2 frames holds something that does not belong." in some
    assert 'class="verdict anomalous"' in some
    assert 'class="verdict hint"' in cards.status(batch(*frames, said=dict.fromkeys(range(2), Judged.FINE)))
    assert 'class="verdict anomalous"' in cards.status(batch(*frames, said={0: Judged.OBJECT, 1: Judged.FINE}))


def test_a_run_that_goes_on_pretends_no_result() -> None:
    running = replace(batch(verdict(0, 0.2), verdict(1, 0.9, 2)), state=State.RUNNING)
    card = cards.status(running)
    assert "<h2>2 of 10 looked at</h2>" in card
    assert 'class="verdict busy"' in card
    assert {row[4] for row in cards.table(running)} == {""}
    assert cards.title(replace(running, judgement=batch().judgement)) == "Starting"


def test_a_problem_keeps_what_was_done() -> None:
    card = cards.status(replace(batch(verdict(0, 0.2)), state=State.PAUSED), "The disk is full.")
    assert "The disk is full. What was done is kept. Paused after 1 of 10 frames" in card


def test_a_threshold_by_hand_says_so() -> None:
    assert "The limit 0.10 was set by hand; the automatic one is 0.50." in cards.status(
        batch(verdict(0, 0.9, 1), threshold=0.1)
    )


def test_the_card_names_twenty_of_those_left_out() -> None:
    card = cards.status(batch(verdict(0, 0.2), left_out=tuple(LeftOut("x", f"No {i}.") for i in range(25))))
    assert card.count("<li>") == 21
    assert "and 5 more; the report names all" in card


def test_the_table_has_the_worst_first_and_what_the_visitor_said() -> None:
    rows = cards.table(batch(verdict(0, 0.2), verdict(1, 0.9, 2, time=1.5), said={0: Judged.FINE}))
    assert rows == [
        [1, "1.5 s of <b>1.png", "1.80", "0.900", "above", 2, ""],
        [2, "<b>0.png", "0.40", "0.200", "below", 0, "fine"],
    ]


def test_progress_in_judging_is_told() -> None:
    frames = [verdict(number, 0.2 + number / 100) for number in range(8)]
    assert "0 of 5 judged by you" in cards.judged(batch(*frames))
    some = batch(*frames, said={7: Judged.FINE, 0: Judged.OBJECT})  # one of the five, and another one
    assert "2 of 6 judged by you" in cards.judged(some)
    assert some.next == 6
    done = batch(*frames, said=dict.fromkeys(range(3, 8), Judged.FINE))
    assert "5 of 5 judged by you" in cards.judged(done)
    assert done.next is None


def test_facts_name_the_objects_and_escape_the_name(tmp_path: Path) -> None:
    judged = Batch(measured(tmp_path, with_one_spot()), ASKED, 8, state=State.DONE).judged(Criteria(None, 0, None))
    one = judged.verdict(3)
    assert one
    named = replace(one, boxes=(BOX,) * 12, record=replace(one.record, path="<b>1.png"))
    facts = cards.facts(judged, named)
    assert "<h3>&lt;b&gt;1.png</h3>" in facts
    assert "12 objects, 180 x 120 px" in facts
    assert facts.count("10 x 12 px at (70, 40), area 100 px, peak 0.90") == cards.BOXES
    assert 'alt="The most unusual place of &lt;b&gt;1.png, from near by"' in facts
    assert "its most unusual place is ringed" in cards.facts(judged, replace(one, boxes=()))


def test_durations_are_in_words() -> None:
    assert [cards.duration(seconds) for seconds in (12.4, 89, 150)] == ["12 s", "89 s", "2 min"]
