"""Samples of more than 8 bits: the range that they are brought to 8 bits from.

A camera's 12 bits lie in files of 16, so the type of the data does not tell how bright a picture is. Where the file
states the depth, that counts. Else it is guessed from what nearly all samples stay below, never from the brightest one:
a glint, a dead pixel or a mark for missing data would choose the scale of all the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DEPTHS = (255, 1023, 4095, 16383, 65535)
"""The highest samples of 8, 10, 12, 14 and 16 bits."""
Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Guess:  # docs/decisions.md#bit-depth
    """How the range is guessed.

    Attributes:
        outliers: one sample in so many may lie above the range, and one below.
        looked_at: about so many pixels are looked at.
        highlights: floats up to here are taken as recorded from 0 to 1.
        ringing: what is less below 0 than this share of the brightness is no sign of signed samples.
    """

    outliers: int = 64
    looked_at: int = 512 * 512
    highlights: float = 2.0
    ringing: float = 1 / 16


GUESS = Guess()


def to_8_bits(samples: Samples, depths: Sequence[float] = ()) -> npt.NDArray[np.uint8]:
    """Scale samples (H, W) or (H, W, C) of any type to 0..255; what is not finite becomes 0.

    Args:
        samples: numbers.
        depths: the highest samples that the file allows; by default those of 8 to 16 bits, and 1 for floats.
    """
    return scaled(samples, *range_of(samples, depths))


@np.errstate(over="ignore", invalid="ignore")
def scaled(samples: Samples, low: float, high: float) -> npt.NDArray[np.uint8]:
    """Samples of any shape with `low` at 0 and `high` at 255; what is not finite becomes 0."""
    result = np.empty(samples.shape, np.uint8)
    bands = (np.array_split(a.ravel(), 64) for a in (samples, result))  # in parts, to save memory
    for band, target in zip(*bands, strict=True):
        moved = (band.astype(np.float64) - low) * (255 / ((high - low) or 1.0)) + 0.5
        target[:] = np.nan_to_num(moved, nan=0, posinf=0, neginf=0).clip(0, 255)
    return result


def step_of(height: int, width: int) -> int:
    """The range is guessed from every so many rows and columns; once thinned out by it, samples are all looked at."""
    return max(1, math.isqrt(height * width // GUESS.looked_at))


@np.errstate(over="ignore", invalid="ignore")
def range_of(samples: Samples, depths: Sequence[float] = ()) -> tuple[float, float]:
    """The samples that become 0 and 255; arguments are those of `to_8_bits`.

    Samples from 0 on have the least depth that nearly all of them stay within. Signed ones run from -1 to 1 if they are
    floats within; else they, and samples beyond 16 bits, from their lowest to their highest but for outliers.
    """
    step = step_of(*samples.shape[:2])
    seen = np.sort(samples[::step, ::step], axis=None).astype(np.float64)
    seen = _without_marks(seen[np.isfinite(seen)])
    if not seen.size:
        return 0.0, 1.0
    left_out = seen.size // GUESS.outliers
    low, high = float(seen[left_out]), float(seen[-1 - left_out])
    beyond = (high - low) * left_out / max(1, seen.size - 1 - 2 * left_out)  # where even brightness would end
    fractions = samples.dtype.kind == "f" and not depths
    if low < -GUESS.ringing * high:
        return (-1.0, 1.0) if fractions and low >= -1 and high <= 1 else (low - beyond, high + beyond)
    if samples.dtype.kind == "b" or (fractions and high <= GUESS.highlights):
        return 0.0, 1.0
    return 0.0, next((float(depth) for depth in depths or DEPTHS if high < depth + 0.5), high + beyond)


def _without_marks(ordered: Samples) -> Samples:
    """Sorted samples without the lowest or highest value if it marks missing data, as -9999 does.

    It lies outside of 0 to 65535, and either alone does or is farther from the others than these spread.
    """
    for end, nearest, farthest in ((0, 0, -1), (-1, -1, 0)):
        if ordered.size and not 0 <= ordered[end] <= DEPTHS[-1]:
            others = ordered[ordered != ordered[end]]
            if others.size and (
                0 <= others[nearest] <= DEPTHS[-1]
                or abs(others[nearest] - ordered[end]) > abs(others[farthest] - others[nearest])
            ):
                ordered = others
    return ordered
