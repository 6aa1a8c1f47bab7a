"""The Inspect tab as it is wired, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import gradio as gr

from app.events import Answer
from app.frames.triage import AS_IN_FRAMES
from app.inspect import Incoming, inspect_tab
from app.inspect.learning import Learning
from app.inspect.run import Inspection
from maeday_core import (
    Detection,
    Settings,
)
from maeday_core.drawing.shown import Shown, shown
from tests.drawing.detections import query

INCOMING = Incoming(
    "a.png", Settings(masks=4, sampling="balanced", tile="on"), "maeday", "bundled", 0.1, "", 0.0, AS_IN_FRAMES
)


class Wired:
    """The tab as it is wired."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            inspect_tab(lifetime=60)

    def owner(self, kind: type) -> Any:
        handlers = (getattr(event.fn, "__self__", None) for event in self.blocks.fns.values())
        return next(owner for owner in handlers if isinstance(owner, kind))

    @cached_property
    def inspection(self) -> Inspection:
        return self.owner(Inspection)

    @cached_property
    def learning(self) -> Learning:
        return self.owner(Learning)

    def events(self, handler: Callable[..., Any]) -> list[Any]:
        found = [event for event in self.blocks.fns.values() if event.fn == handler]
        assert found
        return found

    def check(self, handler: Callable[..., Any], answer: Answer) -> None:
        """Every component of an answer is one that each event of its handler may change."""
        assert answer
        for event in self.events(handler):
            assert set(answer) <= set(event.outputs)

    def values(self, handler: Callable[..., Any], view: Shown | None = None, **given: Any) -> dict[Any, Any]:
        """What the handler receives: each component's first value, or the one that is given by its `elem_id`."""
        (first, *_) = self.events(handler)
        values = {component: given.get(component.elem_id, component.value) for component in first.inputs}
        return values | {self.inspection.tab.shown: view}


class Request:
    session_hash = "visitor"


def view(result: Detection) -> Shown:
    return shown("part.png", query(), result)
