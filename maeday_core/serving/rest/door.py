"""The door of a server: who may come in, with how much, and what is noted of it."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maeday_core.serving.rest.engine import STOPPING, Engine
from maeday_core.serving.rest.metrics import Metrics
from maeday_core.serving.rest.places import Places
from maeday_core.serving.rest.refusals import SOON, Refused, refusal, response
from maeday_core.serving.rest.store import Store

OPEN = frozenset({"/health", "/ready"})
"""Paths that need no key: they tell nothing but whether the server works."""
STALLED = 30.0
"""Seconds without a byte of a request after which it is given up."""
FORM = "multipart/form-data"
FULL = "All places are taken; try again later."
_logger = logging.getLogger("maeday.requests")


@dataclass(frozen=True)
class Door:
    """Lets requests in, or answers with a sentence; whatever happens, the answer is one.

    Attributes:
        app: what is behind.
        key: that callers must give; none where it is empty.
        most: bytes of a request.
    """

    app: ASGIApp
    engine: Engine
    places: Places
    store: Store
    metrics: Metrics
    key: str
    most: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, status = time.perf_counter(), 0
        bounded = _Bounded(receive, self.most)

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            if refused := self._refused(scope):
                await bounded.drain()
                raise refused
            await self.app(scope, bounded, noted)
        except asyncio.CancelledError:  # at the end, of who still sends
            if not status:
                await response(Refused(503, STOPPING, SOON))(scope, receive, noted)
        except Exception as error:
            if status:  # the answer has begun
                _logger.error("An answer was cut short", exc_info=error)
                return
            await response(refusal(error))(scope, receive, noted)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    def _refused(self, scope: Scope) -> Refused | None:
        """Why a request does not come in."""
        headers, path = Headers(scope=scope), scope["path"]
        if path not in OPEN and not self._has_key(headers):
            text = "Give the key of this server in the header X-API-Key, or as Authorization: Bearer."
            return Refused(401, text, {"WWW-Authenticate": "Bearer"})
        if int(headers.get("content-length", 0)) > self.most:
            return too_large(self.most)
        if scope["method"] != "POST":
            return None
        if not headers.get("content-type", "").startswith(FORM):
            return Refused(415, f"Send a form with files: {FORM}.")
        if not self.places.has_room(who(scope)):
            return Refused(429, FULL, SOON)
        if not self.store.has_space():
            return Refused(503, "There is no space left on this server for files; try again later.", SOON)
        return None

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = headers.get("x-api-key") or (bearer if scheme.lower() == "bearer" else "")
        return not self.key or hmac.compare_digest(given.encode("latin-1"), self.key.encode())

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path = getattr(scope.get("route"), "path", "other")  # never what a caller wrote: it may hold a token or a name
        self.metrics.requests.labels(path, scope["method"], status).inc()
        asked = scope.get("state", {}).get("asked", "-")
        _logger.info("%s %s %d %.3f s %s", scope["method"], path, status, seconds, asked)


def who(scope: Scope) -> str:
    """Who asks: his address."""
    client = Request(scope).client
    return client.host if client else "unknown"


def too_large(most: int) -> Refused:
    """What is said of a request of too many bytes."""
    return Refused(413, f"The request is larger than {most / 1e6:g} MB; send less at once.")


@dataclass
class _Bounded:
    """What a request brings, until it is too much or does not come."""

    receive: Receive
    most: int
    came: int = 0
    whole: bool = False

    async def __call__(self) -> Message:
        if self.whole:
            return await self.receive()
        try:
            message = await asyncio.wait_for(self.receive(), STALLED)
        except TimeoutError:
            raise Refused(408, f"Nothing came of the request for {STALLED:g} seconds; send it again.") from None
        self.came += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.came > self.most:
            raise too_large(self.most)
        return message

    async def drain(self) -> None:
        """Take what comes, up to the limit: who still sends would not read the answer."""
        while not self.whole:
            try:
                await self()
            except Refused:
                return
