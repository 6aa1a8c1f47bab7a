"""The page as a server: what is told of what was forgotten, what is refused, and that it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from benchmarks.visitor import API, Visitor
from tests.app.hostile_requests import attack
from tests.app.servers import Server, serving
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
EXAMPLES = ROOT / "assets" / "examples"
SESSIONS = 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as one:
        yield one


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server.url)


def crowd(server: Server) -> None:
    """So many others come that the server forgets all that it kept for those who were there before."""
    for number in range(SESSIONS + 1):
        body = {"data": [], "fn_index": by_hand(server), "session_hash": f"other{number}"}
        httpx.post(f"{server.url}{API}/run/predict", json=body, trust_env=False).raise_for_status()


def by_hand(server: Server) -> int:
    """The number of an event that does nothing."""
    return next(event["id"] for event in Visitor(server.url).events if event["api_name"] == "by_hand")


def adapted(server: Server) -> Visitor:
    """A visitor with good parts in use."""
    visitor = Visitor(server.url)
    visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
    visitor.set("shots", [{"image": visitor.upload(EXAMPLES / "metal-clean.jpg"), "caption": None}])
    visitor.set("method", "patchcore")
    visitor.press("tune")
    assert "Adapted to 1 good part" in visitor.shows("adapter")
    assert "rests on one good part" in visitor.shows("verdict")
    return visitor


def test_good_parts_that_were_forgotten_are_not_passed_over(server: Server) -> None:
    visitor = adapted(server)
    crowd(server)
    visitor.press("detect")
    for card in ("verdict", "adapter"):
        assert "were forgotten; load or fine-tune again" in visitor.shows(card)
    assert 'class="factor"' not in visitor.shows("verdict")
    visitor.press("detect")
    assert 'class="factor"' in visitor.shows("verdict")  # the visitor knows, and asks again
    assert "rests on one good part" not in visitor.shows("verdict")
    assert not visitor.told


def test_frames_that_were_forgotten_are_not_passed_over(server: Server, visitor: Visitor) -> None:
    visitor.set("frame-files", [visitor.upload(EXAMPLES / "frames.zip")])
    visitor.set("frames-masks", 1)
    visitor.set("frames-tile", "off")
    visitor.press("frames-start")
    assert "frames hold something" in visitor.shows("frames-card")
    assert len(visitor.shows("frames-table")["data"]) == 11
    crowd(server)
    visitor.set("frames-threshold", 0.1)
    visitor.press("frames-threshold", "input")
    assert "were forgotten; press Start" in visitor.shows("frames-card")
    assert visitor.shows("frames-worst") in (None, [])


def test_a_frame_has_the_same_verdict_in_inspect(server: Server, visitor: Visitor) -> None:
    visitor.set("frame-files", [visitor.upload(EXAMPLES / "frames.zip")])
    visitor.set("frames-masks", 2)
    visitor.press("frames-start")
    rows = visitor.shows("frames-table")["data"]
    for row in (rows[0], rows[-1]):
        visitor.press("frames-table", "select", {"index": [0, 0], "value": row[0], "row_value": row})
        visitor.press("frames-inspect")
        verdict = visitor.shows("verdict")
        assert ("Something here does not belong" in verdict) == (row[2] == "anomalous")


def test_a_threshold_far_over_one_arrives_in_inspect(server: Server, visitor: Visitor) -> None:
    visitor.set("frame-files", [visitor.upload(EXAMPLES / "frames.zip")])
    visitor.set("frames-masks", 1)
    visitor.press("frames-start")
    visitor.press("frames-threshold", "input")
    for threshold in (visitor.props[visitor.number("frames-threshold")]["maximum"], 0.0):
        visitor.set("frames-threshold", threshold)
        visitor.press("frames-threshold", "input")
        row = visitor.shows("frames-table")["data"][0]
        visitor.press("frames-table", "select", {"index": [0, 0], "value": row[0], "row_value": row})
        visitor.press("frames-inspect")
        assert ("Something here does not belong" in visitor.shows("verdict")) == (row[2] == "anomalous")
        shown, slider = visitor.shows("threshold"), visitor.props[visitor.number("threshold")]
        assert shown <= slider["maximum"]
        assert f"limit {shown:.2f}" in visitor.shows("verdict")


def test_nobody_passes_by_the_queue(server: Server, visitor: Visitor) -> None:
    for event in visitor.events:
        body = {"data": [visitor.values[number] for number in event["inputs"]], "fn_index": event["id"]}
        for place in ("run", "api"):
            answer = httpx.post(f"{server.url}{API}/{place}/predict", json=body, trust_env=False)
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


def test_a_crowd_of_odd_requests_harms_nobody(server: Server, visitor: Visitor) -> None:
    answers = attack(server.url, seconds=20)
    assert answers.total() > 200
    visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
    visitor.press("detect")
    assert "Something here does not belong" in visitor.shows("verdict")
    assert "Traceback" not in server.log.read_text()
    assert "made a mistake" not in answers
