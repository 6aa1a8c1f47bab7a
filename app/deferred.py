"""Contents of a tab that are sent to a browser once the tab is opened.

Gradio fetches the code of every component of the page at once, of unopened tabs too. Its own `gr.render` makes contents
when they are asked for, but for one visit alone: when the server forgets the visit, their events answer no more. Here
the server has them from the start, and only the sending waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context
from gradio.renderable import Renderable

from app.events import mark

Config = Mapping[str, Any]
"""A page as it is sent: its components, its events, and the tree of what stands in what."""
KINDS = ("components", "dependencies")


class Deferred(Renderable):
    """A place whose contents exist, and are sent when a mark in the browser is set."""

    def __init__(self, wanted: gr.Checkbox) -> None:
        super().__init__(self.apply, [], [(wanted, "change")], None, None, "once", False, "hidden")

    def apply(self) -> None:
        """Gradio sends what is in the place; nothing is left to make."""


@contextmanager
def when_opened(tab: gr.Tab) -> Iterator[None]:
    """What is laid out and wired within is sent when the tab is opened for the first time."""
    opened, page = mark(), get_blocks_context()
    assert page
    tab.select(None, None, opened, js="() => true")
    place = Deferred(opened)
    events, components = {*page.fns}, {*page.blocks}
    with place.container:
        yield
    for number in {*page.fns} - events:
        page.fns[number].rendered_in = place
    for number in {*page.blocks} - components:
        page.blocks[number].rendered_in = place


def without_deferred(config: Config) -> Config:
    """What is sent of a page at first."""
    kept = {kind: [one for one in config[kind] if one.get("rendered_in") is None] for kind in KINDS}
    sent = {kind: {one["id"] for one in kept[kind]} for kind in KINDS}
    pages = {
        name: {kind: [one for one in page[kind] if one in sent[kind]] for kind in KINDS}
        | {"layout": _pruned(page["layout"], sent["components"])}
        for name, page in config["page"].items()
    }
    return {**config, **kept, "layout": _pruned(config["layout"], sent["components"]), "page": pages}


def _pruned(layout: Config, sent: set[int]) -> Config:
    if "children" not in layout:
        return layout
    return {**layout, "children": [_pruned(child, sent) for child in layout["children"] if child["id"] in sent]}
