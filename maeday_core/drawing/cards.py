"""What a result says, as HTML: the verdict, before and after, which evidence counted, the most alike patch."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from markupsafe import Markup

from maeday_core.detection.reconstruction import SQUARED_ERROR, Detection
from maeday_core.drawing.html import render
from maeday_core.drawing.pictures import heat_map
from maeday_core.drawing.shown import Shown, mask_count, nearest_at, number, overlay_pair, scale_of
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import NAMES
from maeday_core.methods.ensemble import shares

CSS = (files(__package__) / "templates" / "cards.css").read_text(encoding="utf-8")
"""The looks of the cards, for the page that they stand on."""
NOTHING = Markup()
SPOT = 0.001
"""A share of the picture too small to be told in per cent."""


def verdict(view: Shown, threshold: float, own_scale: bool) -> Markup:
    """What was found, the numbers, and the colour scale that they lie on."""
    result = view.result
    score = result.image_score
    low, top = scale_of(result, own_scale)
    unit_scale = "fixed" if result.unit == SQUARED_ERROR else "threshold in the middle of the"
    return render(
        "verdict",
        kind="anomalous" if score > threshold else "calm",
        title="Something here does not belong" if score > threshold else "Nothing stands out",
        sentences=_sentences(view, threshold),
        colours=["rgb({},{},{})".format(*colour) for colour in heat_map(np.linspace(0, 1, 9)[None], (0.0, 1.0))[0]],
        marks=[
            (kind, f"{label} {number(result, value)}", f"{100 * np.clip((value - low) / (top - low), 0, 1):.1f}")
            for kind, label, value in (("threshold", "threshold", threshold), ("score", "image score", score))
        ],
        low=f"{low:.2g}",
        top=f"{top:.2f}",
        beyond="" if own_scale else "+",
        unit=result.unit,
        scale="this picture's" if own_scale else unit_scale,
        score=number(result, score),
        threshold=number(result, threshold),
        facts=_facts(view),
    )


def _sentences(view: Shown, threshold: float) -> list[str]:
    result, done = view.result, mask_count(view)
    sentences = []
    if not result.complete and view.stopped:
        sentences.append(f"Stopped after {done} of {result.total} masks.")
    if not result.complete and not view.stopped:
        sentences.append(f"{done} of {result.total} masks so far.")
    elif result.image_score > threshold:
        share = float((result.error_map > threshold).mean())
        found = f"{share:.1%} of the picture lies" if share >= SPOT else "A spot lies"
        sentences.append(f"{found} above the threshold and is outlined.")
    else:
        sentences.append("The whole picture lies below the threshold.")
        if result.unit == SQUARED_ERROR:
            sentences.append("On rough or speckled ground the ensemble sees more.")
    if "tiles" in result.settings and done:
        sentences.append(
            f"Seen through {result.settings['tiles']}; the masks below are those of the one around the peak."
        )
    if result.shots:
        sentences.append(sureness(result))
    if view.doubt:
        sentences.append(view.doubt)
    return sentences


def _facts(view: Shown) -> list[str]:
    done = mask_count(view)
    masks = [f"{done} mask{'s' if done > 1 else ''}"] if done else []
    return [NAMES[view.result.settings["method"]], *masks, f"{view.result.seconds:.2f} s"]


def sureness(result: Detection) -> str:
    """How far a threshold that rests on good parts can be trusted, in words."""
    scores = result.good_scores
    span = f"score {min(scores):.2f} to {max(scores):.2f}" if scores else ""
    if result.shots == 1:
        copies = f", whose copies {span}" if span else ""
        return (
            f"The threshold rests on one good part{copies}: it cannot tell how much good parts vary, so add more if "
            "you can."
        )
    if not span:
        return f"The threshold rests on {result.shots} good parts, each judged by the others."
    return f"The {result.shots} good parts {span}, each judged by the others."


def before_and_after(view: Shown, threshold: float, own_scale: bool) -> Markup:
    """The same query judged without the good parts and with them, side by side; nothing without good parts."""
    if view.before is None:
        return NOTHING
    figures = []
    for name, one, limit in (("Before", view.before, view.before.result.first_threshold), ("After", view, threshold)):
        score = one.result.image_score
        found = "stands out" if score > limit else "calm"
        caption = f"{name}: {found}, {number(one.result, score)} against {number(one.result, limit)}"
        figures.append((overlay_pair(one, limit, own_scale)[1], caption))
    return _figures("Before and after the good parts", figures)


def evidence(view: Shown, own_scale: bool) -> Markup:
    """The map of each part of an ensemble, and its share of the peak; nothing for a single method."""
    if not view.result.parts:
        return NOTHING
    figures = []
    for part, share in zip(view.result.parts, shares(view.result), strict=True):
        name = NAMES[part.settings["method"]]
        caption = f"{name}: {share:.0%} of the peak, {number(part, part.image_score)} {part.unit}"
        figures.append((heat_map(part.error_map, scale_of(part, own_scale)), caption))
    return _figures("Which evidence counted", figures)


def nearest_patch(view: Shown, x: int, y: int) -> Markup:
    """What column `x`, row `y` of the shown map was compared with; nothing where patches are not compared."""
    found = nearest_at(view, x, y)
    if found is None:
        return NOTHING
    where = "elsewhere in this picture (yellow)" if found.elsewhere else "among the good parts"
    return _figures(
        "Compared with",
        [
            (found.marked, "The peak, or the place you clicked (blue)"),
            (found.here, "What is there"),
            (found.like, f"The most alike {where}: distance {found.distance:.2f}"),
        ],
        text="Click anywhere on the map: here is what that place looks like most. What looks like nothing else is "
        "foreign.",
        kind="nearest",
    )


def _figures(title: str, figures: list[tuple[RGBImage, str]], text: str = "", kind: str = "") -> Markup:
    return render("figures", title=title, figures=figures, text=text, kind=kind)
