"""What is asked about a photo. The same question has the same answer, so a result can be made again from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from maeday_core import Detection, Method, Reference, Settings
from maeday_core.detection.decision import Ordinary
from maeday_core.detection.feedback import UNMOVED, Moved, corrected
from maeday_core.detection.region import Region
from maeday_core.texts import say


@dataclass(frozen=True)
class Question:
    """A photo, and how it is to be judged.

    Attributes:
        path: of the photo.
        method, model, settings: by which it is judged.
        reference: what is known about good parts, or of the most ordinary of the photos that were given with this one;
            empty where the method uses none.
        by_hand: the threshold that a person set; None for the automatic one.
        margin: instead, how far the score lies above the threshold; None where that is not given.
        region: what is ignored; None where all of the photo counts.
        moved: where the limit lies by what the visitor said.
        among: what is expected of it among the photos that were given with it; None for the photo by itself.
    """

    path: Path
    method: Method
    model: str
    settings: Settings
    reference: Reference
    region: Region | None = None
    moved: Moved = UNMOVED
    by_hand: float | None = None
    margin: float | None = None
    among: Ordinary | None = None

    @property
    def name(self) -> str:
        """The photo's file name."""
        return self.path.name

    def limit_for(self, score: float) -> float | None:
        """The threshold by hand for an image score; None for the automatic one."""
        return self.by_hand if self.margin is None else max(score - self.margin, 0.0)

    def judged(self, result: Detection) -> Detection:
        """The answer, judged among the photos that were given with this one, if it was, and by what was said."""
        if self.among is not None:
            result = replace(result, threshold=self.among.threshold(self.settings.alarm_rate))
        return corrected(result, self.moved)

    def is_again(self, other: Question) -> bool:
        """Whether another question asks the same, whatever the threshold by hand and what moves no limit."""
        mine, others = (
            (one.path, one.method, one.model, one.settings, one.among, *one.moved.by, one.region and one.region.id)
            for one in (self, other)
        )
        return mine == others and self.reference is other.reference

    def is_like(self, other: Question) -> bool:
        """Whether a limit set for another photo means the same here: good parts or none, the method and the model."""
        mine, others = ((bool(one.reference), one.method, one.model) for one in (self, other))
        return mine == others

    def is_again_without_good_parts(self, other: Question) -> bool:
        """Whether both ask the same of the photo before good parts count, which both know of."""
        mine, others = self.reference, other.reference
        seen = mine.tile == others.tile and mine.region == others.region
        return bool(mine and others and seen) and replace(self, reference=others, moved=other.moved).is_again(other)

    def __str__(self) -> str:
        shots = self.reference.shots
        if self.among and shots:
            told = "{name}, by {method}, beside {shots} of the most ordinary photos given with it"
            return say(told, name=self.name, method=say(self.method.title), shots=shots)
        if not shots:
            return say("{name}, by {method}, without good parts", name=self.name, method=say(self.method.title))
        told = "{name}, by {method}, with 1 good part" if shots == 1 else "{name}, by {method}, with {shots} good parts"
        return say(told, name=self.name, method=say(self.method.title), shots=shots)
