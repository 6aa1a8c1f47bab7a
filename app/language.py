"""The page in the visitor's language, which the browser names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.deferred import without_deferred
from maeday_core.texts import LANGUAGE, LANGUAGES, catalogue, decimal

TEXTS = frozenset({"label", "info", "placeholder", "value", "headers", "choices", "alt_text", "title"})
"""What people read of a component's properties."""
TEXT_VALUES = frozenset({"button", "dataframe", "downloadbutton", "uploadbutton", "html", "markdown"})
"""The components whose value is a text."""
IN_HTML = re.compile(r"""(>\s*|\b(?:alt|title|aria-label)=")((?<!")[^<>]+?(?=\s*<)|(?<=")[^"]+(?="))""")
"""The texts of a piece of HTML: between tags, and in the attributes that are read aloud."""


def language_of(accepted: str) -> str:
    """The language that fits an `Accept-Language` header best."""
    ranked = []
    for place, one in enumerate(accepted.lower().split(",")):
        name, _, quality = one.partition(";q=")
        try:
            ranked.append((-float(quality or 1), place, name.strip()[:2]))
        except ValueError:
            continue
    return next((name for quality, _, name in sorted(ranked) if quality and name in LANGUAGES), LANGUAGES[0])


@dataclass(frozen=True)
class InTheVisitorsLanguage:
    """Answers each request in its language."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            LANGUAGE.set(language_of(Headers(scope=scope).get("accept-language", "")))
        await self.app(scope, receive, send)


class Page(gr.Blocks):
    """Blocks whose fixed texts are sent in the visitor's language.

    `wholes` are texts too long to be looked up by the sentence: by language, and by their English.
    """

    wholes: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "config":
            name, value = "_config", without_deferred(value)
        super().__setattr__(name, value)

    @property
    def config(self) -> Any:
        """The layout, in the language of the request that asks for it."""
        return translated(self._config, self._texts())

    async def process_api(self, *given: Any, **options: Any) -> Any:
        """The answer to an event, in the language of who caused it; so is what was deferred until then."""
        requests = options.get("request")
        request = requests[0] if isinstance(requests, list) else requests
        LANGUAGE.set(language_of(getattr(request, "headers", {}).get("accept-language", "")))
        answer = await super().process_api(*given, **options)
        if deferred := answer["render_config"]:
            answer["render_config"] = translated(deferred, self._texts())
        return answer

    def _texts(self) -> dict[str, str]:
        language = LANGUAGE.get()
        return {**catalogue(language), **self.wholes.get(language, {})}


def translated(config: Any, texts: Mapping[str, str]) -> Any:
    """A layout with its texts in another language; itself where there are none."""
    if not texts:
        return config
    components = [
        {**one, "props": _component(one.get("type", ""), one["props"], texts)} for one in config["components"]
    ]
    title = config.get("title")
    return {**config, "components": components, "title": texts.get(title, title)}


def _component(kind: str, props: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    read = TEXTS if kind in TEXT_VALUES else TEXTS - {"value"}
    inner = {"props": _component("", props["props"], texts)} if isinstance(props.get("props"), dict) else {}
    return {name: _text(value, texts) if name in read else value for name, value in props.items()} | inner


def _text(value: Any, texts: Mapping[str, str]) -> Any:
    match value:
        case str() if value in texts:
            return texts[value]
        case str() if value.lstrip().startswith("<"):
            return IN_HTML.sub(lambda found: found[1] + texts.get(found[2], found[2]), value)
        case [str() as label, _] as choice:
            return [texts.get(label, decimal(label)), *choice[1:]]
        case (str() as label, known) if isinstance(value, tuple):
            return texts.get(label, decimal(label)), known
        case {"headers": list() as headers}:
            return {**value, "headers": _text(headers, texts)}
        case list():
            return [_text(one, texts) for one in value]
    return value
