"""Calibration: what error is normal on good parts, so that an error map can say how far it is from that.

A reconstruction is never perfect: edges, prints and coarse grain always cost some error. The shots tell how much it is
and how much it varies, place by place where parts lie alike, and over all places as far from the border: there a
reconstruction knows neighbours on one side only, and parts end. That gives a threshold, and, if wanted, a map that
counts in deviations from the normal error: of colours at four scales, because a single bright grain is as wrong as a
scratch but not as large; and, counting as much, of looks, because grain in place of grain looks right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

SCALES = (2.0, 4.0, 8.0, 16.0)  # px at the model's size
LOOKS = 4.0  # px at the model's size, half a cell of the perceptual error
BLUR = 4.0  # px at the model's size: parts never lie exactly alike
RING, RINGS = 8, 7  # px at the model's size, and how many along the border, a quarter of the side; the rest is one more
LEAST_DEVIATION = 0.002  # half a grey level: blank parts do not vary at all
LEAST_LOOKS = 0.02  # likewise, of the distance of two features of unit length
EVERYWHERE = 0.75  # share of a picture's median error that is left out
NEARLY_NONE = 0.05  # deviations: keeps the geometric mean from being nothing where one scale sees nothing
MARGIN_ALONE = 2.0  # a shot's copies are more like it than other good parts will be


@dataclass(frozen=True)
class Calibration:
    """The normal error of a set of shots under one model.

    Attributes:
        mean: float32 (scales + 1, S, S), the root of the squared error of good parts at each scale and place, above
            the picture's own, and that of the perceptual error, which one `of_colour` lacks; S is the model's image
            size. Half of it is the place's own, half that of its ring along the border.
        deviation: float32 (scales + 1, S, S), how much it varies there within a photo, likewise.
        scores: image scores of good parts, each judged by the others.
        colour_scores: the same without the perceptual error.
        shots: how many photos it rests on.
        masks: N of the maps it rests on.
        relative: count errors in deviations from the normal one; else leave them as Eq. 1 has them, as the paper does.
    """

    mean: np.ndarray = field(repr=False)
    deviation: np.ndarray = field(repr=False)
    scores: tuple[float, ...]
    colour_scores: tuple[float, ...]
    shots: int
    masks: int
    relative: bool = True

    @property
    def threshold(self) -> float:
        """The image score from which a part is called anomalous.

        The highest of a good part judged by the others; with one shot, twice the highest of its copies.
        """
        return (MARGIN_ALONE if self.shots == 1 else 1) * max(self.scores)

    @classmethod
    def of(cls, errors: np.ndarray, masks: int, relative: bool) -> Calibration:
        """From the errors of several copies of each shot, two or more in all: (shots, copies, 2, S, S)."""
        roots = np.stack([[_roots(both) for both in copies] for copies in errors])
        axis = 0 if len(errors) > 1 else 1  # judge each by the other shots, or by the only shot's other copies
        scores: list[float] = []
        colour_scores: list[float] = []
        for left_out in range(errors.shape[axis]):
            judge = cls(*_moments(np.delete(roots, left_out, axis)), (), (), 0, masks, relative)
            for both in errors.take(left_out, axis):
                scores.append(float(judge(both, masks).max()))
                colour_scores.append(float(judge.of_colour()(both[:1], masks).max()))
        return cls(*_moments(roots), tuple(scores), tuple(colour_scores), len(errors), masks, relative)

    def of_colour(self) -> Calibration:
        """The same without the perceptual error, for an ensemble: what it adds to compares looks already."""
        scales = len(SCALES)
        return replace(self, mean=self.mean[:scales], deviation=self.deviation[:scales], scores=self.colour_scores)

    @property
    def looks(self) -> bool:
        """Whether it needs the perceptual error."""
        return self.relative and len(self.mean) > len(SCALES)

    def __call__(self, errors: np.ndarray, masks: int) -> np.ndarray:
        """The squared error and, if it `looks`, the perceptual one, (1 or 2, S, S), in deviations above normal: (S, S).

        0 or more: the geometric mean over the scales, then over the kinds of error, smoothed, so that a single grain
        counts less than a scratch. The mean over fewer masks than the calibration rests on varies more, by no more than
        the root of their ratio. If it is not `relative`, the squared error as it is.
        """
        if not self.relative:
            return errors[0]
        more = max(1.0, np.sqrt(self.masks / masks))
        deviations = np.maximum((_roots(errors) - self.mean) / (self.deviation * more), 0)
        logarithms = np.log(deviations + NEARLY_NONE)
        kinds = [logarithms[: len(SCALES)].mean(axis=0), *logarithms[len(SCALES) :]]
        return _smooth(np.exp(np.mean(kinds, axis=0)) - NEARLY_NONE, BLUR)


def _roots(errors: np.ndarray) -> np.ndarray:
    """The roots of the errors, differences of colour and of looks, above the picture's own: (2, S, S) -> (5, S, S).

    Most of what is wrong everywhere is light and texture, and no part of a defect.
    """
    squared, *perceptual = errors
    smoothed = [_smooth(squared, scale) for scale in SCALES] + [_smooth(error, LOOKS) for error in perceptual]
    roots = np.sqrt(np.stack(smoothed))
    return roots - EVERYWHERE * np.median(roots, axis=(1, 2), keepdims=True)


def _moments(roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of (shots, copies, scales, S, S) and deviation from each shot's own mean, half by place, half by ring."""
    variance = np.mean([np.square(shot - _half_by_ring(shot.mean(axis=0))).mean(axis=0) for shot in roots], axis=0)
    least = np.array([*(LEAST_DEVIATION for _ in SCALES), LEAST_LOOKS], np.float32)[:, None, None]
    return _half_by_ring(roots.mean(axis=(0, 1))), np.sqrt(_half_by_ring(variance) + least**2)


def _half_by_ring(maps: np.ndarray) -> np.ndarray:
    from_edge = np.minimum(np.arange(maps.shape[-1]), np.arange(maps.shape[-1])[::-1])
    ring = np.minimum(np.minimum.outer(from_edge, from_edge) // RING, RINGS)
    size = np.bincount(ring.ravel())
    by_ring = np.stack([(np.bincount(ring.ravel(), m.ravel()) / size)[ring] for m in maps])
    return np.stack([_smooth(m, BLUR) for m in (0.5 * maps + 0.5 * by_ring).astype(np.float32)])


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
