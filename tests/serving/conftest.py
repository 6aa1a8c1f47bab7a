"""A server for the tests of this folder, with the tiny model."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image

from maeday_core import MaskedAutoencoder, Tools
from maeday_core.serving.rest.application import Options, application
from maeday_core.serving.rest.engine import Engine
from tests.conftest import part

Serve = Callable[..., TestClient]


def png(seed: int = 0, defect: bool = True) -> bytes:
    file = io.BytesIO()
    Image.fromarray(part(seed, defect)).save(file, "PNG")
    return file.getvalue()


def picture(data: bytes | None = None, name: str = "part.png") -> list[tuple[str, tuple[str, bytes]]]:
    return [("picture", (name, png() if data is None else data))]


def good(count: int = 1) -> list[tuple[str, tuple[str, bytes]]]:
    return [("good", (f"good{seed}.png", png(seed, defect=False))) for seed in range(count)]


@pytest.fixture(scope="module")
def serve(tiny_model: MaskedAutoencoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a server with options and waits until it is ready."""
    with ExitStack() as ends:

        def started(engine: Engine | None = None, **options: object) -> TestClient:
            folder = tmp_path_factory.mktemp("server")
            app = application(engine or Engine(lambda: Tools.of(tiny_model)), Options(**options), folder)
            app.state.folder = folder
            client = ends.enter_context(TestClient(app))
            while engine is None and client.get("/ready").status_code != 200:
                time.sleep(0.01)
            return client

        yield started


@pytest.fixture(scope="module")
def client(serve: Serve) -> TestClient:
    return serve()


@pytest.fixture(scope="session")
def address(tiny_model: MaskedAutoencoder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server at a port, whose fine-tuning takes one step."""
    engine = Engine(lambda: Tools.of(tiny_model, steps=1))
    app = application(engine, Options(keep=60), tmp_path_factory.mktemp("server"))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not engine.tools:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
