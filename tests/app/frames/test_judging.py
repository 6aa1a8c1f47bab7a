"""What a visitor says of frames: it is kept, taken back, saved and loaded, and moves the limit where that is wanted."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

from app.events import unchanged
from app.frames import judging as module
from app.frames.answers import chosen as shown_alone
from app.frames.batch import Batch
from maeday_core.detection.feedback import RULE
from maeday_core.io.corrections import Correction, Label, load_corrections, now, save_corrections
from tests.app.frames.wired import Wired


def test_what_the_visitor_says_is_kept_and_the_next_frame_follows(wired: Wired, batch: Batch) -> None:
    triage, judging, tab = wired.triage, wired.judging, wired.tab
    order = [verdict.record.number for verdict in batch.judgement.worst[:5]]
    for done, number in enumerate(order, 1):
        say = judging.say_object if done == 1 else judging.say_fine
        answer = say(wired.values(batch, number=number))
        wired.check(say, answer)
        batch = answer[tab.batch]
        assert f"{done} of 5 judged by you" in answer[tab.result.chosen.judged]
        assert answer[tab.result.chosen.number] == (order[done] if done < 5 else number)
        assert not answer[tab.result.files.table].interactive  # until it is written anew
    assert batch.said == {order[0]: "object", **dict.fromkeys(order[1:], "fine")}
    triage.write_files(batch)
    rows = (batch.run.folder / "frames.csv").read_text().splitlines()
    assert ",object," in rows[1]
    assert "5 of 5 frames to look at were judged by a person" in (batch.run.folder / "report.html").read_text()


def test_a_frame_that_was_fine_stays_so_and_an_object_is_taken_back_with_a_word(
    wired: Wired, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, tab, told = wired.judging, wired.tab, []
    monkeypatch.setattr(gr, "Info", told.append)
    for say, kept in ((judging.say_fine, "fine"), (judging.say_object, "ignored")):
        judged = say(wired.values(batch, number=3))[tab.batch]
        assert judging.ignore_here(wired.values(judged, number=3))[tab.batch].said == {3: kept}
    assert told == ["This frame was judged an object; it is ignored now. Press Object (y) to judge it so again."]


def test_a_thumbnail_tells_what_was_said_of_its_frame(wired: Wired, batch: Batch) -> None:
    answer = wired.judging.say_object(wired.values(batch, number=3))
    wired.check(wired.judging.say_object, answer)
    captions = [caption for _, caption in answer[wired.tab.result.worst]]
    assert [caption.endswith(" · object") for caption in captions] == [True, False, False, False, False]


def test_a_frame_that_is_not_there_cannot_be_judged(wired: Wired, batch: Batch) -> None:
    for number in (None, 99):
        assert wired.judging.say_fine(wired.values(batch, number=number)) == unchanged()
        assert shown_alone(wired.tab, batch, number) == {}


def test_what_is_said_is_taken_back_one_after_another(wired: Wired, batch: Batch) -> None:
    judging, tab = wired.judging, wired.tab
    for say in (judging.say_object, judging.say_fine):
        answer = say(wired.values(batch, number=3))
        batch = answer[tab.batch]
        assert answer[tab.result.chosen.back].interactive
    for said in ({3: "object"}, {}):
        answer = judging.take_back(wired.values(batch, number=0))
        wired.check(judging.take_back, answer)
        batch = answer[tab.batch]
        assert batch.said == said
        assert answer[tab.result.chosen.number] == 3  # the frame that it was said of
    assert not answer[tab.result.chosen.back].interactive
    assert judging.take_back(wired.values(batch)) == unchanged()


def test_what_is_said_is_saved_and_holds_again_of_the_same_frames(
    wired: Wired, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "uploaded", lambda path: path)
    judging, tab = wired.judging, wired.tab
    said = judging.say_object(wired.values(batch, number=3))[tab.batch]
    said = judging.say_fine(wired.values(said, number=5))[tab.batch]
    files = wired.triage.write_files(said)
    saved = load_corrections(files[tab.result.files.said].value["path"])
    record = batch.verdict(3).record
    assert {(one.label, one.path): one.box for one in saved} == {
        (Label.DEFECT, "3.png"): (70, 40, 10, 10),
        (Label.NORMAL, "5.png"): None,
    }
    assert (saved[0].picture == record.content) != (saved[1].picture == record.content)
    other = Correction("0" * 64, Label.NORMAL, now())
    save_corrections([*saved, other], tmp_path / "said.jsonl")
    answer = judging.load({**wired.values(batch, number=3), tab.result.chosen.load: str(tmp_path / "said.jsonl")})
    wired.check(judging.load, answer)
    assert answer[tab.batch].said == {3: "object", 5: "fine"}
    assert "Corrections of pictures that are not here: 1;" in answer[tab.result.card]
    assert answer[tab.batch].told.corrections(batch.judgement) == (other, *saved)
    (tmp_path / "said.jsonl").write_text("nothing")
    with pytest.raises(gr.Error, match="Line 1 of"):
        judging.load({**wired.values(batch), tab.result.chosen.load: str(tmp_path / "said.jsonl")})
    nothing = wired.triage.write_files(wired.triage.new(batch))
    assert not nothing[tab.result.files.said].interactive


def test_the_automatic_limit_follows_what_is_said_where_that_is_wanted(wired: Wired, batch: Batch) -> None:
    judging, tab = wired.judging, wired.tab
    automatic = batch.judgement.threshold
    values = {**wired.values(batch, number=3), tab.result.follow: True}
    highest = batch.verdict(3).image_score
    answer = judging.say_fine(values)
    wired.check(judging.say_fine, answer)
    raised = answer[tab.batch]
    assert raised.judgement.threshold == pytest.approx(highest)
    assert not raised.judgement.anomalous
    assert "Your corrections raised the limit by" in answer[tab.result.card]
    assert answer[tab.result.limit].value == pytest.approx(highest, abs=1e-3)
    again = wired.triage.judge_again({**values, tab.batch: raised, tab.result.follow: False})
    assert again[tab.batch].judgement.threshold == automatic
    back = judging.take_back({**values, tab.batch: raised})
    assert back[tab.batch].judgement.threshold == automatic
    still = judging.say_fine(wired.values(batch, number=3))[tab.batch]
    assert still.judgement.threshold == automatic
    assert RULE.least <= judging.say_object({**values, tab.result.chosen.number: 5})[tab.batch].judgement.moved.factor
