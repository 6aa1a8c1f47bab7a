"""What a result says, as HTML and as one spoken sentence: the verdict, before and after, and which evidence counted."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from maeday_core.detection.decision import RULE, Verdict
from maeday_core.detection.result import Detection
from maeday_core.drawing.html import render
from maeday_core.drawing.pictures import heat_map
from maeday_core.drawing.shown import Shown, mask_count, number, overlay_pair, scale_of
from maeday_core.io.images import RGBImage
from maeday_core.methods import find
from maeday_core.methods.ensemble import shares
from maeday_core.texts import decimal, retold, say

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
ALONE = {
    Verdict.ANOMALOUS: "{method}: found.",
    Verdict.LOOK: "{method}: look here.",
    Verdict.NORMAL: "{method}: not found.",
}
"""What a part of a sum says by itself."""
SAID = "{title}: {factor} times the limit."
COULD_BE_GOOD = "The ringed place is the most unusual one, but a good picture can look like this."
COULD_BE_GOOD_ALONE = (
    "The ringed place is the most unusual one, but a good picture can look like this: photos of good parts would tell."
)
BELOW_BY_HAND = "The ringed place is the most unusual one; it is below the limit that you set."
RARE = "Fewer than 1 good picture in {many} scores this high."
ONE_IN = "About 1 good picture in {many} scores this high."
ORDINARY_ONE, ORDINARY_SOME = (
    "An ordinary score: about 1 good picture in {many} scores as high or higher.",
    "An ordinary score: about {few} good pictures in {many} score as high or higher.",
)
FEWEST, MOST = 1 / 200, 0.95
"""Shares of the good pictures beyond which no number is told."""
SPOKEN = [
    *((9, 10), (4, 5), (3, 4), (2, 3), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 8)),
    *((1, many) for many in (10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200)),
]
"""The shares that are told, as so many in so many."""


def spoken(view: Shown) -> str:
    """The verdict in one short sentence, for those who hear it: the title and the factor to the limit, no more."""
    title, factor = say(TITLES[view.verdict]), factor_of(view.result.image_score, view.limit)
    return say(SAID, title=title, factor=factor)


def verdict(view: Shown, own_scale: bool) -> Markup:
    """What was found, how far from the limit, and the colour scale with the limit in its middle."""
    result, state = view.result, view.verdict
    score = result.image_score
    low, top = scale_of(result, own_scale, view.limit)
    done = result.complete or view.stopped
    agree, said = agreement(result) if done else (True, "")
    kind = KINDS[state] if state is not Verdict.NORMAL or result.threshold.shots else "hint"
    return render(
        "verdict",
        kind=kind if done else "busy",
        title=say(TITLES[state] if done else "Still looking"),
        spoken=spoken(view) if done else "",
        factor=factor_of(score, view.limit),
        doubt=retold(view.doubt) if view.doubt else "",
        sentences=_sentences(view),
        agree=agree,
        agreement=said,
        colours=["rgb({},{},{})".format(*colour) for colour in heat_map(COLOURS, (0.0, 1.0))[0]],
        marks=[
            (kind, f"{say(label)} {number(result, value)}", f"{100 * np.clip((value - low) / (top - low), 0, 1):.1f}")
            for kind, label, value in (("threshold", "limit", view.limit), ("score", "score", score))
        ],
        low=decimal(f"{low:.2g}"),
        top=decimal(f"{top:.2g}"),
        beyond="" if own_scale else "+",
        unit=say(result.unit.name),
        own_scale=own_scale,
        score=number(result, score),
        limit=number(result, view.limit),
        facts=[_rests_on(view), *_facts(view)],
    )


def factor_of(score: float, limit: float) -> str:
    """The score in terms of the limit, on the right side of 1."""
    if score > 100 * limit:
        return "over 100"
    factor = score / limit if limit > 0 else 1.0
    if 0.95 < factor < 1.05:
        side = math.ceil if factor > 1 else math.floor
        return decimal(f"{side(100 * factor) / 100:.2f}")
    return decimal(f"{factor:.{1 if factor < 9.95 else 0}f}")


def agreement(result: Detection) -> tuple[bool, str]:
    """Whether the parts of a sum say the same by themselves, and what each says; nothing for a single method."""
    if not result.parts:
        return True, ""
    verdicts = [part.verdict_alone for part in result.parts]
    each = [
        say(ALONE[one], method=say(find(part.made_by.method).title))
        for part, one in zip(result.parts, verdicts, strict=True)
    ]
    agree = len(set(verdicts)) == 1
    return agree, " ".join([say("The methods agree." if agree else "The methods disagree."), *each])


def _sentences(view: Shown) -> list[str]:
    result, seen = view.result, view.result.reconstructions
    sentences = []
    if seen and not seen.complete:
        partial = "Stopped after {done} of {total} masks." if view.stopped else "{done} of {total} masks so far."
        sentences.append(say(partial, done=len(seen.masks), total=seen.total))
    if result.complete or view.stopped:
        sentences += [_found(view), rarity(result)]
    return [*sentences, _limit_is(view)]


def _limit_is(view: Shown) -> str:
    """What the automatic limit rests on, or where it lies if another was set by hand."""
    threshold = view.result.threshold
    if view.by_hand is None:
        return threshold.ordinary.reason
    return say("The automatic limit is {limit}.", limit=number(view.result, threshold.value))


def _found(view: Shown) -> str:
    if view.verdict is Verdict.LOOK:
        if view.by_hand is not None:
            return say(BELOW_BY_HAND)
        return say(COULD_BE_GOOD if view.result.threshold.shots else COULD_BE_GOOD_ALONE)
    if view.verdict is Verdict.NORMAL:
        return say("The most unusual place is ringed; it is below the limit.")
    share, count = float(view.anomalous.mean()), len(view.places)
    if share < SPOT:
        found = "A spot is outlined." if count == 1 else "{count} spots are outlined."
    elif count == 1:
        found = "One place is outlined, {share} of the picture."
    else:
        found = "{count} places are outlined, {share} of the picture."
    return say(found, count=count, share=f"{share:.1%}")


def rarity(result: Detection) -> str:
    """How many good pictures score as high as this one, in words."""
    ordinary, score = result.threshold.ordinary, result.image_score
    if score <= ordinary.least:
        return say("So small a difference never counts.")
    share = ordinary.share_above(score)
    if share < FEWEST:
        return say(RARE, many=f"{1 / FEWEST:,.0f}")
    if share > MOST:
        return say("An ordinary score: nearly every good picture scores as high or higher.")
    few, many = min(SPOKEN, key=lambda spoken: abs(_log_odds(spoken[0] / spoken[1]) - _log_odds(share)))
    ordinary_score = ORDINARY_ONE if few == 1 else ORDINARY_SOME
    return say(ONE_IN if share < RULE.looks else ordinary_score, few=few, many=f"{many:,}")


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _rests_on(view: Shown) -> str:
    """How sure the limit is, and what it allows."""
    threshold = view.result.threshold
    if view.by_hand is not None:
        return say("limit set by hand")
    low, high = (number(view.result, value) for value in threshold.between)
    told = "limit for {rate}% false alarms, between {low} and {high}"
    return say(told, rate=f"{100 * threshold.alarm_rate:.3g}", low=low, high=high)


def _facts(view: Shown) -> list[str]:
    result, done = view.result, mask_count(view.result)
    masks = [say("{done} mask" if done == 1 else "{done} masks", done=done)] if done else []
    windows = result.made_by.windows if result.reconstructions else None
    through = "seen through {windows}; the masks below are those of the one around the peak"
    seen = [say(through, windows=windows)] if windows else []
    return [say(find(result.made_by.method).title), *masks, *seen, say("{seconds:.2f} s", seconds=result.seconds)]


def before_and_after(view: Shown, own_scale: bool) -> Markup:
    """The same query judged without the good parts and with them, side by side; nothing without good parts."""
    if view.before is None:
        return NOTHING
    figures = []
    before, after = "Before: {found}, {factor} x the limit", "After: {found}, {factor} x the limit"
    for told, one in ((before, view.before), (after, view)):
        factor = factor_of(one.result.image_score, one.limit)
        figures.append((overlay_pair(one, own_scale)[1], say(told, found=say(SHORT[one.verdict]), factor=factor)))
    return _figures(say("Before and after the good parts"), figures)


def evidence(view: Shown, own_scale: bool) -> Markup:
    """The map of each part of an ensemble, and its share of the peak; nothing for a single method."""
    if not view.result.parts:
        return NOTHING
    figures = []
    for part, share in zip(view.result.parts, shares(view.result), strict=True):
        caption = say(
            "{method}: {share} of the peak", method=say(find(part.made_by.method).title), share=f"{share:.0%}"
        )
        figures.append((heat_map(part.error_map, scale_of(part, own_scale)), caption))
    return _figures(say("Which evidence counted"), figures)


def _figures(title: str, figures: list[tuple[RGBImage, str]]) -> Markup:
    return render("figures", title=title, figures=figures)
