"""Verdicts: which frames are anomalous under a threshold, and what lies where in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from maeday_core.detection.decision import ALARM_RATE
from maeday_core.detection.feedback import UNMOVED, Moved
from maeday_core.detection.objects import BlockMap, Box, find_objects
from maeday_core.detection.region import Mask
from maeday_core.frames.baseline import Baseline, threshold_of
from maeday_core.frames.records import FrameRecord, counted_area, places, places_of
from maeday_core.texts import say

GRAIN = 0.25  # docs/decisions.md#objects
"""Smaller regions, as a share of the area that counts in a place's score, are grains beside an object."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one frame: it is anomalous if it holds an object."""

    record: FrameRecord
    image_score: float
    threshold: float
    boxes: tuple[Box, ...]

    @property
    def anomalous(self) -> bool:
        return bool(self.boxes)

    @property
    def verdict(self) -> Literal["anomalous", "normal"]:
        return "anomalous" if self.boxes else "normal"

    @property
    def row(self) -> dict[str, Any]:
        """`path, time, image_score, threshold, verdict, boxes`, ready for JSON."""
        return {
            "path": self.record.path,
            "time": self.record.time,
            "image_score": self.image_score,
            "threshold": self.threshold,
            "verdict": self.verdict,
            "boxes": [asdict(box) for box in self.boxes],
        }


@dataclass(frozen=True)
class Judgement:
    """The verdicts on a batch of frames, in their order, under one threshold.

    Attributes:
        baseline: what is normal for the batch.
        threshold: the automatic one, or one set by hand.
        verdicts: one for each frame.
        moved: how far the automatic threshold lies from the baseline's by what was said of frames.
    """

    baseline: Baseline
    threshold: float
    verdicts: tuple[Verdict, ...] = ()
    moved: Moved = UNMOVED

    @property
    def automatic(self) -> float:
        """The threshold unless one is set by hand."""
        return self.moved.factor * self.baseline.threshold

    @cached_property
    def worst(self) -> tuple[Verdict, ...]:
        """The verdicts by score, the highest first."""
        return tuple(sorted(self.verdicts, key=lambda verdict: -verdict.image_score))

    @cached_property
    def anomalous(self) -> tuple[Verdict, ...]:
        """Those on anomalous frames, the highest score first."""
        return tuple(verdict for verdict in self.worst if verdict.anomalous)

    @property
    def reason(self) -> str:
        """A sentence that says where the threshold comes from."""
        if self.threshold != self.automatic:
            return "The threshold was set by hand."
        return " ".join(filter(None, [self.baseline.reason, self.moved.told]))

    @property
    def title(self) -> str:
        """The number of anomalous frames in words."""
        count, total = len(self.anomalous), len(self.verdicts)
        one = "{count} of {total} frames holds something that does not belong"
        several = "{count} of {total} frames hold something that does not belong"
        return say(one if count == 1 else several, count=count, total=total)

    def at(self, threshold: float | None, least_area: int = 0, moved: Moved = UNMOVED) -> Judgement:
        """The same frames and baseline under another threshold (None: the automatic one), least area or corrections."""
        records = [verdict.record for verdict in self.verdicts]
        return apply_threshold(records, self.baseline, threshold, least_area, moved)


def apply_threshold(
    records: Sequence[FrameRecord],
    baseline: Baseline,
    threshold: float | None = None,
    least_area: int = 0,
    moved: Moved = UNMOVED,
) -> Judgement:
    """The verdicts on frames, from their kept maps.

    Args:
        records: the frames, as many as the baseline has scores.
        threshold: instead of the baseline's, moved.
        least_area: regions of fewer pixels of the frame are no objects.
        moved: how far by what was said of frames.
    """
    limit = moved.factor * baseline.threshold if threshold is None else threshold
    verdicts = []
    for record, score in zip(records, baseline.scores, strict=True):
        boxes = _objects(baseline.map(record), limit, least_area) if score > limit else []
        verdicts.append(Verdict(record, score, limit, tuple(boxes)))
    return Judgement(baseline, limit, tuple(verdicts), moved)


def _objects(blocks: BlockMap, limit: float, least_area: int) -> list[Box]:
    """The objects in places whose score is above the limit; elsewhere, and if small, what is above it are grains."""
    scores = places(blocks)
    found = find_objects(blocks, limit, least_area)
    hot = [box for box in found if max(scores[number] for number in places_of(blocks, box)) > limit]
    return [box for box in hot if box.area >= GRAIN * counted_area(blocks)] or hot[:1]


def provisional(
    records: Sequence[FrameRecord],
    threshold: float | None = None,
    least_area: int = 0,
    ignore: Mask | None = None,
    alarm_rate: float = ALARM_RATE,
) -> Verdict:
    """The verdict on the newest frame of a run by the frames so far; that on all frames may differ."""
    so_far = threshold_of(records, [record.places for record in records], alarm_rate)
    baseline = replace(so_far, scores=so_far.scores[-1:], ignore=ignore)
    (verdict,) = apply_threshold(records[-1:], baseline, threshold, least_area).verdicts
    return verdict


def objects_text(count: int) -> str:
    """A number of objects in words."""
    return say("{count} object" if count == 1 else "{count} objects", count=count)
