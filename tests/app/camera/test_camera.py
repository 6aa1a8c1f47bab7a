"""The Camera tab: frames are judged as in Inspect, alarms are kept with their worst frame, and all is in a table."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.camera import camera_tab, live
from app.camera.live import Live, file_in
from app.camera.seen import MOST_ALARMS, MOST_LINES, Frame, Seen
from app.events import Answer
from app.inspect import inspect_tab
from app.inspect.inspected import THUMBNAIL
from app.inspect.question import Question
from maeday_core import MAEDAY, MaskedAutoencoder, Reference, Settings, Tools, load_image
from maeday_core.drawing.html import jpeg_bytes
from maeday_core.drawing.shown import Shown, shown
from maeday_core.watching.sinks import COLUMNS
from tests.drawing.detections import matched, query

QUESTION = Question(Path("camera.jpg"), MAEDAY, "bundled", Settings(), Reference())


def sent(file: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(file).decode()}"


def view(score: float) -> Shown:
    """A result whose limit is 1."""
    return replace(shown("camera.jpg", query(), matched(score)), by_hand=1.0)


def plus(seen: Seen, number: int, score: float) -> Seen:
    return seen.plus(Frame(number, b"frame %d" % number), QUESTION, view(score))


class Wired:
    """The tab as it is wired, with Inspect beside it."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks, gr.Tabs() as tabs:
            with gr.Tab() as other:
                inspect = inspect_tab(60)
            with gr.Tab() as own:
                camera_tab(60, own, tabs, inspect)
        del other
        self.live: Live = next(
            owner for one in self.blocks.fns.values() if isinstance(owner := getattr(one.fn, "__self__", None), Live)
        )

    def values(self, handler: str, **given: Any) -> dict[Any, Any]:
        event = next(one for one in self.blocks.fns.values() if one.fn == getattr(self.live, handler))
        return {one: given.get(one.elem_id, one.value) for one in event.inputs}

    def outputs(self, handler: str) -> set[Any]:
        return {
            one
            for event in self.blocks.fns.values()
            if event.fn == getattr(self.live, handler)
            for one in event.outputs
        }


@pytest.fixture(scope="module")
def wired() -> Wired:
    return Wired()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tiny_model: MaskedAutoencoder) -> None:
    monkeypatch.setattr(live, "loaded_tools", lambda name, settings, method: Tools(settings, model=lambda: tiny_model))


def judged(wired: Wired, number: int, given: dict[Any, Any] | None = None) -> Answer:
    values = wired.values("judge", camera=sent(jpeg_bytes(query())), method="maeday", masks=4) | (given or {})
    answer = wired.live.judge(values, SimpleNamespace(number=number))  # type: ignore[arg-type]
    assert set(answer) <= wired.outputs("judge")
    return answer


@given(st.lists(st.sampled_from([0.5, 1.1, 1.5, 3.0]), max_size=12), st.integers(1, 3))
def test_frames_above_the_limit_one_after_another_are_one_alarm_with_the_worst(scores: list[float], step: int) -> None:
    seen = Seen()
    for index, score in enumerate(scores):
        seen = plus(seen, 1 + index * step, score)
    runs = [[*run] for above, run in groupby(scores, lambda score: score > 1) if above]
    assert [one.frames for one in seen.alarms] == [len(run) for run in runs]
    assert [one.factor for one in seen.alarms] == [max(run) for run in runs]
    assert [one.number for one in seen.alarms] == [*range(1, len(runs) + 1)]
    assert (seen.count, seen.judged) == (len(runs), len(scores))
    assert seen.dropped == max(0, len(scores) - 1) * (step - 1)
    rows = [*csv.DictReader(io.StringIO(seen.table))]
    assert [row["verdict"] for row in rows] == ["anomalous" if score > 1 else "normal" for score in scores]
    assert seen.table.splitlines()[0] == ",".join(COLUMNS)


def test_the_worst_frame_is_the_one_that_is_kept() -> None:
    seen = plus(plus(plus(Seen(), 1, 1.2), 2, 2.0), 3, 1.5)
    (alarm,) = seen.alarms
    assert alarm.worst.file == b"frame 2"
    assert max(load_image(alarm.thumbnail).shape) <= THUMBNAIL
    assert "2.0" in alarm.factor_told


def test_a_recording_that_begins_anew_has_dropped_nothing() -> None:
    assert plus(plus(plus(Seen(), 1, 0.5), 4, 0.5), 1, 0.5).dropped == 2


def test_a_long_watch_keeps_the_last_alarms_and_lines() -> None:
    seen = Seen(lines=("line\n",) * MOST_LINES)
    for number in range(1, 2 * MOST_ALARMS + 3):
        seen = plus(seen, number, 0.5 if number % 2 else 1.5)
    assert len(seen.alarms) == MOST_ALARMS
    assert seen.alarms[-1].number == seen.count == MOST_ALARMS + 1
    assert seen.of(1) is None
    assert len(seen.lines) == MOST_LINES


def test_a_frame_is_judged_as_in_inspect(wired: Wired, tiny: None) -> None:
    tab = wired.live.tab
    answer = judged(wired, 1)
    assert answer[tab.seen].judged == 1
    assert "4 masks" in answer[tab.card]
    assert "<img" in answer[tab.picture]
    assert "without good parts" in answer[tab.judged_by]
    by_hand = {wired.live.inspect.result.auto: False, wired.live.inspect.result.threshold: 1e-9}
    answer = judged(wired, 5, by_hand | {tab.seen: answer[tab.seen]})
    seen: Seen = answer[tab.seen]
    assert (seen.judged, seen.dropped, seen.count) == (2, 3, 1)
    assert "Alarm 1" in answer[tab.alarms]


def test_an_alarm_is_the_photo_of_inspect_with_the_same_question(wired: Wired, tiny: None) -> None:
    tab, inspect = wired.live.tab, wired.live.inspect
    by_hand = {inspect.result.auto: False, inspect.result.threshold: 1e-9}
    seen = judged(wired, 1, by_hand)[tab.seen]
    clicked = {tab.seen: seen, inspect.good_parts.reference: None}
    opened = wired.live.open_in_inspect(clicked, SimpleNamespace(number=1))  # type: ignore[arg-type]
    assert set(opened) <= wired.outputs("open_in_inspect")
    incoming = opened[inspect.incoming]
    assert Path(incoming.path).read_bytes() == jpeg_bytes(query())
    assert (incoming.method, incoming.settings.masks) == ("maeday", 4)
    assert incoming.margin == pytest.approx(seen.alarms[0].view.result.image_score - 1e-9)
    for number in (2, None, "1"):
        with pytest.raises(gr.Error):
            wired.live.open_in_inspect(clicked, SimpleNamespace(number=number))  # type: ignore[arg-type]


def test_start_over_and_the_table(wired: Wired) -> None:
    tab = wired.live.tab
    assert wired.live.start_over()[tab.seen] == Seen()
    assert set(wired.live.start_over()) <= wired.outputs("start_over")
    table = Path(wired.live.table(plus(Seen(), 1, 2.0)).value["path"]).read_text()
    assert table.count("\n") == 2
    assert "without good parts" in wired.live.tell(wired.values("tell"))[tab.judged_by]


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (None, "does not send"),
        ("https://example.org/a.jpg", "does not send"),
        ("data:image/jpeg;base64,??", "does not send"),
        ("data:text/html;base64,AAAA", "does not send"),
        (sent(b"no picture"), "not a picture"),
        (sent(jpeg_bytes(np.zeros((2, 3000, 3), np.uint8))), "times as long"),
    ],
)
def test_what_is_no_frame_is_said_and_what_was_seen_stays(
    wired: Wired, tiny: None, file: str | None, told: str
) -> None:
    values = wired.values("judge", method="maeday") | {wired.live.tab.camera: file}
    answer = wired.live.judge(values, SimpleNamespace())  # type: ignore[arg-type]
    assert told in answer[wired.live.tab.card]
    assert wired.live.tab.seen not in answer


def test_good_parts_that_are_lost_are_said(wired: Wired) -> None:
    values = wired.values("judge") | {wired.live.inspect.good_parts.adapted: True}
    answer = wired.live.judge(values, SimpleNamespace())  # type: ignore[arg-type]
    assert "were forgotten" in answer[wired.live.tab.card]


def test_a_data_url_is_its_bytes() -> None:
    assert file_in(sent(b"\xff\xd8")) == b"\xff\xd8"
