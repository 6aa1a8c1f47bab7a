"""The strip of what was inspected in this visit: to return to, to compare two of, to save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
from markupsafe import Markup

from app.cards import message
from app.gradio_fixes import ODD
from app.html import render
from app.inspect.question import Question
from maeday_core.detection.decision import Threshold, Verdict
from maeday_core.detection.result import Provenance
from maeday_core.drawing.cards import KINDS, SHORT, factor_of
from maeday_core.drawing.html import jpeg_bytes
from maeday_core.drawing.shown import Shown, overlay_pair
from maeday_core.io.images import RGBImage
from maeday_core.texts import say

MOST = 60
"""Photos that are kept; the oldest goes first."""
MOST_WHOLE = 5
"""Results that are kept whole, each of up to 15 MB; the others are made again when they are returned to."""
THUMBNAIL, OVERLAY = 96, 480
"""Longest sides, in pixels."""
PINS = 2
CLICKED = """
const local = () => element.querySelectorAll("time").forEach(time =>
    time.textContent = new Date(time.dateTime).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"}));
element.addEventListener("click", event => {
    const one = event.target.closest("[data-number]");
    if (one) trigger(one.dataset.does, {number: Number(one.dataset.number)});
});
watch("value", local);
local();"""
COMPARED = """
element.addEventListener("click", event => event.target.closest("button") && trigger("click", {}));
watch("value", () => {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    if (element.querySelector("img")) element.scrollIntoView({behavior, block: "nearest"});
});"""


@dataclass(frozen=True)
class Whole:
    """A result with all that is shown of it, and the file of its map, which goes an hour later."""

    view: Shown
    error_map: str

    @property
    def is_there(self) -> bool:
        """Whether it can be shown again."""
        return Path(self.error_map).is_file()


@dataclass(frozen=True)
class Inspected:
    """One photo that was inspected.

    Attributes:
        number: counted from 1 in the order of the visit.
        question: what was asked.
        verdict, score, limit: what was answered.
        made_by: what the answer depends on.
        digits: after the point, in the unit of the score.
        unit: of the score.
        at: when.
        thumbnail, overlay: JPEG files of the photo under its map.
        whole: all of the result; None where it has to be made again.
        automatic: the automatic limit, before what the visitor said moved it.
    """

    number: int
    question: Question
    verdict: Verdict
    score: float
    limit: float
    made_by: Provenance
    digits: int
    unit: str
    at: datetime
    thumbnail: bytes = field(repr=False)
    overlay: bytes = field(repr=False)
    whole: Whole | None = field(default=None, repr=False)
    automatic: float = 0.0

    @property
    def kind(self) -> str:
        """How it looks: calm only by good parts."""
        calm = self.verdict is not Verdict.NORMAL or self.question.reference
        return KINDS[self.verdict] if calm else "hint"

    @property
    def says(self) -> str:
        """The verdict in two words."""
        return say(SHORT[self.verdict])

    @property
    def factor_told(self) -> str:
        """How far the score is from the threshold, in words."""
        return say("{factor} x the limit", factor=factor_of(self.score, self.limit))

    @property
    def factor(self) -> float:
        """The score as a multiple of the threshold."""
        return self.score / max(self.limit, 1e-9)

    @property
    def facts(self) -> dict[str, str]:
        """What the answer depends on, in words; what the method does not use is left out."""
        good = {"good parts": self.question.reference.shots} if self.question.reference else {}
        made_by = {key.replace("_", " "): value for key, value in self.made_by.record().items() if value is not None}
        made_by.pop("model sha256", None)
        if self.question.by_hand is not None:
            del made_by["alarm rate"]
            made_by["limit"] = say("set by hand")
        return {"photo": self.question.name, **{key: str(value) for key, value in (good | made_by).items()}}


@dataclass(frozen=True)
class Strip:
    """What was inspected, oldest first.

    Attributes:
        entries: the photos.
        current: the number of the one that is shown.
        pinned: the numbers of those that are compared, at most `PINS`.
        worst_first: whether they are listed so, after several photos in one drop; else the newest first.
    """

    entries: tuple[Inspected, ...] = ()
    current: int = 0
    pinned: tuple[int, ...] = ()
    worst_first: bool = False

    @property
    def listed(self) -> tuple[Inspected, ...]:
        """In the order in which the page has them."""
        if self.worst_first:
            return tuple(sorted(self.entries, key=lambda one: -one.factor))
        return self.entries[::-1]

    def with_answer(self, question: Question, view: Shown) -> Strip:
        """One more, which is the one that is shown; the one that is shown asked again is the same."""
        if self.shown is not None and self.shown.question.is_again(question):
            return self
        number = self.entries[-1].number + 1 if self.entries else 1
        return Strip((*self.entries, _inspected(number, question, view))[-MOST:], number, self.pinned)

    @property
    def shown(self) -> Inspected | None:
        """The one that is shown; None without one."""
        return self.of(self.current)

    def judged(self, view: Shown) -> Strip:
        """The one that is shown is judged under another threshold now."""
        if (one := self.shown) is None:
            return self
        settings = replace(one.question.settings, alarm_rate=view.result.made_by.alarm_rate)
        question = replace(one.question, settings=settings, by_hand=view.by_hand, margin=None)
        return self._with(replace(_inspected(one.number, question, view, one.at), whole=one.whole))

    def among(self, thresholds: Mapping[int, Threshold]) -> Strip:
        """Some, by their numbers, are judged among each other now."""
        entries = (_among(one, thresholds[one.number]) if one.number in thresholds else one for one in self.entries)
        return replace(self, entries=tuple(entries))

    def keeping(self, whole: Whole) -> Strip:
        """The one that is shown is kept whole; of too many the first are not any more."""
        if (one := self.shown) is None:
            return self
        strip = self._with(replace(one, whole=whole))
        kept = [one.number for one in strip.entries if one.whole][-MOST_WHOLE:]
        entries = (one if one.number in kept else replace(one, whole=None) for one in strip.entries)
        return replace(strip, entries=tuple(entries))

    def _with(self, changed: Inspected) -> Strip:
        entries = (changed if one.number == changed.number else one for one in self.entries)
        return replace(self, entries=tuple(entries))

    def of(self, number: int) -> Inspected | None:
        """The one of a number; None if it is not kept any more."""
        return next((one for one in self.entries if one.number == number), None)

    def pin(self, number: int) -> Strip:
        """Pin one for comparison, or let it go; a third takes the place of the first."""
        if number in self.pinned:
            return replace(self, pinned=tuple(one for one in self.pinned if one != number))
        return replace(self, pinned=(*self.pinned, number)[-PINS:])

    @property
    def compared(self) -> list[Inspected]:
        """The pinned ones that are still kept."""
        return [one for number in self.pinned if (one := self.of(number))]


@dataclass(frozen=True)
class StripPanel:
    """The strip; `kept` is its value. `compared` is laid out apart, where there is more room."""

    kept: gr.State
    column: gr.Column
    entries: gr.HTML
    compared: gr.HTML
    csv: gr.Button
    report: gr.Button
    file: gr.DownloadButton


def lay_out_strip(lifetime: int) -> StripPanel:
    """Lay out the strip, which is there from the first inspected photo on, forgotten after `lifetime` seconds."""
    kept = gr.State(Strip(), time_to_live=lifetime)
    compared = gr.HTML("", js_on_load=COMPARED, elem_id="compared", render=False)
    with gr.Column(visible=False, elem_id="strip") as column:
        entries = gr.HTML("", js_on_load=CLICKED, elem_id="inspected")
        with gr.Row():
            csv = gr.Button("Table of all (CSV)", size="sm", elem_id="get-csv", min_width=120)
            report = gr.Button("Report on all (HTML)", size="sm", elem_id="get-visit", min_width=120)
        file = gr.DownloadButton(elem_id="strip-file")
    return StripPanel(kept, column, entries, compared, csv, report, file)


def strip_html(strip: Strip) -> Markup:
    """The strip as a row of buttons."""
    return render("strip", strip=strip, entries=strip.listed, one_pinned=len(strip.compared) == 1)


def once_more(one: Inspected) -> Markup:
    """The card on one that is returned to, until it is there with all its details."""
    return message(f"{one.says}: {one.factor_told}", "It is looked at once more, so that every detail is here.", "busy")


def number_in(event: gr.EventData) -> int:
    """The number that was clicked.

    Raises:
        gradio.Error: it is none.
    """
    number = getattr(event, "number", None)
    if not isinstance(number, int):
        raise gr.Error(ODD, print_exception=False)
    return number


def _inspected(number: int, question: Question, view: Shown, at: datetime | None = None) -> Inspected:
    result = view.result
    picture = overlay_pair(view, own_scale=False)[1]
    return Inspected(
        number,
        question,
        view.verdict,
        result.image_score,
        view.limit,
        result.made_by,
        result.unit.digits,
        result.unit.name,
        at or datetime.now(UTC),
        small(picture, THUMBNAIL),
        small(picture, OVERLAY),
        automatic=result.threshold.value / question.moved.factor,
    )


def _among(one: Inspected, threshold: Threshold) -> Inspected:
    question = replace(one.question, among=threshold.ordinary)
    automatic, threshold = threshold.value, question.moved.applied(threshold.ordinary).threshold(threshold.alarm_rate)
    whole = one.whole
    if whole:
        whole = replace(whole, view=replace(whole.view, result=question.judged(whole.view.result)))
    verdict = threshold.verdict(one.score)
    return replace(one, question=question, verdict=verdict, limit=threshold.value, whole=whole, automatic=automatic)


def small(picture: RGBImage, side: int) -> bytes:
    """A JPEG file of a picture with no side longer than `side`."""
    scale = min(1.0, side / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return jpeg_bytes(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
