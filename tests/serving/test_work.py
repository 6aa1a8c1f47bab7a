"""Work of a server: who has a place, who waits, who is sent away, and who left."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator

import pytest

from maeday_core import MaskedAutoencoder, Tools
from maeday_core.serving.rest.engine import Engine
from maeday_core.serving.rest.places import Full, Places
from tests.coroutines import finished
from tests.serving.conftest import Serve, picture, png


def order_of(places: Places, *asks: str) -> list[str]:
    """Who gets a place when, where all ask at once and each leaves it a while later; who is sent away has a `!`."""
    got: list[str] = []

    async def one(who: str) -> None:
        try:
            async with places.taken(who):
                got.append(who)
                await asyncio.sleep(0.01)
        except Full:
            got.append(f"{who}!")

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, asks))

    finished(all_of_them())
    assert places.line == []
    assert places.working.total() == 0
    return got


def test_who_has_the_fewest_places_comes_next() -> None:
    assert order_of(Places(1, 5), "a", "a", "a", "b") == ["a", "a", "a", "b"]
    assert order_of(Places(3, 5), "a", "a", "a", "a", "b") == ["a", "a", "b", "a", "a"]


def test_nobody_has_all_places() -> None:
    assert order_of(Places(2, 5), "a", "a", "b")[:2] == ["a", "b"]


def test_who_has_most_in_a_full_line_makes_room() -> None:
    assert order_of(Places(1, 2), "a", "a", "a", "a") == ["a", "a!", "a", "a"]
    got = order_of(Places(1, 2), "a", "a", "a", "b")
    assert sorted(got) == ["a", "a", "a!", "b"]


def test_who_gives_up_in_the_line_leaves_no_trace() -> None:
    places = Places(1, 2)

    async def impatient() -> None:
        async with places.taken("a"):
            waiting = asyncio.create_task(places.taken("b").__aenter__())
            await asyncio.sleep(0)
            assert len(places.line) == 1
            waiting.cancel()
            await asyncio.sleep(0)
            assert places.line == []

    finished(impatient())
    assert places.working.total() == 0


class Slow(Engine):
    """Does nothing until it may."""

    may = threading.Event()

    def compute(self, gone: threading.Event):  # type: ignore[no-untyped-def]
        inner = super().compute(gone)

        def here(*job: object) -> Iterator[object]:
            self.may.wait(20)
            return inner(*job)

        return here


def test_beyond_the_line_callers_are_sent_away(serve: Serve, tiny_model: MaskedAutoencoder) -> None:
    engine = Slow(lambda: Tools.of(tiny_model))
    client = serve(engine, max_waiting=1)
    while client.get("/ready").status_code != 200:
        time.sleep(0.01)
    found: list[int] = []

    def send() -> None:
        found.append(client.post("/v1/detect", data={"method": "self"}, files=picture()).status_code)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while 'state="waiting"} 1.0' not in client.get("/metrics").text:
        assert time.monotonic() < deadline
    assert 'state="running"} 3.0' in client.get("/metrics").text
    refused = client.post("/v1/detect", data={"method": "self"}, files=picture())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    engine.may.set()
    for thread in threads:
        thread.join()
    assert found == [200] * 4


class Counted(Engine):
    """Counts the steps of jobs; the first one waits until the caller is gone."""

    steps = 0
    gone: threading.Event

    def compute(self, gone: threading.Event):  # type: ignore[no-untyped-def]
        inner, self.gone = super().compute(gone), gone

        def here(*job: object) -> Iterator[object]:
            for item in inner(*job):
                self.steps += 1
                gone.wait(20)
                yield item

        return here


def test_a_caller_who_leaves_stops_his_job(
    serve: Serve, tiny_model: MaskedAutoencoder, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Counted(lambda: Tools.of(tiny_model))
    client = serve(engine)
    while client.get("/ready").status_code != 200:
        time.sleep(0.01)
    form = client.build_request(
        "POST", "/v1/frames", data={"method": "self"}, files=[("files", (f"{n}.png", png(n))) for n in range(4)]
    )
    body, headers = form.read(), [(name.lower(), value) for name, value in form.headers.raw]
    scope = {"type": "http", "method": "POST", "path": "/v1/frames", "headers": headers, "query_string": b""}
    sent: list[dict] = []

    async def receive() -> dict:
        if not sent:
            sent.append({"type": "http.request", "body": body})
            return sent[0]
        while not engine.steps:
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        sent.append(message)

    with caplog.at_level(logging.INFO, "maeday.requests"):
        client.portal.call(client.app, scope, receive, send)
    assert engine.gone.is_set()
    assert any("POST /v1/frames 499" in line for line in caplog.messages)
    while list(client.app.state.folder.iterdir()):
        time.sleep(0.01)
    assert engine.steps == 1


def test_it_is_not_ready_before_the_model_and_after_the_end(serve: Serve, tiny_model: MaskedAutoencoder) -> None:
    loaded = threading.Event()

    def find() -> Tools:
        loaded.wait(20)
        return Tools.of(tiny_model)

    engine = Engine(find)
    client = serve(engine)
    assert client.get("/health").status_code == 200
    for answer in (client.get("/ready"), client.get("/v1/models"), client.post("/v1/detect", files=picture())):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "being loaded" in answer.json()["error"]
    loaded.set()
    while client.get("/ready").status_code != 200:
        time.sleep(0.01)
    engine.stop()
    assert client.get("/ready").status_code == 503
    answer = client.post("/v1/detect", files=picture())
    assert answer.status_code == 503
    assert "shut down" in answer.json()["error"]
