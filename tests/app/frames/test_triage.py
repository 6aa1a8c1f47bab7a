"""Frames that are chosen, judged and handed on."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from app.events import unchanged
from app.frames.batch import Batch, State
from app.frames.triage import other_question
from maeday_core.frames import FrameRun
from tests.app.frames.wired import ASKED, Request, Wired, watch


def test_another_threshold_changes_verdicts_and_files(wired: Wired, batch: Batch) -> None:
    triage, tab = wired.triage, wired.tab
    answer = triage.judge_again(wired.values(batch, auto=False, threshold=0.1))
    wired.check(triage.judge_again, answer)
    assert len(answer[tab.batch].judgement.anomalous) == 8
    assert not answer[tab.result.files.archive].interactive  # until it is written anew
    files = triage.write_files(answer[tab.batch])
    wired.check(triage.write_files, files)
    with zipfile.ZipFile(files[tab.result.files.archive].value["path"]) as packed:
        assert len([name for name in packed.namelist() if name.startswith("anomalous/")]) == 8


def test_a_batch_that_runs_or_is_gone_is_not_judged_again(wired: Wired, batch: Batch) -> None:
    for other in (None, replace(batch, state=State.RUNNING)):
        assert wired.triage.judge_again(wired.values(other)) == unchanged()
        assert wired.triage.write_files(other) == unchanged()
        judging, values = wired.judging, wired.values(other, number=3)
        for say in (judging.say_object, judging.say_fine, judging.ignore_here, judging.take_back, judging.load):
            assert say({**values, wired.tab.begun: False}) == unchanged()


def test_a_batch_that_was_forgotten_is_not_passed_over(wired: Wired, batch: Batch) -> None:
    watching, triage, tab = wired.watching, wired.triage, wired.tab
    event = type("Event", (), {"row_value": ["4", "x"], "index": 0})
    for other in (None, replace(batch, run=FrameRun(Path("gone")))):
        for handler, answer in (
            (triage.judge_again, triage.judge_again({**wired.values(other), tab.begun: True})),
            (watching.stop, watching.stop(other, True, Request())),
        ):
            wired.check(handler, answer)
            assert "were forgotten; press Start" in answer[tab.result.card]
            assert answer[tab.begun] is False
            assert answer[tab.run.start].value == "Start"
        for ask in (
            lambda other=other: triage.choose_row(other, True, event),
            lambda other=other: triage.choose_thumbnail(other, True, event),
            lambda other=other: triage.choose_dot(other, True, event),
            lambda other=other: wired.judging.say_fine({**wired.values(other), tab.begun: True}),
            lambda other=other: triage.open_in_inspect(other, True, 3),
            lambda other=other: wired.ignoring.take_chosen(other, True, 3),
        ):
            with pytest.raises(gr.Error, match="were forgotten; press Start"):
                ask()


@pytest.mark.parametrize("row", [None, [], ["x"], [[1]], ["inf"], ["nan"], ["99"], 5, {"0": 4}])
def test_a_row_that_is_none_chooses_nothing(wired: Wired, batch: Batch, row: object) -> None:
    event = type("Event", (), {"row_value": row})
    assert wired.triage.choose_row(batch, True, event) == unchanged()


@pytest.mark.parametrize("index", [None, -1, 99, 1.5, "0", [0], {}, True])
def test_a_thumbnail_that_is_none_chooses_nothing(wired: Wired, batch: Batch, index: object) -> None:
    event = type("Event", (), {"index": index})
    assert index is True or wired.triage.choose_thumbnail(batch, True, event) == unchanged()
    assert index in (0, True) or wired.triage.choose_dot(batch, True, event) == unchanged()


def test_a_frame_is_handed_on_with_its_margin_or_with_a_reason(wired: Wired, begun: Path) -> None:
    watching = wired.watching
    *_, done = watch(wired, begun)
    batch = done[watching.tab.batch]
    verdict = batch.verdict(3)
    assert verdict
    answer = wired.triage.open_in_inspect(batch, True, 3)
    wired.check(wired.triage.open_in_inspect, answer)
    incoming = answer[wired.triage.incoming]
    assert Path(incoming.path).name == "3.png"  # as the visitor knows it
    assert incoming.margin == verdict.image_score - verdict.threshold > 0
    assert incoming.settings.masks == ASKED.masks
    assert incoming.settings.sampling == "balanced"
    judgement = batch.judgement
    assert other_question(judgement, verdict) == ""
    for changed in (
        {"excess": np.zeros((1, 1), np.float32)},
        {"ignore": np.zeros((1, 1), bool)},
    ):
        told = other_question(replace(judgement, baseline=replace(judgement.baseline, **changed)), verdict)
        assert "may differ" in told
    assert "of any area" in other_question(judgement, replace(verdict, boxes=()))
    assert "clean frames" in other_question(
        judgement, replace(verdict, record=replace(verdict.record, ordinary={"level": 1.0}))
    )


def test_a_chosen_frame_is_shown_with_its_objects(wired: Wired, batch: Batch) -> None:
    triage, chosen = wired.triage, wired.tab.result.chosen
    event = type("Event", (), {"row_value": ["1", "x"], "index": 0})
    for choose in (triage.choose_row, triage.choose_thumbnail):
        answer = choose(batch, True, event)
        wired.check(choose, answer)
        assert answer[chosen.number] == 3  # the worst
        assert "10 x 10 px at (70, 40)" in answer[chosen.facts]
    answer = triage.choose_dot(batch, True, type("Event", (), {"index": 5}))
    assert answer[chosen.number] == 5
    assert 'aria-activedescendant="frames-dot-5"' in answer[wired.tab.result.timeline]
    for answer in (triage.choose(None, 3), triage.choose(batch, 99), triage.choose(batch, None)):
        assert answer == unchanged()


def test_after_a_run_the_worst_frame_is_shown_unless_another_one_was_chosen(wired: Wired, batch: Batch) -> None:
    triage, chosen = wired.triage, wired.tab.result.chosen
    answer = triage.choose_first(batch, None)
    wired.check(triage.choose_first, answer)
    assert answer[chosen.number] == 3
    assert triage.choose_first(batch, 5)[chosen.number] == 5
    assert triage.choose_first(replace(batch, state=State.RUNNING), None) == unchanged()


def test_files_that_are_out_of_date_when_they_are_written_are_not_offered(wired: Wired, batch: Batch) -> None:
    triage, judging, tab = wired.triage, wired.judging, wired.tab
    older = judging.say_fine(wired.values(batch, number=3))[tab.batch]
    newer = judging.say_object(wired.values(older, number=3))[tab.batch]
    assert triage.write_files(older) == unchanged()
    assert triage.write_files(newer)[tab.result.files.table].interactive
