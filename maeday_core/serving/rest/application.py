"""The server for other programs: REST paths, described by OpenAPI."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from maeday_core import __version__
from maeday_core.errors import SettingsError
from maeday_core.serving import calls
from maeday_core.serving.answers import Offered, offered
from maeday_core.serving.calls import AS_FRAMES, Asked
from maeday_core.serving.rest.answers import (
    DETECTED,
    OF_JOBS,
    AdaptAnswer,
    Alive,
    DetectAnswer,
    DetectLinks,
    FramesAnswer,
    Ready,
    errors,
)
from maeday_core.serving.rest.door import OPEN, Door
from maeday_core.serving.rest.engine import Engine
from maeday_core.serving.rest.forms import (
    KINDS,
    Adapter,
    Every,
    Frames,
    GoodParts,
    Ignore,
    Interest,
    Name,
    OptionalGood,
    Upload,
    asked_by,
)
from maeday_core.serving.rest.metrics import Metrics
from maeday_core.serving.rest.places import Places
from maeday_core.serving.rest.refusals import Refused, refusal, response
from maeday_core.serving.rest.store import Store
from maeday_core.serving.rest.work import Desk, Workshop

ABOUT = """Tells what does not belong in a picture, with a masked autoencoder: give a photo, and photos of good parts if
there are any. Every error is `{"error": "a sentence"}`. Files of an answer are fetched by its links, for a while."""
AT_WORK = 4
"""Requests that are worked on at once: one computes at a time, the others decode, draw and write."""
SWEEPING = 10.0
"""Seconds between two looks for files to let go."""
MEGABYTE = CHUNK = 1_000_000
FILES = "/v1/files/{token}/{name}"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Options:
    """What whoever runs a server decides.

    Attributes:
        api_key: that callers must give; none where it is empty.
        max_request: megabytes of a request.
        max_waiting: requests that may wait for a place.
        keep: seconds for which files of answers are kept.
    """

    api_key: str = ""
    max_request: float = 200.0
    max_waiting: int = 16
    keep: float = 600.0

    def __post_init__(self) -> None:
        for name, value in (("largest request", self.max_request), ("time for which files are kept", self.keep)):
            if not 0 < value < float("inf"):
                raise SettingsError(f"The {name} is {value:g}; give more than 0.")
        if self.max_waiting < 0:
            raise SettingsError(f"The number of requests that may wait is {self.max_waiting}; give 0 or more.")


@dataclass(frozen=True)
class Rest:
    """The paths of a server, as methods."""

    shop: Workshop

    async def detect(
        self,
        request: Request,
        asked: Annotated[Asked, Depends(asked_by(Asked()))],
        picture: Upload,
        good: OptionalGood = [],  # noqa: B006
        adapter: Adapter = None,
        ignore: Ignore = None,
        roi: Interest = None,
    ) -> DetectAnswer:
        """Judge one picture: alone, or by photos of good parts or what was learned from them."""

        def work(desk: Desk) -> DetectAnswer:
            (query,), parts = desk.saved([picture], "picture"), desk.saved(good, "good part")
            learned = desk.saved_one(adapter, calls.ADAPTER)
            answer, files = calls.detect(
                desk.compute, query, asked, desk.folder, parts, learned, desk.who, desk.region(ignore, roi)
            )
            self.shop.metrics.pictures.labels(answer["verdict"]).inc()
            heat_map, error_map, mask = self._links([files.heat_map, files.error_map, files.mask])
            links = DetectLinks(heat_map=heat_map, error_map=error_map, mask=mask)
            return DetectAnswer(**answer, files=links, kept_seconds=self.shop.store.seconds)

        return await self._do(request, "detect", asked, work)

    async def adapt(
        self,
        request: Request,
        asked: Annotated[Asked, Depends(asked_by(Asked()))],
        good: GoodParts,
        name: Name = "",
        ignore: Ignore = None,
        roi: Interest = None,
    ) -> AdaptAnswer:
        """Learn from photos of good parts: the file that is linked is the `adapter` of later requests."""

        def work(desk: Desk) -> AdaptAnswer:
            parts = desk.saved(good, "good part")
            answer, path = calls.adapt(
                desk.compute, parts, asked, desk.folder, name, desk.who, desk.region(ignore, roi)
            )
            (adapter,) = self._links([path])
            return AdaptAnswer(**answer, files={"adapter": adapter}, kept_seconds=self.shop.store.seconds)

        return await self._do(request, "adapt", asked, work)

    async def frames(
        self,
        request: Request,
        asked: Annotated[Asked, Depends(asked_by(AS_FRAMES))],
        files: Frames,
        every: Every = 1.0,
        adapter: Adapter = None,
        ignore: Ignore = None,
        roi: Interest = None,
    ) -> FramesAnswer:
        """Look at frames, at most 500, and judge them together: pictures, zip archives and videos."""

        def work(desk: Desk) -> FramesAnswer:
            sources = desk.saved(files, "frames")
            learned = desk.saved_one(adapter, calls.ADAPTER)
            answer, path = calls.frames(
                desk.compute, sources, asked, desk.folder, every, learned, desk.who, desk.region(ignore, roi)
            )
            for row in answer["rows"]:
                self.shop.metrics.pictures.labels(row["verdict"]).inc()
            (archive,) = self._links([path])
            return FramesAnswer(**answer, files={"archive": archive}, kept_seconds=self.shop.store.seconds)

        return await self._do(request, "frames", asked, work)

    async def models(self) -> Offered:
        """The model of this server, and the methods that may be asked for."""
        self.shop.engine.check()
        return offered((self.shop.engine.model,), self.shop.engine.model)

    def file(self, token: str, name: str) -> Response:
        """A file of an answer, until it is let go."""
        found = self.shop.store.open(token, name)
        if found is None:
            raise Refused(404, "There is no such file, or it was let go; send the picture again.")
        headers = {"Content-Length": str(os.fstat(found.fileno()).st_size), "X-Content-Type-Options": "nosniff"}
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return StreamingResponse(_parts(found), media_type=kind, headers=headers)

    async def health(self) -> Alive:
        """Whether the server answers."""
        return Alive(alive=True)

    async def ready(self) -> Ready:
        """Whether the server takes work: its model is loaded, and it is not being shut down."""
        self.shop.engine.check()
        return Ready(ready=True, model=self.shop.engine.model)

    async def metrics(self) -> Response:
        """Metrics as Prometheus reads them."""
        return Response(self.shop.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _do(self, request: Request, call: str, asked: Asked, work: Callable[[Desk], Answer]) -> Answer:
        own = self.shop.engine.check().model().info.name
        if asked.model not in ("", own):
            raise Refused(422, f"This server has the model {own}; leave the field model out, or ask another server.")
        request.state.asked = f"{asked.method}/{own}"
        return await self.shop.do(request, call, work)

    def _links(self, files: list[Path]) -> list[str]:
        token = self.shop.store.keep(files)
        return [f"/v1/files/{token}/{path.name}" for path in files]


def _parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while part := file.read(CHUNK):
            yield part


def application(engine: Engine, options: Options, folder: Path) -> FastAPI:
    """The server as an ASGI application.

    Args:
        engine: computes; it is loaded in the background once the application starts.
        options: of whoever runs it.
        folder: for its files alone.
    """
    places = Places(AT_WORK, options.max_waiting)
    store, metrics = Store(folder, options.keep), Metrics(places)
    shop = Workshop(engine, places, store, metrics, ThreadPoolExecutor(AT_WORK, "request"))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=engine.load, daemon=True).start()
        sweeping = asyncio.create_task(_sweep(store))
        yield
        engine.stop()
        sweeping.cancel()
        shop.pool.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(
        title="MAEDAY",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        exception_handlers={HTTPException: _answered, RequestValidationError: _answered},
        separate_input_output_schemas=False,
    )
    app.add_middleware(
        Door,
        engine=engine,
        places=places,
        store=store,
        metrics=metrics,
        key=options.api_key,
        most=int(options.max_request * MEGABYTE),
    )
    _add_paths(app, Rest(shop), bool(options.api_key))
    return app


def _add_paths(app: FastAPI, rest: Rest, locked: bool) -> None:
    key = [Depends(APIKeyHeader(name="X-API-Key", auto_error=False)), Depends(HTTPBearer(auto_error=False))]
    example = {200: {"content": {"application/json": {"example": DETECTED}}}}

    def add(method: str, path: str, endpoint: Callable[..., Any], statuses: Sequence[int] = (), **more: Any) -> None:
        told = {**errors(*statuses, *([401] if locked and path not in OPEN else [])), **more.pop("responses", {})}
        needed = key if locked and path not in OPEN else []
        app.add_api_route(path, endpoint, methods=[method], responses=told, dependencies=needed, **more)

    add("POST", "/v1/detect", rest.detect, OF_JOBS, responses=example, openapi_extra=KINDS)
    add("POST", "/v1/adapt", rest.adapt, OF_JOBS, openapi_extra=KINDS)
    add("POST", "/v1/frames", rest.frames, OF_JOBS, openapi_extra=KINDS)
    add("GET", "/v1/models", rest.models, (503,))
    anything = {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}}
    add("GET", FILES, rest.file, (404, 422), response_class=StreamingResponse, responses=anything)
    add("GET", "/health", rest.health)
    add("GET", "/ready", rest.ready, (503,))
    add("GET", "/metrics", rest.metrics, response_class=PlainTextResponse)


async def _answered(_: Request, error: Exception) -> JSONResponse:
    return response(refusal(error))


async def _sweep(store: Store) -> None:
    while True:
        await asyncio.sleep(SWEEPING)
        await asyncio.to_thread(store.sweep)
