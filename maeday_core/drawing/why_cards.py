"""Places and why they stand out, as text and HTML."""

from __future__ import annotations

from markupsafe import Markup

from maeday_core.detection.decision import Verdict
from maeday_core.detection.places import Place
from maeday_core.drawing.cards import factor_of
from maeday_core.drawing.html import render
from maeday_core.drawing.shown import Shown
from maeday_core.drawing.why import Why, why
from maeday_core.texts import say

WHERE = (
    ("upper left", "top", "upper right"),
    ("left", "in the middle", "right"),
    ("lower left", "bottom", "lower right"),
)
"""By thirds of the picture."""
CLICKED = "The place you clicked: {where}, {factor} x the limit"
PEAK = "The most unusual place: {where}, {factor} x the limit"
OUTLINED = "{number}: {width} x {height} px, {where}, {factor} x the limit"
SAME = "The same place in the most alike good part"
PART = {
    Verdict.ANOMALOUS: (
        "{method} gives {share} of the evidence here. By itself, over the whole photo, it finds something."
    ),
    Verdict.LOOK: "{method} gives {share} of the evidence here. By itself, over the whole photo, it says: look here.",
    Verdict.NORMAL: "{method} gives {share} of the evidence here. By itself, over the whole photo, it finds nothing.",
}


def place_labels(view: Shown) -> list[str]:
    """The places of a result in words, worst first: where each is, how large, and how far from the limit."""
    return [_label(view, place, OUTLINED if place.outlined else PEAK, n) for n, place in enumerate(view.places, 1)]


def why_place(view: Shown, number: int = 1) -> Markup:
    """Why a place stands out, by its number from 1; one too high gives the last."""
    number = min(max(number, 1), len(view.places))
    return _card(place_labels(view)[number - 1], why(view, view.places[number - 1]))


def why_point(view: Shown, x: int, y: int) -> Markup:
    """The same of any point: column `x`, row `y` of the shown query."""
    place = view.point(x, y)
    return _card(_label(view, place, CLICKED), why(view, place))


def _label(view: Shown, place: Place, text: str, number: int = 1) -> str:
    height, width = view.query.shape[:2]
    return say(
        text,
        number=number,
        width=round(place.width / view.shrink),
        height=round(place.height / view.shrink),
        where=say(WHERE[3 * place.y // height][3 * place.x // width]),
        factor=factor_of(place.score, view.limit),
    )


def _card(title: str, found: Why) -> Markup:
    same = "The same place in the most alike good part, {name}" if found.good_part_name else SAME
    figures = [
        (found.here, say("What is there")),
        (found.expected, say("What the model expected there")),
        (found.elsewhere, say("The most alike elsewhere in this photo")),
        (found.patch, say("The most alike patch of the good parts")),
        (found.good_part, say(same, name=found.good_part_name)),
    ]
    parts = [say(PART[part.verdict], method=say(part.title), share=f"{part.share:.0%}") for part in found.evidence]
    return render("why", title=title, figures=[one for one in figures if one[0] is not None], parts=parts)
