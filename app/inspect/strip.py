"""The strip of what was inspected in this visit: to return to, to compare two of, to save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import gradio as gr
from markupsafe import Markup

from app.cards import message
from app.gradio_fixes import ODD
from app.html import render
from app.inspect.inspected import Inspected, Whole, inspected
from app.inspect.question import Question
from maeday_core.detection.decision import Threshold
from maeday_core.drawing.shown import Shown

MOST = 60
"""Photos that are kept; the oldest goes first."""
MOST_WHOLE = 5
"""Results that are kept whole, each of up to 15 MB; the others are made again when they are returned to."""
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
let there = false;
watch("value", () => {
    const before = there;
    if (!(there = Boolean(element.querySelector("img"))) || before) return;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    element.scrollIntoView({behavior, block: "nearest"});
});"""


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
            return self._with(self.shown.judged(view))
        number = self.entries[-1].number + 1 if self.entries else 1
        added = inspected(number, self._name_of(question), question, view)
        return Strip((*self.entries, added)[-MOST:], number, self.pinned)

    def _name_of(self, question: Question) -> str:
        """A name for a photo: its own, with a number where another photo has it."""
        names = {one.question.path: one.name for one in self.entries}
        others = (f"{question.path.stem} ({count}){question.path.suffix}" for count in range(2, MOST + 2))
        return names.get(question.path) or next(one for one in (question.name, *others) if one not in names.values())

    @property
    def shown(self) -> Inspected | None:
        """The one that is shown; None without one."""
        return self.of(self.current)

    def judged(self, view: Shown) -> Strip:
        """The one that is shown is judged under another threshold now; a stopped one is not in the strip."""
        one = self.shown
        return self._with(one.judged(view)) if one and one.view.time == view.time else self

    @property
    def alike(self) -> tuple[Inspected, ...]:
        """Those that a limit of the one that is shown can judge, itself among them; none without one."""
        shown = self.shown
        return tuple(one for one in self.entries if shown and one.question.is_like(shown.question))

    def judged_alike(self) -> Strip:
        """All that it can judge are judged by the limit of the one that is shown."""
        shown, alike = self.shown, {one.number for one in self.alike}
        entries = (one.judged_like(shown) if shown and one.number in alike else one for one in self.entries)
        return replace(self, entries=tuple(entries))

    def among(self, thresholds: Mapping[int, Threshold]) -> Strip:
        """Some, by their numbers, are judged among each other now."""
        entries = (
            one.judged_among(thresholds[one.number]) if one.number in thresholds else one for one in self.entries
        )
        return replace(self, entries=tuple(entries))

    def asked_again(self, number: int, question: Question, whole: Whole) -> Strip:
        """Another question about one, by its number, and the answer."""
        one = self.of(number)
        return self._with(one.asked_again(question, whole))._keeping_few() if one else self

    def keeping(self, whole: Whole) -> Strip:
        """The one that is shown is kept whole."""
        one = self.shown
        return self._with(replace(one, whole=whole))._keeping_few() if one else self

    def _keeping_few(self) -> Strip:
        """Of too many that are kept whole the first are not any more."""
        strip = self
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
