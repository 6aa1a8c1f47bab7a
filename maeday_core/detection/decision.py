"""The threshold: which image score makes a picture anomalous.

With good parts it follows from their scores. Without them it is a guess from the picture itself: a zero-shot score has
no absolute meaning, since its size depends on the surface. Each method calls one of the functions below with numbers of
its own. Frames are judged against each other instead, in `frames/baseline.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maeday_core.detection.result import Threshold
from maeday_core.detection.windows import FloatMap


@dataclass(frozen=True)
class Guess:  # docs/decisions.md#first-threshold
    """How a threshold is guessed from a picture alone.

    Attributes:
        quantile: share of the picture that counts as ordinary.
        factor: a squared error this many times that of ordinary places stands out.
        least: no squared error below stands out (an eighth of the range in each channel), so that a blank picture
            stays calm.
    """

    quantile: float = 0.95
    factor: float = 4.0
    least: float = 0.05


@dataclass(frozen=True)
class Margin:
    """How far above a single good part's copies the threshold lies: they are more like it than others will be."""

    factor: float = 1.0
    step: float = 0.0


GUESS = Guess()
SAMPLED_SIDE = 512


def ordinary_level(error_map: FloatMap) -> float:
    """What 95 % of a map (H, W) stays below; of a large one, by every few pixels."""
    step = max(1, min(error_map.shape) // SAMPLED_SIDE)
    return float(np.quantile(error_map[::step, ::step], GUESS.quantile))


def from_error(error_map: FloatMap) -> Threshold:
    """A guess for a map of squared errors: four times what 95 % of it stays below, and at least 0.05."""
    return Threshold(max(GUESS.factor * ordinary_level(error_map), GUESS.least))


def from_distance(error_map: FloatMap, level: float, step: float) -> Threshold:
    """A guess for a map of distances or evidence, halfway between two.

    Args:
        error_map: (H, W).
        level: the first, which few ordinary pictures reach.
        step: the second lies so far above what 95 % of this picture stays below.
    """
    return Threshold((level + ordinary_level(error_map) + step) / 2)


def from_good_parts(scores: Sequence[float], shots: int, alone: Margin | None) -> Threshold:
    """The highest score of a good part, each judged by the others; of a single one's copies, a margin above it.

    Args:
        scores: of the good parts, or of the copies of one.
        shots: how many photos of good parts there are.
        alone: the margin, where the scores are those of copies.
    """
    highest = max(scores)
    value = highest if alone is None else alone.factor * highest + alone.step
    return Threshold(value, tuple(scores), shots)
