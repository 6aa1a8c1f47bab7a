"""Calibration: what error is normal on good parts, so that an error map can say how far it is from that.

A reconstruction is never perfect: edges, prints and coarse grain always cost some error. The shots tell how much it is
and how much it varies, place by place where parts lie alike, and over all places as far from the border: there a
reconstruction knows neighbours on one side only, and parts end. That gives a threshold, and, if wanted, a map that
counts in deviations from the normal error: at four scales, because a single bright grain is as wrong as a scratch but
not as large.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

SCALES = (2.0, 4.0, 8.0, 16.0)  # px at the model's size
BLUR = 4.0  # px at the model's size: parts never lie exactly alike
RING, RINGS = 8, 7  # px at the model's size, and how many along the border, a quarter of the side; the rest is one more
LEAST_DEVIATION = 0.002  # half a grey level: blank parts do not vary at all
EVERYWHERE = 0.75  # share of a picture's median error that is left out
NEARLY_NONE = 0.05  # deviations: keeps the geometric mean from being nothing where one scale sees nothing
MARGIN = 1.25
MARGIN_ALONE = 2.5  # a shot's copies are more like it than other good parts will be


@dataclass(frozen=True)
class Calibration:
    """The normal error of a set of shots under one model.

    Attributes:
        mean: float32 (scales, S, S), the root of the error of good parts at each scale and place, above the picture's
            own; S is the model's image size. Half of it is the place's own, half that of its ring along the border.
        deviation: float32 (scales, S, S), how much it varies there within a photo, likewise.
        scores: image scores of good parts, each judged by the others.
        shots: how many photos it rests on.
        masks: N of the maps it rests on.
        relative: count errors in deviations from the normal one; else leave them as Eq. 1 has them, as the paper does.
    """

    mean: np.ndarray = field(repr=False)
    deviation: np.ndarray = field(repr=False)
    scores: tuple[float, ...]
    shots: int
    masks: int
    relative: bool = True

    @property
    def threshold(self) -> float:
        """The image score from which a part is called anomalous.

        A quarter above the highest of a good part; with one shot, two and a half times the highest of its copies.
        """
        return (MARGIN_ALONE if self.shots == 1 else MARGIN) * max(self.scores)

    @classmethod
    def of(cls, maps: np.ndarray, masks: int, relative: bool) -> Calibration:
        """From the error maps of several copies of each shot, two or more in all: (shots, copies, S, S)."""
        roots = np.stack([[_roots(error_map) for error_map in copies] for copies in maps])
        axis = 0 if len(maps) > 1 else 1  # judge each by the other shots, or by the only shot's other copies
        scores: list[float] = []
        for left_out in range(maps.shape[axis]):
            judge = cls(*_moments(np.delete(roots, left_out, axis)), (), 0, masks, relative)
            scores += [float(judge(error_map, masks).max()) for error_map in maps.take(left_out, axis)]
        return cls(*_moments(roots), tuple(scores), len(maps), masks, relative)

    def __call__(self, error_map: np.ndarray, masks: int) -> np.ndarray:
        """An error map (S, S) in deviations above the normal error, 0 or more: their geometric mean over the scales.

        Smoothed, so that a single grain counts less than a scratch. The mean over fewer masks than the calibration
        rests on varies more, by no more than the root of their ratio.
        """
        if not self.relative:
            return error_map
        more = max(1.0, np.sqrt(self.masks / masks))
        deviations = np.maximum((_roots(error_map) - self.mean) / (self.deviation * more), 0)
        return _smooth(np.exp(np.log(deviations + NEARLY_NONE).mean(axis=0)) - NEARLY_NONE, BLUR)


def _roots(error_map: np.ndarray) -> np.ndarray:
    """The root of the error, a difference of colour, at each scale above the picture's own: (S, S) -> (scales, S, S).

    Most of what is wrong everywhere is light and texture, and no part of a defect.
    """
    roots = np.sqrt(np.stack([_smooth(error_map, scale) for scale in SCALES]))
    return roots - EVERYWHERE * np.median(roots, axis=(1, 2), keepdims=True)


def _moments(roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of (shots, copies, scales, S, S) and deviation from each shot's own mean, half by place, half by ring."""
    variance = np.mean([np.square(shot - _half_by_ring(shot.mean(axis=0))).mean(axis=0) for shot in roots], axis=0)
    return _half_by_ring(roots.mean(axis=(0, 1))), np.sqrt(_half_by_ring(variance) + LEAST_DEVIATION**2)


def _half_by_ring(maps: np.ndarray) -> np.ndarray:
    from_edge = np.minimum(np.arange(maps.shape[-1]), np.arange(maps.shape[-1])[::-1])
    ring = np.minimum(np.minimum.outer(from_edge, from_edge) // RING, RINGS)
    size = np.bincount(ring.ravel())
    by_ring = np.stack([(np.bincount(ring.ravel(), m.ravel()) / size)[ring] for m in maps])
    return np.stack([_smooth(m, BLUR) for m in (0.5 * maps + 0.5 * by_ring).astype(np.float32)])


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
