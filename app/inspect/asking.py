"""What the page asks: the choices that a question is made of, and who sets them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from app.events import Answer, Values, unchanged
from app.ignoring import not_forgotten
from app.inspect.layout import InspectTab
from app.inspect.question import Question
from app.inspect.said import Said
from app.inspect.settings import FIRST_METHOD, as_in_the_paper, chosen, settings_of
from maeday_core import MAEDAY, METHODS, Method, Reference, Settings, Shots, find
from maeday_core.detection.region import Region
from maeday_core.texts import say

BY_GOOD_PARTS = (
    "This frame is judged by the good parts in use here, so that the verdict may differ from that in Frames."
)


@dataclass(frozen=True)
class Incoming:
    """A picture that another tab wants to see here.

    Attributes:
        path: of the picture.
        settings: how it was seen there.
        method, model: by which it was seen there.
        margin: by how much its score was above the threshold there, which is kept here; None for the automatic one.
        differs: a sentence that says what other question was asked there.
        time: of the request, so that the same picture twice is two requests.
        told: what is said of the result.
        reference: the good parts in use here, where they judged there.
    """

    path: str
    settings: Settings
    method: str
    model: str
    margin: float | None
    differs: str
    time: float
    told: str = ""
    reference: Reference | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Asking:
    """The handlers of the choices."""

    tab: InspectTab

    def take(self, incoming: Incoming | None, reference: Reference | None) -> Answer:
        """A picture from another tab, to be seen as it was there, or as the good parts in use were."""
        if incoming is None:
            return unchanged()
        tab, settings = self.tab, incoming.settings
        others = reference and reference is not incoming.reference
        if differs := BY_GOOD_PARTS if others else incoming.differs:
            gr.Info(say(differs), duration=None)
        return {
            tab.photo: incoming.path,
            **self.offer_methods(reference, incoming.method),
            tab.settings.model: incoming.model,
            **chosen(tab.settings, replace(settings, tile=reference.tile) if reference else settings),
            tab.result.auto: bool(differs) or incoming.margin is None,
        }

    def offer_methods(self, reference: Reference | None, method: str) -> Answer:
        """The methods that can judge now, and the automatic threshold: one of another unit means nothing.

        Where the chosen method cannot, it is the first.
        """
        choices = method_choices(reference)
        chosen = method if method in [name for _, name in choices] else FIRST_METHOD.name
        if chosen != method:
            told = "{method} cannot judge with what is in use now: {other} judges."
            gr.Info(say(told, method=find(method).title, other=FIRST_METHOD.title))
        return {self.tab.settings.method: gr.Radio(choices, value=chosen), self.tab.result.auto: True}

    def as_in_the_paper(self) -> Answer:
        """The method and the settings of the paper."""
        return {self.tab.settings.method: MAEDAY.name} | as_in_the_paper(self.tab.settings)

    def by_hand(self) -> Answer:
        """The threshold was moved."""
        return {self.tab.result.auto: False}

    def automatic(self) -> Answer:
        """The method is another: the threshold of the last one means nothing."""
        return {self.tab.result.auto: True}


def asked(tab: InspectTab, values: Values, photo: Path, margin: float | None = None) -> Question:
    """The question that the page asks now about a photo; with `margin`, its threshold is as far below the score.

    Raises:
        SettingsError: a value is out of its range, or what is ignored is all, or forgotten.
    """
    method, result = find(values[tab.settings.method]), tab.result
    reference = values[tab.good_parts.reference] if method.shots is not Shots.NONE else None
    return Question(
        photo,
        method,
        values[tab.settings.model],
        settings_of(tab.settings, values, values[result.alarm_rate]),
        reference or Reference(),
        region_in(tab, values),
        (values[tab.said.said] or Said()).moved,
        by_hand=None if values[result.auto] else values[result.threshold],
        margin=margin,
    )


def region_in(tab: InspectTab, values: Values) -> Region | None:
    """What is ignored now; None where all of a picture counts.

    Raises:
        SettingsError: it is all, or was forgotten.
    """
    mask = values[tab.ignore.mask]
    not_forgotten(values[tab.ignore.painted], mask)
    return None if mask is None else Region.of(mask)


def can_judge(method: Method, reference: Reference) -> bool:
    """Whether a method can judge with the reference in use, or, if it uses none, beside it."""
    if method.shots is Shots.NONE or not reference:
        return method.shots is not Shots.REQUIRED
    return all(part.name in reference.learned for part in method.parts(good=True))


def method_choices(reference: Reference | None) -> list[tuple[str, str]]:
    """Titles and names of the methods that can judge now, the paper's first."""
    offered = [method for method in METHODS.values() if method.offered and can_judge(method, reference or Reference())]
    return [(say(method.title), method.name) for method in offered]
