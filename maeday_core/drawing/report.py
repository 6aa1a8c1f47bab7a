"""One detection as a page that needs no other file: the verdict, the places and why, and how to get it again."""

from __future__ import annotations

from markupsafe import Markup

from maeday_core import __version__
from maeday_core.drawing.cards import before_and_after, evidence, verdict
from maeday_core.drawing.command import command
from maeday_core.drawing.html import render
from maeday_core.drawing.shown import Shown, highest_of, map_picture, one_mask, overlay_pair
from maeday_core.drawing.why_cards import why_place
from maeday_core.texts import LANGUAGE, say

REPORTED_MASKS = 4


def report_page(view: Shown) -> Markup:
    """The HTML of the page."""
    photo, covered = overlay_pair(view, own_scale=False)
    masks = []
    if seen := view.result.reconstructions:
        for index in range(1, min(REPORTED_MASKS, len(seen.masks)) + 1):
            captions = (
                say("Mask {index} of {count}: what the model saw", index=index, count=seen.total),
                say("What it made of it"),
                say("Where they differ: squared error up to {highest:.2f}", highest=highest_of(seen, index)),
            )
            masks.append(list(zip(one_mask(seen, index, own_scale=False), captions, strict=True)))
    return render(
        "report",
        name=view.name,
        language=LANGUAGE.get(),
        verdict=verdict(view, own_scale=False),
        pictures=[
            (photo, say("Photo")),
            (covered, say("Photo with the map")),
            (map_picture(view, own_scale=False), say(view.result.unit.title)),
        ],
        places=[why_place(view, number) for number in range(1, len(view.places) + 1)],
        sections=[before_and_after(view, own_scale=False), evidence(view, own_scale=False)],
        masks=masks,
        origin=origin(view),
        version=__version__,
        command=command(view),
        settings={name: value for name, value in view.result.made_by.record().items() if value is not None},
    )


def origin(view: Shown) -> dict[str, str]:
    """Where and when a result was made, and from what, for people."""
    height, width = view.size
    known, reference = {}, view.reference
    if reference:
        known[say("Good parts")] = ", ".join([reference.name or str(reference.shots), *reference.names])
    return {
        say("Photo"): f"{view.name}, {width} x {height} px",
        say("Date"): f"{view.time:%Y-%m-%d %H:%M %Z}",
        say("Program"): f"MAEDAY {__version__}",
        **known,
    }
