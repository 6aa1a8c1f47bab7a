"""Doubts about the photos of good parts: whether they are alike, like the query, and good at all.

They are said, not enforced: an inspector knows the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from maeday_core.io.images import RGBImage, resize

APPEARANCE = 9
JUDGED_BY_OTHERS = 3


@dataclass(frozen=True)
class DoubtLimits:  # docs/decisions.md#doubts
    """From where on a photo is doubted: photos of one kind seldom are, photos of two kinds mostly.

    Attributes:
        unlike: distance of two appearances.
        alike: of two that surely show one kind, taken the same way.
        stands_apart: a shot's score over the median score of the others, or over its zero-shot threshold.
    """

    unlike: float = 3.0
    alike: float = 1.5
    stands_apart: float = 2.0


LIMITS = DoubtLimits()


def appearance(photo: RGBImage) -> tuple[float, ...]:
    """Colour, contrast and detail at three scales: `APPEARANCE` numbers, 1 being a clearly visible difference."""
    lab = cv2.cvtColor(resize(photo, 224, 224).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    detail = []
    for sigma in (0.8, 3.0, 9.0):
        fine, coarse = (cv2.GaussianBlur(lab[..., 0], (0, 0), s) for s in (sigma, 2 * sigma))
        detail.append(2 * np.log(np.abs(fine - coarse).mean() + 0.1))
    return tuple(map(float, [*lab.mean(axis=(0, 1)) / 15, *lab.std(axis=(0, 1)) / 15, *detail]))


def unlike(photo: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether the appearance of a photo is far from that of every other."""
    return all(np.linalg.norm(np.subtract(photo, other)) > LIMITS.unlike for other in others)


def doubts_of_appearances(appearances: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """Sentences on shots that look unlike all others."""
    apart = _apart(appearances)
    if apart and len(apart) == len(appearances):
        return ("The good parts look unlike each other: are they of one kind, taken the same way?",)
    return tuple(
        f"Good part {i + 1} looks unlike the others: is it of the same kind, taken the same way?" for i in apart
    )


def doubts_of_shots(
    appearances: Sequence[Sequence[float]], scores: Sequence[float], alone: Sequence[float]
) -> tuple[str, ...]:
    """Sentences on shots that look unlike the others, or defective.

    Args:
        appearances: of the shots.
        scores: image scores of the shots, each judged by the others; used with `JUDGED_BY_OTHERS` shots or more.
        alone: zero-shot scores of the shots over the thresholds they would get; used with fewer.
    """
    apart = _apart(appearances)
    doubts = doubts_of_appearances(appearances)
    if apart and len(apart) == len(appearances):
        return doubts

    def stands_out(i: int) -> bool:
        if len(appearances) < JUDGED_BY_OTHERS:
            return alone[i] > LIMITS.stands_apart
        return scores[i] > LIMITS.stands_apart * median([*scores[:i], *scores[i + 1 :]])

    defective = [i for i in range(len(appearances)) if i not in apart and stands_out(i)]
    return (
        *doubts,
        *(f"Good part {i + 1} has something that stands out: make sure that it is good." for i in defective),
    )


def _apart(appearances: Sequence[Sequence[float]]) -> list[int]:
    """The numbers, from 0, of the shots that look unlike all others."""
    if len(appearances) < 2:
        return []
    return [i for i, one in enumerate(appearances) if unlike(one, [*appearances[:i], *appearances[i + 1 :]])]


def doubt_of_query(query: RGBImage, appearances: Sequence[Sequence[float]]) -> str | None:
    """A sentence if the query looks like none of the shots."""
    if not unlike(appearance(query), appearances):
        return None
    return "This photo looks unlike every good part: what lights up may be nothing but that."
