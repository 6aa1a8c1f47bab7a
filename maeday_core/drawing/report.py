"""One detection as a page that needs no other file: the verdict, the pictures, and the settings to reproduce it."""

from __future__ import annotations

from markupsafe import Markup

from maeday_core.drawing.cards import before_and_after, evidence, nearest_patch, verdict
from maeday_core.drawing.html import render
from maeday_core.drawing.shown import Shown, map_picture, one_mask, overlay_pair, peak_of

REPORTED_MASKS = 4


def report_page(view: Shown) -> Markup:
    """The HTML of the page."""
    query, covered = overlay_pair(view, own_scale=False)
    masks = []
    if seen := view.result.reconstructions:
        for index in range(1, min(REPORTED_MASKS, len(seen.masks)) + 1):
            captions = f"Mask {index}: what the model saw", "What it made of it", "Where they differ"
            masks.append(list(zip(one_mask(seen, index, own_scale=False), captions, strict=True)))
    return render(
        "report",
        name=view.name,
        verdict=verdict(view, own_scale=False),
        pictures=[(query, "Query"), (covered, "Overlay"), (map_picture(view, own_scale=False), "Error map")],
        sections=[
            before_and_after(view, own_scale=False),
            evidence(view, own_scale=False),
            nearest_patch(view, *peak_of(view)),
        ],
        masks=masks,
        settings={name: value for name, value in view.result.made_by.record().items() if value is not None},
    )
