"""The photos of good parts: added several at once, shown small, taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gradio as gr

from app.events import LATEST, Answer
from app.html import render
from app.inspect.inspected import small
from app.inspect.strip import number_in
from maeday_core import ImageError, load_image
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.io.images import SUFFIXES

SIDE = 144
"""Twice the side that a photo has on the page, for sharp screens."""
CLICKED = """element.addEventListener("click", event => {
    const out = event.target.closest("[data-number]");
    if (out) trigger("click", {number: Number(out.dataset.number)});
});"""


@dataclass(frozen=True)
class ShotsPanel:
    """The photos; `kept` holds their paths."""

    kept: gr.State
    shown: gr.HTML
    add: gr.UploadButton
    shown_one: gr.Button

    def take(self, kept: Sequence[str], added: list[str]) -> Answer:
        """More photos."""
        return self.with_photos((*kept, *added))

    def take_shown(self, kept: Sequence[str], photo: str | None) -> Answer:
        """The photo that is inspected, from a camera or the clipboard, too."""
        return self.with_photos([*kept, photo] if photo and photo not in kept else kept)

    def drop(self, kept: Sequence[str], event: gr.EventData) -> Answer:
        """All but the one that was pressed."""
        out = number_in(event)
        return self.with_photos([path for number, path in enumerate(kept) if number != out])

    def with_photos(self, paths: Sequence[str]) -> Answer:
        """These photos."""
        photos = [(Path(path).name, _thumbnail(path)) for path in paths]
        return {self.kept: tuple(paths), self.shown: render("shots", photos=photos), self.add: None}


def lay_out_shots(lifetime: int, photo: gr.Image) -> ShotsPanel:
    """Lay out the photos, which are forgotten after `lifetime` seconds; `photo` is what is inspected."""
    kept = gr.State((), time_to_live=lifetime)
    shown = gr.HTML("", js_on_load=CLICKED, elem_id="shots-shown")
    with gr.Row():
        add = gr.UploadButton(
            f"Add 1 to {MAX_SHOTS} photos",
            file_count="multiple",
            file_types=list(SUFFIXES),
            size="sm",
            elem_id="shots",
            min_width=140,
        )
        shown_one = gr.Button("Add the photo above", size="sm", elem_id="shot-above", min_width=140)
    panel = ShotsPanel(kept, shown, add, shown_one)
    shown_one.click(panel.take_shown, [kept, photo], [kept, shown, add], **LATEST)
    add.upload(panel.take, [kept, add], [kept, shown, add], **LATEST)
    shown.click(panel.drop, kept, [kept, shown, add], **LATEST)
    return panel


@lru_cache(64)
def _thumbnail(path: str) -> bytes | None:
    """A small JPEG file; None of what cannot be read, which is told when it is learned."""
    try:
        return small(load_image(path), SIDE)
    except ImageError:
        return None
