"""Calibration: what error is normal on good parts, so that an error map can say how far it is from that.

A reconstruction is never perfect: edges, prints and coarse grain always cost some error. The shots tell how much, place
by place where parts lie alike, and overall. That gives a threshold, and, if wanted, errors counted in multiples of the
normal one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

BLUR = 12.0  # px at the model's size: parts never lie exactly alike
MARGIN = 1.25


@dataclass(frozen=True)
class Calibration:
    """The normal error of a set of shots under one model.

    Attributes:
        normal: float32 (S, S), the mean error of good parts at each place, smoothed; S is the model's image size.
        scores: image scores of good parts, each judged by the others.
        shots: how many photos it rests on.
        relative: count errors in multiples of the normal one; else leave them as Eq. 1 has them, as the paper does.
    """

    normal: np.ndarray = field(repr=False)
    scores: tuple[float, ...]
    shots: int
    relative: bool = True

    @property
    def level(self) -> float:
        """The normal error over all places."""
        return float(self.normal.mean())

    @property
    def threshold(self) -> float:
        """The image score from which a part is called anomalous: a quarter above the highest of a good one."""
        return MARGIN * max(self.scores)

    @classmethod
    def of(cls, maps: np.ndarray, relative: bool) -> Calibration:
        """From the error maps of several copies of each shot: (shots, copies, S, S), at least two in all."""
        scores = []
        for index in np.ndindex(maps.shape[:2]):  # judge each by the other shots, or by the only shot's other copies
            others = np.ones(maps.shape[:2], dtype=bool)
            others[index[0] if len(maps) > 1 else index] = False
            scores.append(float(cls(_smooth(maps[others].mean(axis=0)), (), 0, relative)(maps[index]).max()))
        return cls(_smooth(maps.mean(axis=(0, 1))), tuple(scores), len(maps), relative)

    def __call__(self, error_map: np.ndarray) -> np.ndarray:
        """An error map (S, S) in multiples of the normal error, half of which counts by place and half overall."""
        if not self.relative:
            return error_map
        return 2 * error_map / (self.normal + self.level + 1e-6)


def _smooth(normal: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(normal, (0, 0), BLUR, borderType=cv2.BORDER_REFLECT_101)
