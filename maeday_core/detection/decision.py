"""From evidence to a decision: how good pictures would score here, and so which image score is unusual.

A score has no meaning of its own: its size depends on the surface, the method and the number of good parts. So every
threshold is a quantile of what good pictures are expected to score under the same conditions as the query. With good
parts this is read off the good parts, each judged by the others, and off the good parts judged *by the query*: a good
query differs from a good part as much as the good part differs from it. Without good parts it is what clean pictures
as rough as this one score; of several of one kind, what most of them score (`peers.py`). Frames are judged against each
other by their places, in `frames/baseline.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from maeday_core.detection.windows import FloatMap, area_of_a_window
from maeday_core.texts import say

ALARM_RATE = 0.05
"""The share of good pictures that may be called anomalous, where nobody says otherwise."""


@dataclass(frozen=True)
class DecisionRule:  # docs/decisions.md#decision
    """Numbers of all decisions.

    Attributes:
        peak: the image score of a sum is the mean of the highest share of its map; of a large picture, of so much of
            one window.
        quantile: what this share of a picture stays below is its ordinary level.
        border: closer to the border than this share of the side, a place has fewer neighbours to be guessed from and
            compared with, so it scores higher without a defect.
        border_less: by so much less a place counts at the very border.
        look, looks: "look here" begins where so many times the wanted false alarms would be given, or for this share of
            the good pictures, whichever is less.
        mirrored: share of the mirrored scores in the level of one good part, and of more.
        more_shots: a score falls with the number of good parts to this power, if they are judged by a query one by one,
            and to the other if each is judged by the others.
    """

    peak: float = 0.01
    quantile: float = 0.95
    border: float = 3 / 28
    border_less: float = 0.4
    look: float = 5.0
    looks: float = 0.25
    mirrored: tuple[float, float] = (0.8, 0.5)
    more_shots: tuple[float, float] = (0.04, 0.11)


RULE = DecisionRule()
RESTS_ON_SEVERAL = (
    "The limit rests on {shots} good parts, which score {low:.3g} to {high:.3g} when each is judged by the others."
)
RESTS_ON_ONE = "The limit rests on one good part: it cannot tell how much good parts vary, so add more if you can."
RESTS_ON_COPIES = (
    "The limit rests on {given} good parts that are too alike to tell how much good parts vary; add others if you can."
)
ITS_OWN = "It differs from photo to photo, for the good parts are judged by the photo, too."
ITS_OWN_OF_ONE = "It differs from photo to photo, for the good part is judged by the photo, too."
SAMPLED_SIDE = 512
PART = 4_000_000
"""Values of a map that are sorted at once."""


class Verdict(StrEnum):
    """What is said of a picture."""

    ANOMALOUS = "anomalous"
    LOOK = "look here"
    NORMAL = "normal"


@dataclass(frozen=True)
class Ordinary:
    """How good pictures are expected to score: the logarithm of a score is normal about that of the level.

    Attributes:
        level: the middle one of their scores, in the unit of the map.
        spread: the logarithm's standard deviation from picture to picture; with one good part, that of the level too.
        uncertainty: the standard deviation of what is known of the level's logarithm.
        reason: a sentence that says what it rests on.
        shots: how many photos of good parts were known; 0 where it rests on no good part.
        least: no score below stands out.
        alike: the logarithm's standard deviation among good pictures of one kind; 0 where that is not known.
        peers: how many pictures of one kind it rests on; 0 where it rests on the picture alone, or on good parts.
    """

    level: float
    spread: float
    uncertainty: float
    reason: str
    shots: int = 0
    least: float = 0.0
    alike: float = 0.0
    peers: int = 0

    def limit(self, alarm_rate: float) -> float:
        """The score that the share `alarm_rate` of good pictures exceeds, between 0 and 1."""
        return max(self.least, self.level * math.exp(-self.spread * NormalDist().inv_cdf(alarm_rate)))

    def share_above(self, score: float) -> float:
        """The share of good pictures that would score higher, between 0 and 1: all of them where none counts."""
        if score <= self.least:
            return 1.0
        return NormalDist().cdf(-math.log(score / self.level) / self.spread)

    def threshold(self, alarm_rate: float = ALARM_RATE) -> Threshold:
        """The threshold that the share `alarm_rate` of good pictures exceeds, between 0 and 1."""
        looks = max(alarm_rate, min(RULE.looks, RULE.look * alarm_rate))
        return Threshold(self.limit(alarm_rate), self.limit(looks), self, alarm_rate)


@dataclass(frozen=True)
class Threshold:
    """The image score above which a picture is called anomalous.

    Attributes:
        value: in the unit of the map.
        look: above this score, a place is worth a look; at most `value`.
        ordinary: what it rests on.
        alarm_rate: the share of good pictures that are expected to exceed it.
    """

    value: float
    look: float
    ordinary: Ordinary
    alarm_rate: float = ALARM_RATE

    @property
    def shots(self) -> int:
        """How many photos of good parts it rests on; 0 where it rests on none."""
        return self.ordinary.shots

    @property
    def between(self) -> tuple[float, float]:
        """Where it would lie two times in three if as many other good parts had been given."""
        factor = math.exp(self.ordinary.uncertainty)
        return self.value / factor, self.value * factor

    def verdict(self, score: float, value: float | None = None) -> Verdict:
        """What an image score means; by hand, another limit than `value`."""
        limit = self.value if value is None else value
        if score > limit:
            return Verdict.ANOMALOUS
        return Verdict.LOOK if score > min(self.look, limit) else Verdict.NORMAL


@dataclass(frozen=True)
class Rates:
    """How good pictures score relative to a level that is known, as measured on many draws of good parts.

    Attributes:
        above: the logarithm of the score of good pictures over the level, with one good part and with more.
        spread: the deviation of that logarithm from picture to picture.
        uncertainty: its deviation from surface to surface.
        least: no score below stands out, so that blank parts stay calm.
    """

    above: tuple[float, float]
    spread: tuple[float, float]
    uncertainty: tuple[float, float]
    least: float


@dataclass(frozen=True)
class GoodParts:
    """Maps of good parts, each judged as a query is.

    Attributes:
        left_out: (k, g, g), of each good part judged by the others or, of a single one, of its copies.
        mirrored: (m, g, g), of the first good parts judged by the query; None where nothing can be mirrored.
        shots: how many photos of good parts are known; 1 where more tell no more than one.
        given: how many there are.
    """

    left_out: FloatMap = field(repr=False)
    shots: int
    mirrored: FloatMap | None = field(default=None, repr=False)
    given: int = 1

    def plus(self, other: GoodParts) -> GoodParts:
        """The maps of two methods that know the same good parts, added; this one's know no query.

        Where the maps of the two do not correspond, the mean of this one's is added to each of the other's.
        """
        usual = self.left_out.mean(axis=0, keepdims=True)
        left_out = other.left_out + (self.left_out if len(self.left_out) == len(other.left_out) else usual)
        shots, given = min(self.shots, other.shots), max(self.given, other.given)
        if other.mirrored is None:
            return GoodParts(left_out, shots, given=given)
        own = self.left_out[: len(other.mirrored)] if len(self.left_out) == self.shots else usual
        return GoodParts(left_out, shots, own + other.mirrored, given)


def image_score(error_map: FloatMap, share: float = RULE.peak, size: tuple[int, int] | None = None) -> float:
    """The mean of the highest share of a map (h, w); of a large picture, of the area that one window covers.

    Args:
        error_map: the map.
        share: by default the rule's.
        size: height and width of the picture, where the map is smaller.
    """
    height, width = size or error_map.shape
    area = area_of_a_window((height, width)) * (error_map.size / (height * width))
    return mean_of_highest(error_map, round(share * area))


def away_from_border(error_map: FloatMap) -> FloatMap:
    """A map (H, W) with what lies near the border counted less, as a picture is judged without good parts."""
    down, across = (np.minimum(np.arange(side), np.arange(side)[::-1]) / side for side in error_map.shape)
    near = np.clip(1 - np.minimum(down[:, None], across) / RULE.border, 0, 1)
    return np.asarray(error_map * (1 - RULE.border_less * near), np.float32)


def ordinary_level(error_map: FloatMap) -> float:
    """What 95 % of a map (H, W) stays below."""
    return quantile_of(error_map, RULE.quantile)


def quantile_of(error_map: FloatMap, share: float) -> float:
    """What a share of a map (H, W) stays below; of a large one, by every few pixels."""
    step = max(1, min(error_map.shape) // SAMPLED_SIDE)
    return float(np.quantile(error_map[::step, ::step], share))


@dataclass(frozen=True)
class Roughness:
    """How the scores of clean pictures follow from their ordinary level: factor * level ** power.

    Attributes:
        factor, power: of the middle score.
        spread: the deviation of its logarithm.
        least: no score below stands out, so that a blank picture stays calm.
        alike: the deviation of the logarithm among clean pictures of one kind; 0 where that is not known.
    """

    factor: float
    power: float
    spread: float
    least: float
    alike: float = 0.0


def from_picture(error_map: FloatMap, roughness: Roughness) -> Ordinary:
    """What a clean picture as rough as this one would score, from its map (H, W) alone."""
    level = roughness.factor * max(ordinary_level(error_map), 1e-9) ** roughness.power
    reason = say("Without good parts, the limit is what clean pictures as rough as this one seldom reach.")
    return Ordinary(level, roughness.spread, roughness.spread, reason, least=roughness.least, alike=roughness.alike)


def from_good_parts(good: GoodParts, rates: Rates, peak: float = 0.0) -> Ordinary:
    """What another good picture would score.

    Args:
        good: maps of the good parts.
        rates: of the method.
        peak: the share of a map that its image score is the mean of; 0 for its highest value.
    """
    several, one_by_one, by_the_others = int(good.shots > 1), *RULE.more_shots
    level = _log_score(good.left_out, peak)
    if several:
        level -= by_the_others * math.log(good.shots / (good.shots - 1))
    if good.mirrored is not None:
        weight = RULE.mirrored[several]
        mirrored = _log_score(good.mirrored, peak) - one_by_one * math.log(good.shots)
        level = weight * mirrored + (1 - weight) * level
    scores = [mean_of_highest(one, round(peak * one.size)) for one in good.left_out]
    reason = RESTS_ON_SEVERAL if several else RESTS_ON_ONE if good.given == 1 else RESTS_ON_COPIES
    reason = say(reason, shots=good.shots, given=good.given, low=min(scores), high=max(scores))
    if good.mirrored is not None:
        reason += " " + say(ITS_OWN if several or good.given > 1 else ITS_OWN_OF_ONE)
    return Ordinary(
        math.exp(level + rates.above[several]),
        rates.spread[1] if several else math.hypot(rates.spread[0], rates.uncertainty[0]),
        rates.uncertainty[several],
        reason,
        good.shots,
        rates.least,
    )


def _log_score(maps: FloatMap, peak: float) -> float:
    scores = [mean_of_highest(one, round(peak * one.size)) for one in maps]
    return float(np.mean([math.log(max(score, 1e-9)) for score in scores]))


def mean_of_highest(values: npt.NDArray[np.float32], count: int) -> float:
    """The mean of the `count` highest of some values, of one at least."""
    count = max(1, count)
    if values.size > PART > count:  # in parts, to save memory
        parts = np.array_split(values.ravel(), values.size // PART)
        values = np.concatenate([np.partition(part, -count)[-count:].copy() for part in parts])
    highest = np.partition(values, -count, axis=None)[-count:] if count < values.size else values
    return float(highest.mean(dtype=np.float64))
