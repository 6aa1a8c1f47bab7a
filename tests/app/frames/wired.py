"""The Frames tab as it is wired, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from app.events import Answer
from app.frames.batch import Asked, Batch, Criteria, State
from app.frames.ignoring import Ignoring
from app.frames.judging import Judging
from app.frames.run import Watching, Wishes
from app.frames.triage import Triage
from app.frames.wiring import frames_tab
from maeday_core.frames import FrameRun
from tests.frames.batches import brightness

ASKED = Asked(("a.zip",), (), 1.0, "ensemble", "on", 4, "bundled", False)
AUTOMATIC = Criteria(None, 0, None)


class Request:
    session_hash = "visitor"


class Wired:
    """The tab as it is wired."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            frames_tab(60, gr.Tabs(), gr.State(None), Path("frames.zip"))
        owners = [getattr(event.fn, "__self__", None) for event in self.blocks.fns.values()]
        self.watching = next(owner for owner in owners if isinstance(owner, Watching))
        self.triage = next(owner for owner in owners if isinstance(owner, Triage))
        self.judging = next(owner for owner in owners if isinstance(owner, Judging))
        self.ignoring = next(owner for owner in owners if isinstance(owner, Ignoring))
        self.tab = self.watching.tab

    def check(self, handler: Callable[..., Any], answer: Answer) -> None:
        """Every component of an answer is one that each event of its handler may change."""
        events = [event for event in self.blocks.fns.values() if event.fn == handler]
        assert events
        assert answer
        for event in events:
            assert set(answer) <= set(event.outputs)

    def values(self, batch: Batch | None, **given: Any) -> dict[Any, Any]:
        """What Start receives: each component's first value, or the one that is given by its `elem_id`."""
        tab = self.watching.tab
        named = {f"frames-{name.replace('_', '-')}": value for name, value in given.items()}
        values = {component: named.get(component.elem_id, component.value) for component in tab.asked | tab.criteria}
        return values | {tab.batch: batch, tab.begun: batch is not None, tab.result.chosen.number: given.get("number")}


def watch(wired: Wired, folder: Path, end: State | None = None, detect=brightness) -> Iterator[Answer]:
    """The answers of a run over the frames in `folder`/sources."""
    batch = Batch(FrameRun(folder), ASKED, 8)
    return wired.watching._watch(batch, batch.run.look(batch.sources, detect), Wishes(end), AUTOMATIC)
