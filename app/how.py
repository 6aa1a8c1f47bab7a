"""The tab that tells how it works, on the visitor's own last picture."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from markupsafe import Markup

from app.deferred import when_opened
from app.events import AT_ONCE
from app.html import render
from app.inspect.examples import EXAMPLES, PAIRS
from maeday_core.drawing.loop import Loop, loop_of, still
from maeday_core.drawing.shown import Shown
from maeday_core.texts import LANGUAGES, say

TEXTS = Path(__file__).parent / "texts"
NAMES = ("how.md", *(f"how.{language}.md" for language in LANGUAGES[1:]))
TEXT, *OTHERS = ((TEXTS / name).read_text(encoding="utf-8").strip() for name in NAMES)
IN_OTHER_LANGUAGES = dict(zip(LANGUAGES[1:], OTHERS, strict=True))
STEPS = (
    ("1. Hide", "Most of the photo is hidden at random, each time other patches."),
    ("2. Guess", "The model fills in what is hidden, from what is left."),
    ("3. Compare", "Where the guess misses the photo, it is bright."),
    ("4. Average", "The mean over all masks: what cannot be guessed stays bright, whatever was hidden."),
)
MISSES = {
    "gravel-coin": "Coarse gravel: no stone can be guessed, so the coin among them does not stand out.",
    "mesh-broken": "A regular mesh: its crossings are as hard to guess as the strand that is broken.",
}


def how_tab(tab: gr.Tab, shown: gr.State) -> None:
    """Lay out the tab; its pictures are made when it is opened.

    Args:
        tab: the tab itself.
        shown: the visitor's result.
    """
    steps = gr.HTML("", elem_id="how-steps", min_height=420)
    with when_opened(tab):
        gr.Markdown(TEXT, elem_id="how")
    tab.select(step_by_step, shown, steps, **AT_ONCE)


def step_by_step(view: Shown | None) -> Markup:
    """The method on the visitor's last picture or, without one that was reconstructed, on the finished example."""
    seen = view.result.reconstructions if view else None
    if view and seen:
        loop, title = loop_of(seen), say("How it works, on {name}", name=view.name)
    else:
        files = ((EXAMPLES / "first" / f"{name}.webp").read_bytes() for name in Loop._fields)
        loop, title = Loop(*files), say("How it works, on an example")
    steps = [(say(name), picture, still(picture), say(text)) for (name, text), picture in zip(STEPS, loop, strict=True)]
    examples = {example.name: example for pair in PAIRS for example in pair}
    missed = [(examples[name], say(text)) for name, text in MISSES.items()]
    return render("how", title=title, steps=steps, bad_at=say("What it is bad at"), missed=missed)
