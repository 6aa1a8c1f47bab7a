"""A run over a visitor's frames: it starts, pauses, stops, and ends with files."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from app.events import unchanged
from app.frames import batch as batches
from app.frames.answers import limit_slider
from app.frames.batch import Batch, State
from app.frames.run import Wishes
from app.frames.wiring import method_choices
from maeday_core import SettingsError
from tests.app.frames.wired import Request, Wired, watch
from tests.frames.batches import brightness


def test_the_methods_are_those_that_need_no_clean_frames() -> None:
    names = [name for _, name in method_choices()]
    assert names[0] == "ensemble"
    assert {"maeday", "self"} < set(names)
    assert "patchcore" not in names


def test_without_frames_the_card_says_so(wired: Wired) -> None:
    watching = wired.watching
    (answer,) = watching.start(wired.values(None), Request())
    wired.check(watching.start, answer)
    assert "There are no frames yet" in answer[watching.tab.result.card]
    assert not watching.running


def test_a_run_whose_answer_cannot_be_shown_can_be_started_again(wired: Wired) -> None:
    watching = wired.watching
    answer = watching.give_up()
    wired.check(watching.give_up, answer)
    assert answer[watching.tab.run.start].interactive
    events = wired.blocks.fns.values()
    starts = {event._id for event in events if event.fn == watching.start}
    assert starts == {event.trigger_after for event in events if event.fn == watching.give_up}


def test_a_second_run_waits_for_the_first(wired: Wired) -> None:
    watching = wired.watching
    watching.running["visitor"] = Wishes()
    try:
        (answer,) = watching.start(wired.values(None), Request())
        assert "A run is going on" in answer[watching.tab.result.card]
    finally:
        watching.running.clear()


def test_a_run_ends_with_verdicts_and_files(wired: Wired, begun: Path) -> None:
    *_, answer = watch(wired, begun)
    tab = wired.watching.tab
    wired.check(wired.watching.start, answer)
    assert answer[tab.batch].state is State.DONE
    assert [row[4] for row in answer[tab.result.table]["data"]].count("above") == 1
    assert Path(answer[tab.result.files.archive].value["path"]).name == batches.ARCHIVE
    assert answer[tab.run.start].interactive


def test_a_run_without_a_frame_says_what_was_left_out(wired: Wired, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "broken.mp4").write_bytes(b"no video")
    *_, answer = watch(wired, tmp_path)
    wired.check(wired.watching.start, answer)
    assert "broken.mp4 is no video this program can read" in answer[wired.watching.tab.result.card]


def test_a_paused_run_goes_on_where_it_was(wired: Wired, begun: Path) -> None:
    tab = wired.watching.tab
    *_, paused = watch(wired, begun, State.PAUSED)
    assert len(paused[tab.batch].judgement.verdicts) == 1
    assert paused[tab.run.start].value == "Resume"
    assert paused[tab.run.stop].interactive
    *_, done = watch(wired, begun)
    assert len(done[tab.batch].judgement.verdicts) == 8


def test_what_was_measured_before_a_mistake_is_kept(wired: Wired, begun: Path) -> None:
    queries = []

    def failing(query):
        queries.append(query)
        if len(queries) == 3:
            raise RuntimeError("a mistake of the program")
        yield from brightness(query)

    *_, answer = watch(wired, begun, detect=failing)
    tab = wired.watching.tab
    assert answer[tab.batch].state is State.PAUSED
    assert len(answer[tab.batch].judgement.verdicts) == 2
    assert "The program made a mistake" in answer[tab.result.card]


def test_a_run_whose_folder_is_gone_is_told_so_and_is_no_mistake(wired: Wired, begun: Path) -> None:
    answers = watch(wired, begun)
    next(answers)
    shutil.rmtree(begun)
    with pytest.raises(SettingsError, match="were forgotten"):
        list(answers)


def test_a_run_whose_files_cannot_be_written_keeps_its_verdicts(
    wired: Wired, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batch: Batch) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Batch, "written", full)
    *_, answer = watch(wired, begun)
    tab = wired.watching.tab
    wired.check(wired.watching.start, answer)
    assert "cannot write its files (No space left on device)" in answer[tab.result.card]
    assert answer[tab.batch].state is State.DONE
    assert len(answer[tab.batch].judgement.verdicts) == 8


def test_stop_ends_a_paused_run_for_good(wired: Wired, batch: Batch) -> None:
    watching, tab = wired.watching, wired.watching.tab
    answer = watching.stop(replace(batch, state=State.PAUSED), True, Request())
    wired.check(watching.stop, answer)
    assert answer[tab.batch].state is State.STOPPED
    assert watching.stop(batch, True, Request()) == unchanged()


def test_wishes_reach_a_run_that_goes_on(wired: Wired) -> None:
    watching = wired.watching
    wishes = watching.running["visitor"] = Wishes()
    try:
        watching.set_limit(0.4, Request())
        watching.pause(Request())
        assert wishes == Wishes(State.PAUSED, 0.4)
        watching.set_automatic(True, 0.4, Request())
        watching.stop(None, False, Request())
        assert wishes == Wishes(State.STOPPED, None)
    finally:
        watching.running.clear()


def test_the_line_that_is_dragged_moves_the_slider(wired: Wired) -> None:
    watching, tab = wired.watching, wired.tab
    answer = watching.drag_limit(type("Event", (), {"value": 1.23456}), Request())
    wired.check(watching.drag_limit, answer)
    assert answer == {tab.result.limit: 1.235, tab.result.auto: False}
    assert watching.drag_limit(type("Event", (), {"value": -3}), Request())[tab.result.limit] == 0
    for odd in (None, "1", float("nan"), [1], True):
        with pytest.raises(gr.Error):
            watching.drag_limit(type("Event", (), {"value": odd}), Request())


def test_the_slider_reaches_beyond_all_scores_and_stays_where_it_was_put(batch: Batch) -> None:
    assert limit_slider(batch, automatic=True).maximum > max(batch.judgement.baseline.scores)
    assert limit_slider(batch, automatic=True).value == round(batch.judgement.threshold, 3)
