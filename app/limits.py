"""What a request may ask of the server, looked at before Gradio reads it."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.temporary import StorageError, check_space

MAX_REQUEST = 10_000_000
"""Bytes of a request that brings no file; the page's own have some thousands."""
MAX_LAYER_REQUEST = 25_000_000
"""Of one that brings a painted layer."""
CALLS = "/gradio_api/call", "/gradio_api/mcp"
"""Where programs ask."""
UPLOAD, LAYER = "/gradio_api/upload", "/gradio_api/component_server"
_logger = logging.getLogger(__name__)


class _TooLarge(Exception):
    """More has come than may."""


@dataclass(frozen=True)
class Limits:
    """Refuses with a sentence what is too large, what the disk has no space for, and what Gradio fails on."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, begun, came = scope["path"].rstrip("/"), False, 0
        length = int(dict(scope["headers"]).get(b"content-length") or 0)
        limit = {UPLOAD: sys.maxsize, LAYER: MAX_LAYER_REQUEST}.get(path, MAX_REQUEST)

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > limit:
                raise _TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if length > limit:
                raise _TooLarge
            if path == UPLOAD:
                check_space(length)
            return await self.app(scope, bounded, noted)
        except StorageError as error:
            status, text = 507, str(error)
        except _TooLarge:
            status, text = 413, "This request is larger than any of the page's; reload the page."
            if path.startswith(CALLS):
                text = f"This request is larger than {limit // 1_000_000} MB; upload the files first."
        except Exception as error:
            if begun:
                raise
            _logger.warning("%s %s is refused: %r", scope["method"], path, error)
            status, text = 400, "This request is none of the page's; reload the page."
        await PlainTextResponse(text, status)(scope, receive, send)
