"""The pictures of a result: photo and map under a slider, the map to click on, and what the model saw."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from app.figure import COMPARE, ENLARGE, figure
from app.html import render
from maeday_core.detection.decision import Verdict
from maeday_core.detection.result import Reconstructions
from maeday_core.drawing.shown import (
    Shown,
    all_masks,
    highest_of,
    map_picture,
    mask_scale,
    one_mask,
    overlay_pair,
)
from maeday_core.texts import say

SAW = ("masked", "reconstruction", "difference")
"""Where each picture of a mask stands."""
SCALE = (
    "The difference is a squared error: black is 0, the brightest {top:.2f}; under this mask it reaches {highest:.2f}."
)
COVERED = {
    Verdict.ANOMALOUS: "The photo under its map: what does not belong is outlined",
    Verdict.LOOK: "The photo under its map: the most unusual place is ringed",
    Verdict.NORMAL: "The photo under its map: nothing is marked",
}
CLICKED = f"""
element.addEventListener("click", event => {{
    const picture = event.target.closest("img");
    if (!picture) return;
    const box = picture.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.x) / box.width * picture.naturalWidth);
    const y = Math.floor((event.clientY - box.y) / box.height * picture.naturalHeight);
    if (x >= 0 && y >= 0 && x < picture.naturalWidth && y < picture.naturalHeight) trigger("select", {{index: [x, y]}});
}});
{ENLARGE}"""


def lay_out_maps() -> tuple[gr.HTML, gr.HTML]:
    """Lay out photo and map under a slider, and the map, a click into which is a `select` with column and row."""
    with gr.Row(elem_id="maps"):
        overlay = gr.HTML("", js_on_load=COMPARE, elem_id="overlay", min_width=300)
        heat = gr.HTML("", js_on_load=CLICKED, elem_id="heat", min_width=300)
    return overlay, heat


def comparison(view: Shown, own_scale: bool) -> Markup:
    """The photo and, over it, the photo under its map; the slider between them stands at the left."""
    photo, covered = overlay_pair(view, own_scale)
    pictures = [(photo, say("The photo")), (covered, say(COVERED[view.verdict]))]
    return figure(say("Photo | how unusual"), pictures, say("How much of the photo lies bare"))


def map_to_click(view: Shown, own_scale: bool) -> Markup:
    """The map alone."""
    alt = say("The map: bright where the photo is unusual; the list of places leads to the worst ones")
    return figure(say(view.result.unit.title), [(map_picture(view, own_scale), alt)])


def mask_pictures(seen: Reconstructions | None, index: int, own_scale: bool) -> Markup:
    """What the model saw under one mask, by its number; nothing without masks."""
    if not seen:
        return Markup()
    top, highest = mask_scale(seen, own_scale)[1], highest_of(seen, index)
    names = say("Masked input"), say("Reconstruction"), say("Difference")
    pictures = [*zip(SAW, names, one_mask(seen, index, own_scale), strict=True)]
    return render("saw", pictures=pictures, scale=say(SCALE, top=top, highest=highest))


def every_mask(seen: Reconstructions | None, own_scale: bool) -> Markup:
    """The same for all masks."""
    return render("masks", tiles=all_masks(seen, own_scale)) if seen else Markup()
