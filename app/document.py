"""The page's document, packed for the way."""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PACKED = frozenset({"/", "/config", "/theme.css"})
"""What is packed here. Gradio packs its scripts itself, pictures and archives are packed, and events are streams."""


class Packed:
    """Packs the page's document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packing = app, GZipMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        packed = scope["type"] == "http" and scope["path"] in PACKED
        await (self.packing if packed else self.app)(scope, receive, send)
