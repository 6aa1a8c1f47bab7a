"""One photo as the visit keeps it: small, with its map, so that it can be judged and drawn under another limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from app.inspect.question import Question
from maeday_core.detection.decision import Threshold, Verdict
from maeday_core.drawing.cards import KINDS, SHORT, factor_of
from maeday_core.drawing.html import jpeg_bytes
from maeday_core.drawing.shown import Shown, number, overlay_pair, reduced
from maeday_core.io.images import RGBImage
from maeday_core.texts import say

THUMBNAIL, OVERLAY = 96, 400
"""Longest sides, in pixels."""
BY_HAND = "set by hand"
CORRECTED = "automatic, moved by your corrections"
AMONG = "automatic, among the photos given with it"
AUTOMATIC = "automatic"


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
        name: of the photo, which no other one of the visit has.
        question: what was asked.
        view: what was answered, small, and without what it was read off.
        at: when.
        whole: all of the result; None where it has to be made again.
    """

    number: int
    name: str
    question: Question
    view: Shown = field(repr=False)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    whole: Whole | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """What was found under the limit of now."""
        return self.view.verdict

    @property
    def score(self) -> float:
        """The image score."""
        return self.view.result.image_score

    @property
    def limit(self) -> float:
        """What the score was compared with."""
        return self.view.limit

    @property
    def automatic(self) -> float:
        """The automatic limit, before what the visitor said moved it."""
        return self.view.result.threshold.value / self.question.moved.factor

    @property
    def rests_on(self) -> str:
        """Where the limit comes from, in words."""
        if self.view.by_hand is not None:
            return say(BY_HAND)
        moved = self.question.moved
        return say(CORRECTED if moved.factor != 1 else AMONG if self.question.among else AUTOMATIC)

    @property
    def limit_told(self) -> str:
        """The limit, and where it comes from."""
        limit = number(self.view.result, self.limit)
        return say("limit {limit}, {rests_on}", limit=limit, rests_on=self.rests_on)

    @property
    def score_told(self) -> str:
        """The score and the limit, in the unit of the method."""
        result = self.view.result
        score, unit = number(result, self.score), say(result.unit.name)
        return say("{score} ({unit}); {limit}", score=score, unit=unit, limit=self.limit_told)

    @property
    def kind(self) -> str:
        """How it looks: calm only by good parts."""
        calm = self.verdict is not Verdict.NORMAL or self.view.result.threshold.shots
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
        reference, made_by = self.question.reference, self.view.result.made_by.record()
        good = {"good parts": good_parts_told(self.question)} if reference else {}
        known = {key.replace("_", " "): value for key, value in made_by.items() if value is not None}
        known.pop("model sha256", None)
        if self.view.by_hand is not None:
            del known["alarm rate"]
        facts = {"photo": self.name, **good, **known, "limit": self.rests_on}
        return {key: str(value) for key, value in facts.items()}

    @cached_property
    def thumbnail(self) -> bytes:
        """A JPEG file of the photo under its map."""
        return small(self._covered, THUMBNAIL)

    @cached_property
    def overlay(self) -> bytes:
        """The same, larger."""
        return small(self._covered, OVERLAY)

    @property
    def _covered(self) -> RGBImage:
        return overlay_pair(self.view, own_scale=False)[1]

    def judged(self, view: Shown) -> Inspected:
        """Judged under the threshold of the result as it is shown now."""
        settings = replace(self.question.settings, alarm_rate=view.result.made_by.alarm_rate)
        question = replace(self.question, settings=settings, by_hand=view.by_hand, margin=None)
        return replace(self, question=question, view=reduced(view, OVERLAY))

    def judged_like(self, other: Inspected) -> Inspected:
        """Judged by the limit of another one: by the same one set by hand, or by its own for the same false alarms."""
        view = self.view.allowing(other.question.settings.alarm_rate)
        judged = self.judged(replace(view, by_hand=other.view.by_hand))
        whole = self.whole and replace(self.whole, view=self.whole.view.allowing(other.question.settings.alarm_rate))
        return replace(judged, whole=whole)

    def asked_again(self, question: Question, whole: Whole) -> Inspected:
        """Another question about the photo, and its answer."""
        return replace(self, question=question, view=reduced(whole.view, OVERLAY), whole=whole)

    def judged_among(self, threshold: Threshold) -> Inspected:
        """Judged among the photos that were given with it."""
        question = replace(self.question, among=threshold.ordinary)

        def among(view: Shown) -> Shown:
            return replace(view, result=question.judged(view.result))

        whole = self.whole and replace(self.whole, view=among(self.whole.view))
        return replace(self, question=question, view=among(self.view), whole=whole)


def inspected(count: int, name: str, question: Question, view: Shown) -> Inspected:
    """A photo that was inspected just now."""
    return Inspected(count, name, question, reduced(view, OVERLAY))


def good_parts_told(question: Question) -> str:
    """How many good parts judge, and what they are called or where they are from."""
    reference = question.reference
    if question.among:
        return say("{shots} of the photos given with it", shots=reference.shots)
    return f"{reference.shots} ({reference.name})" if reference.name else str(reference.shots)


def small(picture: RGBImage, side: int) -> bytes:
    """A JPEG file of a picture with no side longer than `side`."""
    scale = min(1.0, side / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return jpeg_bytes(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
