"""The page on a ZeroGPU Space: what computes is another process, and a visitor notices nothing of it."""

from __future__ import annotations

import os
import pickle
import re
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file

from app.gpu import DURATIONS, _in_worker, seconds_of
from benchmarks.visitor import Visitor
from maeday_core import ImageError, Reference, Settings, Tools, load_reference
from maeday_core.fewshot.adapter import Adapter
from maeday_core.fewshot.fine_tuning import DEFAULT
from maeday_core.serving.jobs import Learn, Look
from tests.app.servers import Server, serving
from tests.app.zero_gpu import Platform, platform
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples"
PHOTO, GOOD = EXAMPLES / "metal-scratch.jpg", EXAMPLES / "metal-clean.jpg"
PATIENCE = 120


@pytest.fixture(scope="module")
def space() -> Iterator[Platform]:
    with platform() as seen:
        yield seen


@pytest.fixture(scope="module")
def server(space: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("space"), "-m", "tests.app.zero_gpu", **space.environment) as running:
        yield running


@pytest.fixture
def visitor(server: Server) -> Visitor:
    visitor = Visitor(server.url)
    visitor.set("query", visitor.upload(PHOTO))
    return visitor


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pressed(visitor: Visitor, button: str) -> threading.Thread:
    """A press that goes on while others are made."""
    thread = threading.Thread(target=visitor.press, args=(button,))
    thread.start()
    return thread


def again(visitor: Visitor, server: Server) -> Visitor:
    """The same visit, for a press while another goes on."""
    other = Visitor(server.url)
    other.session = visitor.session
    return other


def test_detect_sharpens_and_its_files_open(visitor: Visitor, space: Platform) -> None:
    visitor.set("masks", 32)
    maps = []
    take = visitor._take
    visitor._take = lambda event, output: maps.append(str(visitor.shows("heat"))) or take(event, output)  # type: ignore[method-assign]
    visitor.press("detect")
    assert "Something here does not belong" in visitor.shows("verdict")
    assert len(set(maps)) > 2
    figure, error_map = (visitor.shows(name) for name in ("get-png", "get-npy"))
    assert visitor.fetch(figure).startswith(b"\x89PNG")
    assert visitor.fetch(error_map).startswith(b"\x93NUMPY")
    assert space.asked[-1] <= DURATIONS.look


def test_ten_runs_in_a_row_are_alike_and_take_one_worker(visitor: Visitor, space: Platform) -> None:
    visitor.set("masks", 2)
    visitor.press("detect")
    workers, said = len(space.workers), set()
    for _ in range(10):
        visitor.press("detect")
        said.add(re.sub(r"[\d.]+ s\b", "", visitor.shows("verdict")))
    assert len(said) == 1
    assert len(space.workers) == workers
    assert space.released == len(space.asked)


def test_stop_ends_fine_tuning_and_keeps_it(visitor: Visitor, server: Server, tmp_path: Path) -> None:
    visitor.set("masks", 2)
    visitor.set("shots", [visitor.upload(GOOD)])
    visitor.press("shots", "upload")
    learning = pressed(visitor, "tune")
    until(lambda: "Step " in str(visitor.shows("adapter")))
    again(visitor, server).press("stop")
    learning.join(PATIENCE)
    assert not learning.is_alive()
    (kept := tmp_path / "kept.safetensors").write_bytes(visitor.fetch(visitor.shows("get-adapter")))
    adapter = load_reference(kept).learned["maeday"]
    assert isinstance(adapter, Adapter)
    assert 1 <= len(adapter.losses) < DEFAULT.steps / 2
    assert not visitor.told


def test_pause_holds_frames_and_they_go_on(visitor: Visitor, server: Server, space: Platform) -> None:
    visitor.set("frames-masks", 1)
    visitor.set("frames-tile", "off")
    visitor.set("frame-files", [visitor.upload(EXAMPLES / "frames.zip")])
    calls = len(space.asked)
    watching = pressed(visitor, "frames-start")
    until(lambda: space.released < len(space.asked) > calls and "looked at" in str(visitor.shows("frames-card")))
    again(visitor, server).press("frames-pause")
    watching.join(PATIENCE)
    assert "Paused" in visitor.shows("frames-card")
    visitor.press("frames-start")
    assert "of 11 frames" in visitor.shows("frames-card")
    assert set(space.asked[calls:]) == {DURATIONS.watch}


def test_a_killed_worker_is_told_and_the_next_run_works(visitor: Visitor, space: Platform) -> None:
    visitor.set("masks", 64)
    calls = len(space.asked)
    looking = pressed(visitor, "detect")
    until(lambda: len(space.asked) > calls and space.workers and "masks so far" in str(visitor.shows("verdict")))
    os.kill(space.workers[-1], signal.SIGKILL)
    looking.join(PATIENCE)
    assert "This did not work" in visitor.shows("verdict")
    assert "GPU task aborted" in visitor.shows("verdict")
    visitor.set("masks", 2)
    visitor.press("detect")
    assert "the limit" in visitor.shows("verdict")


class Large:
    """A job that gives a megabyte, and fails."""

    def steps(self, *_: Any) -> Iterator[bytes]:
        yield bytes(1_000_000)
        raise ImageError("It is dark.")


def test_what_a_worker_says_goes_through_its_pipe_in_one_piece(tmp_path: Path) -> None:
    said = list(_in_worker(pickle.dumps((Large(), None)), str(tmp_path), 10))
    assert all(len(pickle.dumps(one)) < select.PIPE_BUF / 4 for one in said)
    item, error = (pickle.loads(Path(one).read_bytes()) for one in said)
    assert item == bytes(1_000_000)
    assert isinstance(error, ImageError)


def test_what_is_asked_is_in_the_log(visitor: Visitor, server: Server) -> None:
    visitor.set("masks", 2)
    visitor.press("detect")
    assert f"Look asks for {DURATIONS.start + 1} s of a GPU" in server.log.read_text()


@pytest.mark.parametrize("masks", [1, 16, 64])
@pytest.mark.parametrize("side", [300, 7000])
@pytest.mark.parametrize("shots", [0, 1])
def test_what_a_visitor_may_ask_is_a_part_of_his_day(masks: int, side: int, shots: int) -> None:
    tools = Tools(Settings(masks=masks, tile="auto"))
    look = Look(np.zeros((side, side, 3), np.uint8), "ensemble", Reference(), zero_shot_too=bool(shots))
    assert 4 <= seconds_of(look, tools) <= 10
    assert seconds_of(Learn((Path("good.jpg"),) * 4, "ensemble"), tools) <= 30


def test_models_that_cannot_be_had_are_not_offered(visitor: Visitor, server: Server) -> None:
    assert [name for _, name in visitor.props[visitor.number("model")]["choices"]] == ["bundled"]
    assert "ZeroGPU bfloat16" in visitor.shows("device")
    assert "The model large is not offered" in server.log.read_text()


def test_programs_are_answered_by_a_worker_too(server: Server, space: Platform) -> None:
    client = Client(server.url, verbose=False)
    good = [handle_file(GOOD)]
    _, adapter = client.predict(good_parts=good, method="patchcore", api_name="/adapt")
    given = {"picture": handle_file(PHOTO), "method": "patchcore", "api_name": "/detect"}
    with_file, heat_map, _ = client.predict(adapter=handle_file(adapter), **given)
    with_photo, *_ = client.predict(good_parts=good, **given)
    assert with_file["verdict"] == "anomalous"
    assert with_file["image_score"] == with_photo["image_score"]
    assert Path(heat_map).stat().st_size > 1000
