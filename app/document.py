"""The page's document: packed for the way, and with the styles of all that is on the page, so that nothing jumps.

Gradio fetches a stylesheet or two for each kind of component, and the page is laid out anew as each comes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FRONTEND = Path(gr.__file__).parent / "templates" / "frontend"
PACKED = frozenset({"/", "/config", "/theme.css"})
"""What is packed here. Gradio packs its scripts itself, pictures and archives are packed, and events are streams."""
END = b"</head>"
FIRST = (Path(__file__).parent / "first.css").read_text(encoding="utf-8")
_KIND = re.compile(rb'"type": ?"(\w+)"')
_ENTRY = re.compile(r'src="\./assets/([\w-]+\.js)"')
_FILES = re.compile(r"\bm\.f=(\[[^\]]*\])")
_IMPORTS = re.compile(r"import\(`\./([\w-]+\.js)`\)[^,]*,__vite__mapDeps\(\[([\d,]*)\]\)")
_DRAWN_BY = re.compile(
    r"\b(\w+):\{(?:\w+:\(\)=>\w+\(\(\)=>[^:]*?import\.meta\.url\),)*component:\(\)=>\w+\(\(\)=>import\(`\./([\w-]+\.js)`"
)


class Packed:
    """Packs the page's document, and puts its styles into it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packing = app, GZipMiddleware(Styled(app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        packed = scope["type"] == "http" and scope["path"] in PACKED
        await (self.packing if packed else self.app)(scope, receive, send)


@dataclass(frozen=True)
class Styled:
    """Puts the styles of the components that a document names into its head."""

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
            kinds = frozenset(kind.decode() for kind in _KIND.findall(document))
            body = bytes(document).replace(END, styles(kinds) + END, 1) if END in document else bytes(document)
            if body:
                MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, styled)


@cache
def styles(kinds: frozenset[str]) -> bytes:
    """The styles of these kinds, and a mark for each file of them by which the page takes it for fetched."""
    sheets = stylesheets(kinds)
    text = FIRST + "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    marks = "".join(f'<link rel="stylesheet" type="none" href="./assets/{sheet.name}">' for sheet in sheets)
    return f"<style>{text}</style>{marks}".encode()


def stylesheets(kinds: frozenset[str]) -> list[Path]:
    """The stylesheets that Gradio's page would fetch for these kinds; none where it is built otherwise.

    Each script of its build lists the modules that it imports once they are needed, with the files of each; one says by
    which module a kind is drawn.
    """
    index = (FRONTEND / "index.html").read_text(encoding="utf-8")
    entry = _ENTRY.search(index)
    found: dict[str, None] = {}
    for module, own in (_imports(entry[1]) if entry else {}).items():
        drawn = {name for kind, name in _DRAWN_BY.findall(_code(module)) if kind in kinds}
        inner = [files for name, files in _imports(module).items() if name in drawn or name.startswith("Blocks-")]
        found |= dict.fromkeys(name for files in (own, *inner) for name in files if name.endswith(".css"))
    return [FRONTEND / "assets" / name for name in found if name not in index]


def _code(script: str) -> str:
    return (FRONTEND / "assets" / script).read_text(encoding="utf-8")


def _imports(script: str) -> dict[str, list[str]]:
    """The modules that a script imports once they are needed, and the files that each needs."""
    code = _code(script)
    listed = _FILES.search(code)
    files = [Path(name).name for name in json.loads(listed[1])] if listed else []
    return {
        module: [files[int(number)] for number in numbers.split(",") if number]
        for module, numbers in _IMPORTS.findall(code)
    }
