"""What a result says, as HTML: the verdict, before and after, which evidence counted, the most alike patch."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from maeday_core.detection.decision import Verdict
from maeday_core.detection.result import SQUARED_ERROR, Detection
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
TITLES = {
    Verdict.ANOMALOUS: "Something here does not belong",
    Verdict.LOOK: "Look here",
    Verdict.NORMAL: "Nothing found",
}
SHORT = {Verdict.ANOMALOUS: "does not belong", Verdict.LOOK: "look here", Verdict.NORMAL: "nothing found"}
KINDS = {Verdict.ANOMALOUS: "anomalous", Verdict.LOOK: "look", Verdict.NORMAL: "calm"}
FEWEST, MOST = 1 / 200, 0.95
"""Shares of the good pictures beyond which no number is told."""
SPOKEN = [
    *((9, 10), (4, 5), (3, 4), (2, 3), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 8)),
    *((1, many) for many in (10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200)),
]
"""The shares that are told, as so many in so many."""


def verdict(view: Shown, own_scale: bool) -> Markup:
    """What was found, the numbers, and the colour scale that they lie on."""
    result, state = view.result, view.verdict
    score = result.image_score
    low, top = scale_of(result, own_scale)
    unit_scale = "fixed" if result.unit.fixed_top is not None else "threshold in the middle of the"
    return render(
        "verdict",
        kind=KINDS[state] if state is not Verdict.NORMAL or result.threshold.shots else "hint",
        title=TITLES[state],
        complete=result.complete or view.stopped,
        sentences=_sentences(view),
        colours=["rgb({},{},{})".format(*colour) for colour in heat_map(COLOURS, (0.0, 1.0))[0]],
        marks=[
            (kind, f"{label} {number(result, value)}", f"{100 * np.clip((value - low) / (top - low), 0, 1):.1f}")
            for kind, label, value in (("threshold", "threshold", view.limit), ("score", "image score", score))
        ],
        low=f"{low:.2g}",
        top=f"{top:.2f}",
        beyond="" if own_scale else "+",
        unit=result.unit.name,
        scale="this picture's" if own_scale else unit_scale,
        factor=_factor(score, view.limit),
        score=number(result, score),
        threshold=number(result, view.limit),
        facts=[_rests_on(view), *_facts(view)],
    )


def _sentences(view: Shown) -> list[str]:
    result, seen = view.result, view.result.reconstructions
    sentences = []
    if seen and not seen.complete:
        count = f"{len(seen.masks)} of {seen.total} masks"
        sentences.append(f"Stopped after {count}." if view.stopped else f"{count} so far.")
    if result.complete or view.stopped:
        sentences += [_found(view), rarity(result)]
        if view.verdict is not Verdict.ANOMALOUS and result.unit == SQUARED_ERROR:
            sentences.append("On rough or speckled ground the ensemble sees more.")
    if view.doubt:
        sentences.append(view.doubt)
    return [*sentences, result.threshold.ordinary.reason]


def _found(view: Shown) -> str:
    if view.verdict is Verdict.ANOMALOUS:
        share = float(view.anomalous.mean())
        found = f"{share:.1%} of the picture lies" if share >= SPOT else "A spot lies"
        return f"{found} above the threshold and is outlined."
    if view.verdict is Verdict.LOOK:
        return "The ringed place is the most unusual one, but a good picture can look like this."
    return "Its score lies below the threshold."


def rarity(result: Detection) -> str:
    """How many good pictures score as high as this one, in words."""
    ordinary, score = result.threshold.ordinary, result.image_score
    if score <= ordinary.least:
        return "So small a difference never counts."
    share = ordinary.share_above(score)
    if share < FEWEST:
        return f"Fewer than 1 good picture in {1 / FEWEST:,.0f} scores this high."
    if share > MOST:
        return "Nearly every good picture scores this high."
    few, many = min(SPOKEN, key=lambda spoken: abs(_log_odds(spoken[0] / spoken[1]) - _log_odds(share)))
    return f"About {few} good picture{'s' * (few > 1)} in {many:,} score{'s' * (few == 1)} this high."


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _factor(score: float, limit: float) -> str:
    """The score in terms of the threshold; nothing for one of 0."""
    if limit <= 0:
        return ""
    return f"{score / limit:.{2 if score < 10 * limit else 0}f} times the threshold"


def _rests_on(view: Shown) -> str:
    """How sure the threshold is, and what it allows."""
    threshold = view.result.threshold
    if view.by_hand is not None:
        return "threshold set by hand"
    low, high = (number(view.result, value) for value in threshold.between)
    return f"threshold for {100 * threshold.alarm_rate:.3g}% false alarms, between {low} and {high}"


def _facts(view: Shown) -> list[str]:
    result, done = view.result, mask_count(view.result)
    masks = [f"{done} mask{'s' if done > 1 else ''}"] if done else []
    windows = result.made_by.windows if result.reconstructions else None
    seen = [f"seen through {windows}; the masks below are those of the one around the peak"] if windows else []
    return [find(result.made_by.method).title, *masks, *seen, f"{result.seconds:.2f} s"]


def before_and_after(view: Shown, own_scale: bool) -> Markup:
    """The same query judged without the good parts and with them, side by side; nothing without good parts."""
    if view.before is None:
        return NOTHING
    figures = []
    for name, one in (("Before", view.before), ("After", view)):
        score, limit = (number(one.result, value) for value in (one.result.image_score, one.limit))
        figures.append((overlay_pair(one, own_scale)[1], f"{name}: {SHORT[one.verdict]}, {score} against {limit}"))
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
