"""What a result says, as HTML: the verdict, before and after, which evidence counted, the most alike patch."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from markupsafe import Markup

from maeday_core.detection.result import SQUARED_ERROR, Detection, Threshold
from maeday_core.drawing.html import render
from maeday_core.drawing.pictures import heat_map
from maeday_core.drawing.shown import Shown, mask_count, nearest_at, number, overlay_pair, scale_of
from maeday_core.io.images import RGBImage
from maeday_core.methods import find
from maeday_core.methods.ensemble import shares

CSS = (files(__package__) / "templates" / "cards.css").read_text(encoding="utf-8")
"""The looks of the cards, for the page that they stand on."""
COLOURS = np.linspace(0, 1, 9, dtype=np.float32)[None]
"""The places on a colour scale from which the bar is drawn, (1, 9)."""
NOTHING = Markup()
SPOT = 0.001
"""A share of the picture too small to be told in per cent."""


def verdict(view: Shown, threshold: float, own_scale: bool) -> Markup:
    """What was found, the numbers, and the colour scale that they lie on."""
    result = view.result
    score = result.image_score
    low, top = scale_of(result, own_scale)
    unit_scale = "fixed" if result.unit.fixed_top is not None else "threshold in the middle of the"
    return render(
        "verdict",
        kind="anomalous" if score > threshold else "calm",
        title="Something here does not belong" if score > threshold else "Nothing stands out",
        sentences=_sentences(view, threshold),
        colours=["rgb({},{},{})".format(*colour) for colour in heat_map(COLOURS, (0.0, 1.0))[0]],
        marks=[
            (kind, f"{label} {number(result, value)}", f"{100 * np.clip((value - low) / (top - low), 0, 1):.1f}")
            for kind, label, value in (("threshold", "threshold", threshold), ("score", "image score", score))
        ],
        low=f"{low:.2g}",
        top=f"{top:.2f}",
        beyond="" if own_scale else "+",
        unit=result.unit.name,
        scale="this picture's" if own_scale else unit_scale,
        score=number(result, score),
        threshold=number(result, threshold),
        facts=_facts(view),
    )


def _sentences(view: Shown, threshold: float) -> list[str]:
    result, seen = view.result, view.result.reconstructions
    sentences = []
    if seen and not seen.complete:
        count = f"{len(seen.masks)} of {seen.total} masks"
        sentences.append(f"Stopped after {count}." if view.stopped else f"{count} so far.")
    if result.complete or view.stopped:
        sentences += _found(result, threshold)
    if seen and result.made_by.windows:
        windows = result.made_by.windows
        sentences.append(f"Seen through {windows}; the masks below are those of the one around the peak.")
    if result.threshold.shots:
        sentences.append(sureness(result.threshold))
    if view.doubt:
        sentences.append(view.doubt)
    return sentences


def _found(result: Detection, threshold: float) -> list[str]:
    if result.image_score > threshold:
        share = float((result.error_map > threshold).mean())
        found = f"{share:.1%} of the picture lies" if share >= SPOT else "A spot lies"
        return [f"{found} above the threshold and is outlined."]
    hint = ["On rough or speckled ground the ensemble sees more."] if result.unit == SQUARED_ERROR else []
    return ["The whole picture lies below the threshold.", *hint]


def _facts(view: Shown) -> list[str]:
    done = mask_count(view.result)
    masks = [f"{done} mask{'s' if done > 1 else ''}"] if done else []
    return [find(view.result.made_by.method).title, *masks, f"{view.result.seconds:.2f} s"]


def sureness(threshold: Threshold) -> str:
    """How far a threshold that rests on good parts can be trusted, in words."""
    scores, shots = threshold.good_scores, threshold.shots
    span = f"score {min(scores):.2f} to {max(scores):.2f}" if scores else ""
    if shots == 1:
        copies = f", whose copies {span}" if span else ""
        return (
            f"The threshold rests on one good part{copies}: it cannot tell how much good parts vary, so add more if "
            "you can."
        )
    if not span:
        return f"The threshold rests on {shots} good parts, each judged by the others."
    return f"The {shots} good parts {span}, each judged by the others."


def before_and_after(view: Shown, threshold: float, own_scale: bool) -> Markup:
    """The same query judged without the good parts and with them, side by side; nothing without good parts."""
    if view.before is None:
        return NOTHING
    figures = []
    for name, one, limit in (("Before", view.before, view.before.result.threshold.value), ("After", view, threshold)):
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
        title = find(part.made_by.method).title
        caption = f"{title}: {share:.0%} of the peak, {number(part, part.image_score)} {part.unit.name}"
        figures.append((heat_map(part.error_map, scale_of(part, own_scale)), caption))
    return _figures("Which evidence counted", figures)


def nearest_patch(view: Shown, x: int, y: int) -> Markup:
    """What column `x`, row `y` of the shown map was compared with; nothing where patches are not compared."""
    if view.result.matches is None:
        return NOTHING
    found = nearest_at(view.query, view.result.matches, x, y)
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
