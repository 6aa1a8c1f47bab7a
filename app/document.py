"""The page's document: packed for the way, and with the styles of all that is on the page, so that nothing jumps.

Gradio fetches a stylesheet or two for each kind of component, and the page is laid out anew as each comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
PACKED = frozenset({"/", "/config", "/theme.css"})
"""What is packed here. Gradio packs its scripts itself, pictures and archives are packed, and events are streams."""
END = b"</head>"
FIRST = (Path(__file__).parent / "first.css").read_text(encoding="utf-8")


class Packed:
    """Packs the page's document, and puts its styles into it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packing = app, GZipMiddleware(Styled(app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        packed = scope["type"] == "http" and scope["path"] in PACKED
        await (self.packing if packed else self.app)(scope, receive, send)


@dataclass(frozen=True)
class Styled:
    """Puts the styles of all components into a document's head."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        document = bytearray()

        async def styled(message: Message) -> None:
            if message["type"] == "http.response.start":
                return start.update(message)
            document.extend(message.get("body", b""))
            if message.get("more_body"):
                return None
            body = bytes(document).replace(END, styles() + END, 1)
            if body:
                MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, styled)


@cache
def styles() -> bytes:
    """The styles of Gradio's components, and a mark for each file of them by which its scripts take it for fetched."""
    sheets = {sheet.name: sheet.read_text(encoding="utf-8") for sheet in sorted(ASSETS.glob("*.css"))}
    index = (ASSETS.parent / "index.html").read_text(encoding="utf-8")
    kept = [name for name, text in sheets.items() if name not in index and "url(" not in text]
    marks = "".join(f'<link rel="stylesheet" type="none" href="./assets/{name}">' for name in kept)
    return f"<style>{FIRST}{''.join(sheets[name] for name in kept)}</style>{marks}".encode()
