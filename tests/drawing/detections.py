"""Small detections made by hand, with their peak at a known place."""

from __future__ import annotations

import numpy as np

from maeday_core.detection.reconstruction import SQUARED_ERROR, Detection, Match
from maeday_core.methods.ensemble import EVIDENCE

HEIGHT, WIDTH = 24, 32
PEAK = (20, 5)
"""Column and row of the highest value."""
SIDE, GRID = 16, 4


def error_map(score: float) -> np.ndarray:
    """A map whose peak is `score`; all else is a tenth of it."""
    values = np.full((HEIGHT, WIDTH), score / 10, np.float32)
    values[PEAK[1], PEAK[0]] = score
    return values


def query() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def reconstructed(
    score: float = 0.8,
    threshold: float = 0.4,
    unit: str = SQUARED_ERROR,
    masks: int = 3,
    total: int = 3,
    shots: int = 0,
    good_scores: tuple[float, ...] = (),
) -> Detection:
    """By MAEDAY; a partial result where `masks` is less than `total`."""
    draw = np.random.default_rng(1)
    return Detection(
        image_score=score,
        error_map=error_map(score),
        seconds=0.5,
        settings={
            "method": "maeday",
            "model": "bundled",
            "masks": total,
            "mask_ratio": 0.75,
            "sampling": "random",
            "seed": 7,
        },
        query=draw.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8),
        first_threshold=threshold,
        unit=unit,
        shots=shots,
        good_scores=good_scores,
        masks=draw.random((masks, GRID, GRID)) < 0.75,
        reconstructions=draw.random((masks, SIDE, SIDE, 3), dtype=np.float32),
        error_maps=draw.random((masks, SIDE, SIDE), dtype=np.float32),
        total=total,
    )


def matched(score: float = 1.5, crops: bool = False, shots: int = 0) -> Detection:
    """By self-reference, or, with crops, by PatchCore: every patch is most like the first one."""
    match = Match(
        distances=np.full((3, 4), 0.25, np.float32),
        nearest=np.zeros((3, 4), np.int64),
        crops=np.full((1, 24, 24, 3), 200, np.uint8) if crops else None,
    )
    return Detection(
        image_score=score,
        error_map=error_map(score),
        seconds=0.25,
        settings={"method": "patchcore" if crops else "self", "seed": 7},
        query=np.zeros((24, 32, 3), np.uint8),
        first_threshold=1.0,
        unit="distance",
        shots=shots,
        match=match,
    )


def ensemble() -> Detection:
    """Of MAEDAY and self-reference."""
    maeday, embedding = reconstructed(), matched()
    return Detection(
        image_score=2.0,
        error_map=error_map(2.0),
        seconds=0.75,
        settings={"method": "ensemble", "seed": 7},
        query=maeday.query,
        first_threshold=1.3,
        unit=EVIDENCE,
        masks=maeday.masks,
        reconstructions=maeday.reconstructions,
        error_maps=maeday.error_maps,
        total=3,
        match=embedding.match,
        parts=(maeday, embedding),
    )
