"""The page as a server: what is told of what was forgotten, what is refused, and that it goes on."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from benchmarks.visitor import API, Visitor
from maeday_core import PATCHCORE, learn, load_image, save_reference
from tests.app.hostile_requests import attack
from tests.app.servers import Server, serving
from tests.conftest import ROOT
from tests.frames.batches import frame

pytestmark = pytest.mark.slow
EXAMPLES = ROOT / "assets" / "examples"
VISITS = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, GRADIO_TEMP_DIR=str(folder / "mine"), MAEDAY_KEPT_MB="40") as one:
        yield one


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of what PatchCore learned from one good part."""
    path = tmp_path_factory.mktemp("saved") / "good.safetensors"
    save_reference(learn(PATCHCORE, None, [load_image(EXAMPLES / "metal-clean.jpg")]), path)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small frames, the fourth with a spot."""
    path = tmp_path_factory.mktemp("frames") / "floor.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for index in range(8):
            file = io.BytesIO()
            Image.fromarray(frame(index, (40, 70) if index == 3 else None)).save(file, "PNG")
            packed.writestr(f"{index}.png", file.getvalue())
    return path


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server.url)


def crowd(server: Server) -> None:
    """Another one gets a result, and the server has room for no more."""
    other = Visitor(server.url)
    other.set("query", other.upload(EXAMPLES / "metal-clean.jpg"))
    other.set("masks", 64)
    other.press("detect")


@pytest.fixture
def adapted(server: Server, saved: Path) -> Visitor:
    """A visitor with good parts in use."""
    visitor = Visitor(server.url)
    visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
    visitor.set("method", "patchcore")
    visitor.set("load-adapter", visitor.upload(saved))
    visitor.press("load-adapter", "upload")
    assert "Learned from 1 good part" in visitor.shows("adapter")
    assert "rests on one good part" in visitor.shows("verdict")
    return visitor


@pytest.fixture
def inspector(server: Server, archive: Path) -> Visitor:
    """A visitor whose frames have been looked at."""
    visitor = Visitor(server.url)
    visitor.set("frame-files", [visitor.upload(archive)])
    visitor.set("frames-masks", 2)
    visitor.press("frames-start")
    assert "1 of 8 frames hold" in visitor.shows("frames-card")
    return visitor


def test_visitors_who_keep_nothing_push_nobody_out(server: Server, adapted: Visitor) -> None:
    does_nothing = next(event["id"] for event in adapted.events if event["api_name"] == "by_hand")
    for number in range(VISITS):
        body = {"data": [], "fn_index": does_nothing, "session_hash": f"other{number}"}
        adapted.http.post(f"{API}/run/predict", json=body).raise_for_status()
    adapted.press("detect")
    assert "rests on one good part" in adapted.shows("verdict")


def test_good_parts_that_were_forgotten_are_not_passed_over(server: Server, adapted: Visitor) -> None:
    visitor = adapted
    crowd(server)
    visitor.press("detect")
    for card in ("verdict", "adapter"):
        assert "were forgotten; load or learn them again" in visitor.shows(card)
    assert 'class="factor"' not in visitor.shows("verdict")
    visitor.press("detect")
    assert 'class="factor"' in visitor.shows("verdict")  # the visitor knows, and asks again
    assert "rests on one good part" not in visitor.shows("verdict")
    assert visitor.told == ["PatchCore cannot judge with what is in use now: Ensemble judges."]


def test_frames_that_were_forgotten_are_not_passed_over(server: Server, inspector: Visitor) -> None:
    visitor = inspector
    assert len(visitor.shows("frames-table")["data"]) == 8
    for run in server.temporary.glob("maeday-*/frames/*"):
        shutil.rmtree(run)
    visitor.set("frames-threshold", 0.1)
    visitor.press("frames-threshold", "input")
    assert "were forgotten; press Start" in visitor.shows("frames-card")
    assert visitor.shows("frames-worst") in (None, [])


def test_a_frame_has_the_same_verdict_in_inspect(inspector: Visitor) -> None:
    visitor = inspector
    rows = visitor.shows("frames-table")["data"]
    for row in (rows[0], rows[-1]):
        visitor.press("frames-table", "select", {"index": [0, 0], "value": row[0], "row_value": row})
        visitor.press("frames-inspect")
        verdict = visitor.shows("verdict")
        assert ("Something here does not belong" in verdict) == (row[4] == "above")


def test_a_threshold_far_over_one_arrives_in_inspect(inspector: Visitor) -> None:
    visitor = inspector
    visitor.press("frames-threshold", "input")
    for threshold in (visitor.props[visitor.number("frames-threshold")]["maximum"], 0.0):
        visitor.set("frames-threshold", threshold)
        visitor.press("frames-threshold", "input")
        row = visitor.shows("frames-table")["data"][0]
        visitor.press("frames-table", "select", {"index": [0, 0], "value": row[0], "row_value": row})
        visitor.press("frames-inspect")
        assert ("Something here does not belong" in visitor.shows("verdict")) == (row[4] == "above")
        shown, slider = visitor.shows("threshold"), visitor.props[visitor.number("threshold")]
        assert shown <= slider["maximum"]
        assert f"limit {shown:.2f}" in visitor.shows("verdict")


def test_nobody_passes_by_the_queue(visitor: Visitor) -> None:
    for event in visitor.events:
        body = {"data": [visitor.values[number] for number in event["inputs"]], "fn_index": event["id"]}
        for place in ("run", "api"):
            answer = visitor.http.post(f"{API}/{place}/predict", json=body)
            assert answer.status_code == 404 if event["queue"] else answer.status_code != 404


def test_nobody_watches_the_server(server: Server) -> None:
    for place in ("/monitoring", "/monitoring/summary"):
        assert "total_requests" not in httpx.get(server.url + place, trust_env=False).text
        assert httpx.get(server.url + place, trust_env=False).status_code in (403, 404)


def test_what_is_too_large_is_refused(server: Server) -> None:
    for place, fields in (("run/predict", {}), ("queue/join", {}), ("component_server", {"fn_name": "accept_blobs"})):
        large = b"x" * 26_000_000
        answer = httpx.post(f"{server.url}{API}/{place}", data=fields, files={"file": large}, trust_env=False)
        assert answer.status_code == 413
        assert "larger than any of the page's" in answer.text

    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 1_000_000

    answer = httpx.post(f"{server.url}{API}/queue/join", content=parts(), trust_env=False)
    assert answer.status_code in (400, 413)


def test_a_user_s_choice_of_a_folder_counts(server: Server, visitor: Visitor) -> None:
    kept = visitor.upload(EXAMPLES / "metal-clean.jpg")["path"]
    assert Path(kept).is_relative_to(server.temporary.parent / "mine")


def test_a_crowd_of_odd_requests_harms_nobody(server: Server, visitor: Visitor) -> None:
    answers, _ = attack(server.url, requests=200)
    visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
    visitor.press("detect")
    assert "Something here does not belong" in visitor.shows("verdict")
    assert "Traceback" not in server.log.read_text()
    assert "made a mistake" not in answers
