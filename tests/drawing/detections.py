"""Small detections made by hand, with their peak at a known place."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from maeday_core.detection.decision import ALARM_RATE, Ordinary, Threshold
from maeday_core.detection.result import (
    DISTANCE,
    EVIDENCE,
    SQUARED_ERROR,
    Detection,
    Matches,
    Provenance,
    Reconstructions,
    Unit,
)
from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import RGBImage

HEIGHT, WIDTH = 24, 32
PEAK = (20, 5)
"""Column and row of the highest value."""
SIDE, GRID = 16, 4
SPREAD, UNCERTAINTY = 0.2, 0.1


def threshold(value: float, shots: int = 0) -> Threshold:
    """The usual threshold at `value`; "look here" begins at 0.81 of it, and half of all good pictures reach 0.72."""
    level = value * math.exp(-SPREAD * NormalDist().inv_cdf(1 - ALARM_RATE))
    return Ordinary(level, SPREAD, UNCERTAINTY, f"It rests on {shots} good parts.", shots).threshold()


def error_map(score: float) -> FloatMap:
    """A map whose peak is `score`; all else is a tenth of it."""
    values = np.full((HEIGHT, WIDTH), score / 10, np.float32)
    values[PEAK[1], PEAK[0]] = score
    return values


def query() -> RGBImage:
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def reconstructed(
    score: float = 0.8,
    limit: float = 0.4,
    unit: Unit = SQUARED_ERROR,
    masks: int = 3,
    total: int = 3,
) -> Detection:
    """By MAEDAY; a partial result where `masks` is less than `total`."""
    draw = np.random.default_rng(1)
    seen = Reconstructions(
        query=draw.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8),
        masks=draw.random((masks, GRID, GRID)) < 0.75,
        pictures=draw.random((masks, SIDE, SIDE, 3), dtype=np.float32),
        error_maps=draw.random((masks, SIDE, SIDE), dtype=np.float32),
        total=total,
    )
    made_by = Provenance("maeday", masks=total, mask_ratio=0.75, seed=7, sampling="random", model="bundled")
    return Detection(score, error_map(score), unit, threshold(limit), 0.5, made_by, seen)


def matched(score: float = 1.5, crops: bool = False, shots: int = 0) -> Detection:
    """By self-reference, or, with crops, by PatchCore: every patch is most like the first one."""
    seen = Matches(
        query=np.zeros((24, 32, 3), np.uint8),
        distances=np.full((3, 4), 0.25, np.float32),
        nearest=np.zeros((3, 4, 1), np.int64),
        crops=np.full((1, 24, 24, 3), 200, np.uint8) if crops else None,
    )
    made_by = Provenance("patchcore" if crops else "self", seed=7, backbone="lite0")
    return Detection(score, error_map(score), DISTANCE, threshold(1.0, shots), 0.25, made_by, seen)


def ensemble() -> Detection:
    """Of MAEDAY and self-reference; its score is below the peak of its map."""
    made_by = Provenance("ensemble", seed=7, masks=3, mask_ratio=0.75, sampling="random", model="bundled")
    parts = reconstructed(), matched()
    return Detection(1.8, error_map(2.0), EVIDENCE, threshold(1.3), 0.75, made_by, parts)
