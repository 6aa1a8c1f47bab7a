"""The finished example that the page opens on, kept as files: nothing is computed when the page loads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import gradio as gr
from markupsafe import Markup

from app.html import render
from app.inspect.examples import EXAMPLES


@dataclass(frozen=True)
class FirstView:
    """What `assets/make_first_view.py` made of one example."""

    caption: str
    cards: dict[str, str]
    """By language."""

    @property
    def card(self) -> Markup:
        """The verdict."""
        return Markup(self.cards["en"])

    @cached_property
    def pictures(self) -> Markup:
        """The photo, and the photo under its map."""
        photo, overlay = ((EXAMPLES / "first" / f"{name}.webp").read_bytes() for name in ("photo", "overlay"))
        return render("first", photo=photo, overlay=overlay, caption=self.caption)

    @property
    def subject(self) -> Markup:
        """What the card above belongs to."""
        return render("subject", text=f"An example, finished: {self.caption}. Drop your own photo, or try another.")


def _first_view() -> FirstView:
    kept = json.loads((EXAMPLES / "first" / "view.json").read_text(encoding="utf-8"))
    return FirstView(**kept)


FIRST = _first_view()


def lay_out_first() -> gr.HTML:
    """Lay out the pictures of the finished example."""
    return gr.HTML(FIRST.pictures, elem_id="first")
