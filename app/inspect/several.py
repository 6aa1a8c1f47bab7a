"""Several photos in one drop: one after another and, without good parts, those of one kind among each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.events import Answer, Values
from app.inspect.run import Inspection, subject
from app.inspect.strip import Strip, strip_html
from maeday_core.detection.decision import Threshold, Verdict
from maeday_core.drawing.shown import Shown
from maeday_core.fewshot.doubts import appearance
from maeday_core.methods.peers import Peers
from maeday_core.texts import say

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

    def thresholds(self) -> dict[int, Threshold]:
        """By their numbers, the thresholds of those that have another one among the others."""
        peers = Peers().with_more(
            [score for _, score, _ in self.looks.values()], [look for look, _, _ in self.looks.values()]
        )
        judged = {number: peers.threshold(look, alone) for number, (look, _, alone) in self.looks.items()}
        return {number: one for number, one in judged.items() if one is not self.looks[number][2]}


@dataclass(frozen=True)
class Several:
    """The handler of a drop."""

    inspection: Inspection

    def detect(self, values: Values) -> Iterator[Answer]:
        """One photo after another; one that cannot be judged is named, and the others are."""
        tab, paths, drop = self.inspection.tab, values[self.inspection.tab.several] or [], Drop()
        given, paths = len(paths), paths[:MOST_AT_ONCE]
        for number, path in enumerate(paths, 1):
            yield {tab.photo: path, **self.inspection.start(values[tab.shown])}
            values = {**values, tab.photo: path}
            for answer in self.inspection.detect(values):
                values = {one: answer.get(one, value) for one, value in values.items()}
                yield answer
            view: Shown | None = values[tab.shown]
            if view is None:
                drop.failed.append(Path(path).name)
            else:
                look = appearance(view.query), view.result.image_score, view.result.threshold
                drop.looks[values[tab.strip.kept].current] = look
            far = say("{number} of {total} photos: {name}", number=number, total=len(paths), name=Path(path).name)
            yield {tab.result.subject: subject(far)}
        judged = drop.thresholds() if values[tab.result.auto] else {}
        if judged:
            values = {**values, tab.strip.kept: values[tab.strip.kept].among(judged)}
            yield self.inspection.shown_again(values)
        strip = replace(values[tab.strip.kept], worst_first=True)
        told = _told(drop, strip, bool(judged))
        if given > len(paths):
            told += " " + say("{count} of {given} were taken; Frames is for more.", count=len(paths), given=given)
        yield {
            tab.result.subject: subject(told),
            tab.strip.kept: strip,
            tab.strip.entries: strip_html(strip),
            tab.several: None,
        }


def _told(drop: Drop, strip: Strip, together: bool) -> str:
    inspected = [one for one in strip.listed if one.number in drop.looks]
    found = [one.question.name for one in inspected if one.verdict is Verdict.ANOMALOUS]
    told = [say("{count} photos were inspected; all are in the strip, the worst first.", count=len(drop.looks))]
    if together:
        told.append(say("Those of one kind were judged among each other."))
    if found:
        told.append(say("Something does not belong in {names}.", names=", ".join(found)))
    if drop.failed:
        told.append(say("Not judged: {names}.", names=", ".join(drop.failed)))
    return " ".join(told)
