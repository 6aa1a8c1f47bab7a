"""Several photos in one drop: one after another and, without good parts, those of one kind among each other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from app.errors import sentence
from app.events import Answer, Values, with_answer
from app.files import written
from app.gpu import computed
from app.inspect.inspected import Inspected, Whole
from app.inspect.looks import map_name, subject
from app.inspect.question import Question
from app.inspect.run import Inspection
from app.inspect.strip import Strip, strip_html
from app.models import loaded_tools
from maeday_core.detection.decision import Threshold, Verdict
from maeday_core.drawing.shown import Shown, shown
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import load_image
from maeday_core.io.natural import natural
from maeday_core.methods.peers import Peers
from maeday_core.serving.jobs import LookAgain
from maeday_core.texts import say

INSPECTED_ONE = "1 photo was inspected; it is in the strip."
INSPECTED = "{count} photos were inspected; all are in the strip, the worst first."
AGAIN = "All are looked at once more, beside the most ordinary of them."
AGAIN_SO_FAR = "{number} of {total} photos were looked at once more: {name}"
MOST_AT_ONCE = 50
"""Photos of one drop; Frames is for more."""


@dataclass
class Drop:
    """What was found in the photos so far.

    Attributes:
        failed: names of those that could not be judged.
        looks: by their numbers in the strip, what each looks like, its score and its threshold by itself.
    """

    failed: list[str] = field(default_factory=list)
    looks: dict[int, tuple[tuple[float, ...], float, Threshold]] = field(default_factory=dict)

    @property
    def peers(self) -> Peers:
        """How they look and scored, in the order of their numbers in `looks`."""
        looks = self.looks.values()
        return Peers().with_more([score for _, score, _ in looks], [look for look, _, _ in looks])

    def thresholds(self) -> dict[int, Threshold]:
        """By their numbers, the thresholds of those that have another one among the others."""
        peers = self.peers
        judged = {number: peers.threshold(look, alone) for number, (look, _, alone) in self.looks.items()}
        return {number: one for number, one in judged.items() if one is not self.looks[number][2]}


@dataclass(frozen=True)
class Several:
    """The handler of a drop."""

    inspection: Inspection

    def detect(self, values: Values) -> Iterator[Answer]:
        """One photo after another; one that cannot be judged is named, and the others are."""
        tab, drop = self.inspection.tab, Drop()
        paths = sorted(values[tab.several] or [], key=lambda path: natural(Path(path).name))
        given, paths = len(paths), paths[:MOST_AT_ONCE]
        for number, path in enumerate(paths, 1):
            yield {tab.photo: path, **self.inspection.start(values[tab.shown])}
            values = {**values, tab.photo: path}
            for answer in self.inspection.detect(values):
                values = with_answer(values, answer)
                yield answer
            view: Shown | None = values[tab.shown]
            if view is None:
                drop.failed.append(Path(path).name)
            else:
                look = appearance(view.query), view.result.image_score, view.result.threshold
                drop.looks[values[tab.strip.kept].current] = look
            far = say("{number} of {total} photos: {name}", number=number, total=len(paths), name=Path(path).name)
            yield {tab.result.subject: subject(far)}
        together = False
        if values[tab.result.auto]:
            values, together = yield from self._among(values, drop)
        strip = replace(values[tab.strip.kept], worst_first=True)
        worst = next((one.number for one in strip.listed if one.number in drop.looks), strip.current)
        if worst != strip.current:
            strip = replace(strip, current=worst)
            values = {**values, tab.strip.kept: strip}
            yield self.inspection.recalled(strip, worst, values[tab.good_parts.reference], values[tab.shown])
            yield from self.inspection.detect_recalled(values)
        told = _told(drop, strip, together)
        if len(drop.looks) > 1 and strip.shown:
            told += " " + say("Below: {name}; click another one in the strip to see it.", name=strip.shown.name)
        if given > len(paths):
            told += " " + say("{count} of {given} were taken; Frames is for more.", count=len(paths), given=given)
        yield {
            tab.result.subject: subject(told),
            tab.strip.kept: strip,
            tab.strip.entries: strip_html(strip),
            tab.several: None,
        }

    def _among(self, values: Values, drop: Drop) -> Generator[Answer, None, tuple[Values, bool]]:
        """Those of one kind are judged among each other; returns the values, and whether there were any."""
        tab, strip = self.inspection.tab, values[self.inspection.tab.strip.kept]
        again = set[int]()
        entries = [strip.of(number) for number in drop.looks]
        if looks_again(drop, entries):
            yield {tab.result.subject: subject(say(AGAIN)), **self.inspection.running(True)}
            try:
                for number, question, whole in looked_at_again(drop, entries):
                    again.add(number)
                    strip = strip.asked_again(number, question, whole)
                    far = say(AGAIN_SO_FAR, number=len(again), total=len(entries), name=question.name)
                    yield {tab.result.subject: subject(far)}
            except Exception as error:  # what was found in each by itself is there
                gr.Warning(sentence(error, "other photos"))
            yield self.inspection.running(False)
        judged = {number: one for number, one in drop.thresholds().items() if number not in again}
        values = {**values, tab.strip.kept: strip.among(judged)}
        if again or judged:
            yield self.inspection.shown_again(values)
        return values, bool(again or judged)


def looks_again(drop: Drop, entries: Sequence[Inspected | None]) -> bool:
    """Whether the photos of a drop are worth a second look, beside the most ordinary of them."""
    asked = [one.question for one in entries if one]
    without = len(asked) == len(drop.looks) and not any(one.reference for one in asked)
    return without and bool(asked) and asked[0].method.second_look and any(True for _ in drop.peers.kinds())


def looked_at_again(drop: Drop, entries: Sequence[Inspected | None]) -> Iterator[tuple[int, Question, Whole]]:
    """What a second look finds in each that is one of a kind: its number, what was asked, and the answer."""
    photos = [one for one in entries if one]
    first = photos[0].question
    job = LookAgain(tuple(one.question.path for one in photos), first.method.name, drop.peers, first.region)
    for place, found, reference in computed(job, loaded_tools(first.model, first.settings, first.method)):
        one = photos[place]
        question = replace(one.question, reference=reference, among=found.threshold.ordinary)
        view = shown(one.name, load_image(question.path), question.judged(found), reference=reference)
        yield one.number, question, Whole(view, written(map_name(view), view.result.save_map))


def _told(drop: Drop, strip: Strip, together: bool) -> str:
    inspected = [one for one in strip.listed if one.number in drop.looks]
    found = [one.name for one in inspected if one.verdict is Verdict.ANOMALOUS]
    count = len(drop.looks)
    told = [say(INSPECTED_ONE if count == 1 else INSPECTED, count=count)]
    if together:
        told.append(say("Those of one kind were judged among each other."))
    if found:
        told.append(say("Something was found in {names}.", names=", ".join(found)))
    if drop.failed:
        told.append(say("Not judged: {names}.", names=", ".join(drop.failed)))
    return " ".join(told)
