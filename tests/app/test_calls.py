"""Around the calls of programs: what is fetched from elsewhere, whose turn comes, and whether there are MCP tools."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
import safehttpx
from gradio.queueing import EventQueue

from app import given
from app.api import with_mcp
from app.callers import CALLS, MAX_CALLS, MAX_EACH, caller, next_events
from tests.coroutines import finished

HTTPS = "https://example.org"


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in of the internet, in which `inside` is not public; what was asked of it."""
    asked: list[str] = []

    async def validate(host: str) -> str:
        if host == "inside":
            raise ValueError(f"Hostname {host} failed validation")
        return "192.0.2.1"

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        to = {"/to-inside": "https://inside/a.png", "/to-http": "http://example.org/a.png", "/moved": "/a.png"}
        if place := to.get(request.url.path) or (request.url.path == "/loop" and "/loop"):
            return httpx.Response(302, headers={"location": place})
        return httpx.Response(404 if request.url.path == "/none.png" else 200, content=b"x" * 1000)

    monkeypatch.setattr(safehttpx, "async_validate_url", validate)
    monkeypatch.setattr(safehttpx, "AsyncSecureTransport", lambda address: httpx.MockTransport(answer))
    return asked


def test_a_file_is_fetched(internet: list[str], tmp_path: Path) -> None:
    for place in ("/a.png", "/moved"):
        path = Path(finished(given.fetched(HTTPS + place, str(tmp_path))))
        assert (path.name, path.stat().st_size) == ("a.png", 1000)
        assert path.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://example.org/a.png", "give an https URL"),
        ("https://inside/a.png", "give an https URL"),
        (f"{HTTPS}/to-inside", "give an https URL"),
        (f"{HTTPS}/to-http", "give an https URL"),
        (f"{HTTPS}/loop", "give an https URL"),
        (f"{HTTPS}/none.png", "(404)"),
        ("https://", "give an https URL"),
    ],
)
def test_what_cannot_be_fetched_leaves_nothing(internet: list[str], tmp_path: Path, url: str, error: str) -> None:
    with pytest.raises(gr.Error) as raised:
        finished(given.fetched(url, str(tmp_path)))
    assert error in str(raised.value)
    assert not any("//inside" in one or one.startswith("http:") for one in internet)
    assert not list(tmp_path.iterdir())


def test_a_url_like_one_of_this_server_s_gives_no_other_file(internet: list[str], tmp_path: Path) -> None:
    path = finished(given.fetched(f"{HTTPS}{given.SERVED}/etc/passwd", str(tmp_path)))
    assert Path(path).read_bytes() == b"x" * 1000


def test_a_large_file_is_not_kept(internet: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MAX_BYTES", 999)
    with pytest.raises(gr.Error, match=r"a\.png is larger than"):
        finished(given.fetched(f"{HTTPS}/a.png", str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_of_one_caller_few_calls_go_on_at_once() -> None:
    def event(session: str) -> SimpleNamespace:
        call = SimpleNamespace(batch=False)
        return SimpleNamespace(session_hash=session, concurrency_id=CALLS, request=SimpleNamespace(headers={}), fn=call)

    calls = EventQueue(CALLS, MAX_CALLS)
    calls.queue = [*(event("heavy") for _ in range(5)), event("light")]
    queue = SimpleNamespace(event_queue_per_concurrency_id={CALLS: calls}, active_jobs=[None] * 40)
    begun = []
    while found := next_events(queue):
        queue.active_jobs[len(begun)] = found[0]
        begun.append(found[0][0].session_hash)
    assert begun == ["heavy"] * MAX_EACH + ["light"]
    assert len(calls.queue) == 5 - MAX_EACH
    queue.active_jobs[0] = None
    assert next_events(queue)[0][0].session_hash == "heavy"


def test_callers_of_tools_are_told_apart_by_their_address() -> None:
    one, other = ({"x-gradio-user": "mcp", "x-forwarded-for": address} for address in ("192.0.2.1", "192.0.2.2"))
    assert caller("the same", one) != caller("the same", other)
    assert caller("mine", {}) != caller("yours", {})


def test_tools_are_an_option(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for environment, wanted in [({}, False), ({"MAEDAY_MCP": "1"}, True), ({"SPACE_ID": "a/b"}, True)]:
        with monkeypatch.context() as context:
            for name in ("MAEDAY_MCP", "SPACE_ID"):
                context.delenv(name, raising=False)
            for name, value in environment.items():
                context.setenv(name, value)
            assert with_mcp() is wanted
    monkeypatch.setenv("SPACE_ID", "a/b")
    monkeypatch.setenv("MAEDAY_MCP", "0")
    assert not with_mcp()
    monkeypatch.setenv("MAEDAY_MCP", "1")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not with_mcp()
    assert "the package mcp is missing" in caplog.text
