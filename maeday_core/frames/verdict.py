"""Verdicts: which frames are anomalous under a threshold, and what lies where in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from maeday_core.detection.decision import ALARM_RATE
from maeday_core.detection.feedback import Moved
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
        threshold: the baseline's, or one set by hand.
        verdicts: one for each frame.
    """

    baseline: Baseline
    threshold: float
    verdicts: tuple[Verdict, ...] = ()

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
        by_hand = self.threshold != self.baseline.threshold
        return "The threshold was set by hand." if by_hand else self.baseline.reason

    @property
    def title(self) -> str:
        """The number of anomalous frames in words."""
        count, total = len(self.anomalous), len(self.verdicts)
        one = "{count} of {total} frames holds something that does not belong"
        several = "{count} of {total} frames hold something that does not belong"
        return say(one if count == 1 else several, count=count, total=total)

    def corrected(self, moved: Moved, least_area: int = 0) -> Judgement:
        """The same frames under the automatic threshold, moved by what an inspector said."""
        told = " ".join(filter(None, [self.baseline.reason, moved.told]))
        baseline = replace(self.baseline, threshold=moved.factor * self.baseline.threshold, reason=told)
        return apply_threshold([verdict.record for verdict in self.verdicts], baseline, None, least_area)

    def at(self, threshold: float | None, least_area: int = 0) -> Judgement:
        """The same frames and baseline under another threshold (None: the baseline's) or least area."""
        return apply_threshold([verdict.record for verdict in self.verdicts], self.baseline, threshold, least_area)


def apply_threshold(
    records: Sequence[FrameRecord], baseline: Baseline, threshold: float | None = None, least_area: int = 0
) -> Judgement:
    """The verdicts on frames, from their kept maps.

    Args:
        records: the frames, as many as the baseline has scores.
        threshold: instead of the baseline's.
        least_area: regions of fewer pixels of the frame are no objects.
    """
    limit = baseline.threshold if threshold is None else threshold
    verdicts = []
    for record, score in zip(records, baseline.scores, strict=True):
        boxes = _objects(baseline.map(record), limit, least_area) if score > limit else []
        verdicts.append(Verdict(record, score, limit, tuple(boxes)))
    return Judgement(baseline, limit, tuple(verdicts))


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
