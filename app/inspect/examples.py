"""The example pictures, each beside the same thing without a fault."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from PIL import Image

from app.gradio_fixes import ODD
from app.html import render

_APP = Path(__file__).resolve().parents[1]
EXAMPLES = next(path for path in (_APP / "examples", _APP.parent / "assets" / "examples") if path.is_dir())
"""The example pictures: in an installed package within it, in the repository beside the model card."""
THUMBNAIL = (144, 108)
"""Twice the size that it has on the page, for sharp screens."""
QUALITY = 72
CLICKED = """element.addEventListener("click", event => {
    const example = event.target.closest("[data-example]");
    if (example) trigger("click", {example: example.dataset.example});
});"""


class Example(NamedTuple):
    """A picture by the name of its file, and what is seen in it."""

    name: str
    caption: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return EXAMPLES / f"{self.name}.jpg"

    @property
    def thumbnail(self) -> bytes:
        """A small WebP of its middle."""
        with Image.open(self.path) as photo:
            photo.draft("RGB", THUMBNAIL)
            side = min(photo.width / 4, photo.height / 3)
            left, top = (photo.width - 4 * side) / 2, (photo.height - 3 * side) / 2
            box = left, top, left + 4 * side, top + 3 * side
            small = photo.resize(THUMBNAIL, Image.Resampling.LANCZOS, box)
        file = io.BytesIO()
        small.save(file, "webp", quality=QUALITY)
        return file.getvalue()


PAIRS = (
    (Example("metal-scratch", "scratch on steel"), Example("metal-clean", "clean")),
    (Example("asphalt-coin", "coin on asphalt"), Example("asphalt-clean", "clean")),
    (Example("linen-stain", "stain on linen"), Example("linen-clean", "clean")),
    (Example("brick-cup", "cup on bricks"), Example("brick-clean", "clean")),
    (Example("mesh-broken", "broken mesh: hard"), Example("mesh-clean", "clean")),
    (Example("gravel-coin", "coin on gravel: too hard"), Example("gravel-clean", "clean")),
)
"""With and without; what is missed, as the model card says, is labelled as that."""
_BY_NAME = {example.name: example for pair in PAIRS for example in pair}


def lay_out_examples() -> gr.HTML:
    """Lay out the row of examples; a click carries the name of one."""
    return gr.HTML(render("examples", pairs=PAIRS), js_on_load=CLICKED, elem_id="examples")


def chosen_example(event: gr.EventData) -> Path:
    """The picture that was clicked.

    Raises:
        gradio.Error: there is none of that name.
    """
    example = _BY_NAME.get(str(getattr(event, "example", "")))
    if example is None:
        raise gr.Error(ODD, print_exception=False)
    return example.path
