"""What is normal for a batch of frames: the threshold, and what a fixed camera always sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import ALARM_RATE, Ordinary
from maeday_core.detection.objects import BlockMap
from maeday_core.detection.region import Mask, blank
from maeday_core.frames.records import PLACES, FrameRecord, places
from maeday_core.io.images import resize

NORMAL_DEVIATION = 1.4826
"""Standard deviation of a normal distribution, in units of half the width of its middle half."""


@dataclass(frozen=True)
class FrameStatistics:
    """How the threshold of a batch without good parts is found.

    Attributes:
        tails: places score more widely than a normal distribution; so many times its deviations count.
        least_deviation: the deviation is at least this share of the mean.
        inlier_deviations: scores within so many rough deviations of the middle are normal (Rousseeuw and Leroy 1987).
        small_sample: the rough deviation is larger by this over the number of scores (ibid.).
    """

    # docs/decisions.md#frames-threshold
    tails: float = 1.8
    least_deviation: float = 0.02
    inlier_deviations: float = 2.5
    small_sample: float = 5.0

    def deviations(self, alarm_rate: float) -> float:
        """How many deviations above the mean a place lies that one in so many clean frames has."""
        return self.tails * NormalDist().inv_cdf(1 - alarm_rate / math.prod(PLACES))


@dataclass(frozen=True)
class FixedCamera:
    """When a camera counts as fixed, and what is normal for each place before it.

    Attributes:
        least_frames: below so many frames no camera counts as fixed.
        sampled: at most about twice so many frames are compared, spread over all of them.
        side: they are compared at so many pixels a side.
        blur: detail is what a Gaussian of this sigma removes, in those pixels.
        correlation: the camera is fixed if the median correlation of their detail with that of the median picture is
            higher.
        deviations: the level of a place is so many robust deviations above its median.
    """

    # docs/decisions.md#fixed-camera
    least_frames: int = 5
    sampled: int = 64
    side: int = 64
    blur: float = 4.0
    correlation: float = 0.7
    deviations: float = 5.0


STATISTICS = FrameStatistics()
FIXED_CAMERA = FixedCamera()


@dataclass(frozen=True)
class Baseline:
    """What is normal for a batch of frames.

    Attributes:
        threshold: a frame with a higher score is anomalous.
        reason: a sentence that says where the threshold comes from.
        scores: of the frames, on their maps as `map` gives them.
        excess: for a fixed camera, how far the usual level of each place lies above that of the median place, 0 or
            more, (rows, columns).
        ignore: a mask of any size, True where nothing counts.
        ground: what the middle place of the middle frame scores: every frame is brought to it; None with good parts.
    """

    threshold: float
    reason: str
    scores: tuple[float, ...]
    excess: npt.NDArray[np.float32] | None = None
    ignore: Mask | None = None
    ground: float | None = None

    def map(self, record: FrameRecord) -> BlockMap:
        """A frame's map less what is always there, brought to the middle ground, and 0 where it is ignored."""
        return self.reduced(record.map())

    def reduced(self, blocks: BlockMap) -> BlockMap:
        """A map less what is always there, brought to the middle ground, and 0 where it is ignored."""
        values = blocks.values
        if self.excess is not None and self.excess.shape == values.shape:
            values = np.maximum(values - self.excess, 0)
        if self.ignore is not None:
            values = blank(values, self.ignore)
        reduced = replace(blocks, values=values)
        if self.ground is None:
            return reduced
        raised = values + np.float32(self.ground - ground_of(places(reduced)))
        return replace(blocks, values=np.where(values > 0, np.maximum(raised, 0), 0).astype(np.float32))


def baseline_of(
    records: Sequence[FrameRecord],
    ignore: Mask | None = None,
    camera: bool = True,
    alarm_rate: float = ALARM_RATE,
) -> Baseline:
    """What is normal for a batch of frames.

    With good parts the threshold is theirs. Without, the frames are compared with each other, and by all their places:
    a foreign object is small, so that most places of most frames are clean even where every frame holds one. What the
    middle place of a frame scores is its ground's doing, so every frame is brought to the same ground first: grass and
    asphalt can be judged together. Where the camera does not move, what is usual at each place, a lamp or a drain, is
    subtracted before that.

    Args:
        ignore: a mask of any size, True where nothing counts.
        camera: test whether the camera is fixed, which reads many of the kept pictures and maps.
        alarm_rate: the share of clean frames that may be called anomalous.
    """
    excess = usual_excess(records) if camera and is_fixed(records) else None
    plain = Baseline(0, "", (), excess, ignore)
    if excess is None and ignore is None:
        found = [record.places for record in records]
    else:
        found = [places(plain.map(record)) for record in records]
    judged = threshold_of(records, found, alarm_rate)
    reason = judged.reason
    if excess is not None:
        reason += " The camera does not move: what is always there is allowed for."
    return replace(judged, reason=reason, excess=excess, ignore=ignore)


def threshold_of(
    records: Sequence[FrameRecord],
    found: Sequence[Sequence[float]],
    alarm_rate: float = ALARM_RATE,
    statistics: FrameStatistics = STATISTICS,
) -> Baseline:
    """What is normal for frames whose places score `found`: threshold, reason, scores and ground."""
    learned = [Ordinary(**record.ordinary).limit(alarm_rate) for record in records if record.ordinary is not None]
    if learned:
        scores = tuple(map(max, found))
        return Baseline(float(np.median(learned)), "The threshold comes from the clean frames.", scores)
    grounds = [ground_of(values) for values in found]
    middle = float(np.median(grounds)) if grounds else 0.0
    level = [[value - own + middle for value in values if value] for values, own in zip(found, grounds, strict=True)]
    scored = [value for values in level for value in values]
    if not scored:
        return Baseline(0.0, "There is nothing to judge.", (0.0,) * len(found), ground=middle)
    mean, deviation = robust_moments(scored, statistics)
    deviations = statistics.deviations(alarm_rate)
    limit = mean + deviations * max(deviation, statistics.least_deviation * mean)
    frames = f"{len(records)} frames judged against each other" if len(records) > 1 else "One frame judged by itself"
    reason = (
        f"{frames}, each relative to its own ground: most of their places score about {mean:.2f}, and "
        f"{deviations:.1f} robust deviations above that begins what about {alarm_rate:.0%} of clean frames reach."
    )
    return Baseline(limit, reason, tuple(max(values, default=0.0) for values in level), ground=middle)


def ground_of(scores: Sequence[float]) -> float:
    """What the middle one of a frame's places scores; places that are wholly ignored score 0 and do not count."""
    counted = [score for score in scores if score]
    return float(np.median(counted)) if counted else 0.0


def robust_moments(scores: Sequence[float], statistics: FrameStatistics = STATISTICS) -> tuple[float, float]:
    """Mean and standard deviation of the normal ones among scores, by the half of them that lies closest together.

    That half lies among the normal scores even where up to half are not (least median of squares). Normal are all
    scores within `inlier_deviations` of its middle. See Rousseeuw and Leroy, Robust Regression and Outlier Detection,
    1987, sections 4.2 and 5.1.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    half = (len(ordered) + 1) // 2
    spans = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    first = int(spans.argmin())
    middle, radius = ordered[first] + spans[first] / 2, spans[first] / 2
    correction = 1 + statistics.small_sample / max(len(ordered) - 1, 1)
    rough = max(NORMAL_DEVIATION * correction * radius, statistics.least_deviation / 2 * abs(middle))
    normal = ordered[np.abs(ordered - middle) <= statistics.inlier_deviations * rough]
    return float(normal.mean()), float(normal.std(ddof=1)) if len(normal) > 1 else 0.0


def is_fixed(records: Sequence[FrameRecord], fixed: FixedCamera = FIXED_CAMERA) -> bool:
    """Whether the frames show one place: the detail of most lies where that of their median picture lies."""
    if len(records) < fixed.least_frames or len({(record.height, record.width) for record in records}) > 1:
        return False
    details = []
    for record in _sample(records, fixed):
        grey = cv2.cvtColor(resize(record.picture(), fixed.side, fixed.side), cv2.COLOR_RGB2GRAY).astype(np.float32)
        details.append(_unit(grey - cv2.GaussianBlur(grey, (0, 0), fixed.blur)))
    middle = _unit(np.median(details, axis=0))
    return float(np.median([(detail * middle).sum() for detail in details])) > fixed.correlation


def usual_excess(records: Sequence[FrameRecord], fixed: FixedCamera = FIXED_CAMERA) -> npt.NDArray[np.float32]:
    """How far the usual level of each place lies above that of the median place: (rows, columns), 0 or more."""
    maps = np.stack([record.map().values for record in _sample(records, fixed)])
    middle = np.median(maps, axis=0)
    level = middle + fixed.deviations * NORMAL_DEVIATION * np.median(np.abs(maps - middle), axis=0)
    return np.asarray(np.maximum(level - np.median(level), 0))


def _unit(detail: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return detail / max(float(np.linalg.norm(detail)), 1e-6)


def _sample(records: Sequence[FrameRecord], fixed: FixedCamera) -> Sequence[FrameRecord]:
    return records[:: max(1, len(records) // fixed.sampled)]
