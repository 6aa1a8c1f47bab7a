"""Places: where a map stands out, worst first, each with its box, its peak and a score of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import mean_of_highest, quantile_of
from maeday_core.detection.region import counted
from maeday_core.detection.windows import FloatMap

MOST = 5
"""Places that are told; more are a rough surface, not a list."""
JOIN = 9 / 512
"""Pieces no farther apart than this share of the longer side are one place, as the objects of frames are."""


@dataclass(frozen=True)
class Place:
    """Where a map stands out, in its pixels.

    Attributes:
        x, y: column and row of the highest value.
        score: what the image score would be of the place alone: the mean of its highest values, as many as the image
            score is the mean of. So it is comparable with the threshold, and the worst place has the image score.
        left, top, width, height: the box around it; of a peak that is not outlined, its pixel.
        outlined: whether it is a region that reaches above the limit.
    """

    x: int
    y: int
    score: float
    left: int
    top: int
    width: int = 1
    height: int = 1
    outlined: bool = False


def outline(
    error_map: FloatMap,
    score: float,
    limit: float,
    height: float | None = None,
    ignored: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.bool_]:
    """What does not belong, (H, W): nothing unless the picture's score is above the limit.

    Args:
        error_map: (H, W).
        score: of the picture.
        limit: in the unit of the map.
        height: a region with a place above the limit reaches down, and no farther, to this share of the way from the
            map's median to its peak, if it gets so high; else, and where this is None, to the limit.
        ignored: (h, w), where the map does not count, and is 0.
    """
    above = error_map > np.float64(limit)
    if height is None or not score > limit:
        return above & (score > limit)
    middle = quantile_of(counted(error_map, ignored), 0.5)
    edge = middle + height * (float(error_map.max()) - middle)
    high = error_map > edge
    count, labels = cv2.connectedComponents((high | above).astype(np.uint8), connectivity=8)
    hugged = np.zeros(count, bool)
    hugged[labels[high & above]] = True
    return np.asarray(np.where(hugged[labels], high, above))


def find_places(
    error_map: FloatMap, outlined: npt.NDArray[np.bool_], image_score: float, limit: float = -math.inf
) -> list[Place]:
    """The outlined regions, the highest score first, at most `MOST`; where nothing is outlined, the peak of the map.

    Args:
        error_map: (H, W).
        outlined: (H, W), regions that reach above the limit.
        image_score: of the map: its highest value, or the mean of the highest ones.
        limit: what is not above it does not count in a region's score.
    """
    if not outlined.any():
        y, x = (int(at) for at in np.unravel_index(error_map.argmax(), error_map.shape))
        return [Place(x, y, image_score, x, y)]
    labels = regions(outlined)
    rows, columns = np.nonzero(labels)
    values, numbers = error_map[rows, columns], labels[rows, columns]
    falling = np.argsort(-values, kind="stable")
    _, first = np.unique(numbers[falling], return_index=True)
    many = _values_in_a_score(error_map, image_score)
    found = []
    for peak in falling[np.sort(first)[:MOST]]:
        own = numbers == numbers[peak]
        high = own & (values > np.float64(limit))
        left, top = int(columns[own].min()), int(rows[own].min())
        found.append(
            Place(
                x=int(columns[peak]),
                y=int(rows[peak]),
                score=mean_of_highest(values[high], many),
                left=left,
                top=top,
                width=int(columns[own].max()) - left + 1,
                height=int(rows[own].max()) - top + 1,
                outlined=True,
            )
        )
    return sorted(found, key=lambda place: -place.score)


def regions(outlined: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """The number of the region of each outlined pixel, from 1, else 0, (H, W); pieces close together are one."""
    across = max(1, round(JOIN * max(outlined.shape)))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))
    _, labels = cv2.connectedComponents(cv2.dilate(outlined.astype(np.uint8), ellipse), connectivity=8)
    return np.where(outlined, labels, 0)


def _values_in_a_score(error_map: FloatMap, image_score: float) -> int:
    """How many of the highest values of a map its image score is the mean of."""
    if image_score >= float(error_map.max()):
        return 1
    falling = -np.sort(-error_map, axis=None)
    means = np.cumsum(falling, dtype=np.float64) / np.arange(1, falling.size + 1)
    return 1 + int(np.argmax(means <= image_score))
