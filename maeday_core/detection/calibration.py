"""Calibration: what error is normal on good parts, so that an error map can say how far it is from that.

A reconstruction is never perfect: edges, prints and coarse grain always cost some error. The shots tell how much it is
and how much it varies, place by place where parts lie alike, and over all places as far from the border: there a
reconstruction knows neighbours on one side only, and parts end. That gives a threshold, and, if wanted, a map that
counts deviations from the normal error: of the squared error at four scales, because a single bright grain is as wrong
as a scratch but not as large; and, with the same weight, of the perceptual error, because grain in place of grain looks
right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import Margin, from_good_parts
from maeday_core.detection.result import Threshold
from maeday_core.detection.windows import FloatMap


@dataclass(frozen=True)
class NormalError:  # docs/decisions.md#calibration
    """How the normal error is measured; lengths in px at the model's size.

    Attributes:
        scales: sigmas at which the squared error is smoothed.
        perceptual_scale: that of the perceptual error, half a cell of its features.
        blur: of the statistics and the map, since parts never lie exactly alike.
        ring, rings: width of a ring along the border, and how many there are, a quarter of the side; the rest is one
            more.
        background: share of a picture's median error that is left out.
        least: the least deviation of a squared error's root, half a grey level, for blank parts do not vary at all.
        least_perceptual: that of a perceptual error's root.
        nearly_zero: in deviations; keeps the geometric mean above 0 where one scale sees nothing.
    """

    scales: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0)
    perceptual_scale: float = 4.0
    blur: float = 4.0
    ring: int = 8
    rings: int = 7
    background: float = 0.75
    least: float = 0.002
    least_perceptual: float = 0.02
    nearly_zero: float = 0.05


NORMAL = NormalError()
ALONE = Margin(factor=2.0)  # docs/decisions.md#calibration


@dataclass(frozen=True)
class Calibration:
    """The normal error of a set of shots under one model.

    The layers are the squared error at each of the four scales and the perceptual error; the latter is missing in what
    `of_colour` gives. An error counts as its root, less the background of its own picture. Mean and deviation are half
    those of the place and half those of the ring along the border in which it lies.

    Attributes:
        mean: float32 (layers, S, S), of the errors of good parts at each place; S is the model's image size.
        deviation: float32 (layers, S, S), how much they vary there within a photo.
        scores: image scores of good parts, each judged by the others.
        colour_scores: the same without the perceptual error.
        shots: how many photos it rests on.
        masks: N of the maps it rests on.
        relative: count errors in deviations from the normal one; else leave them as Eq. 1 has them, as the paper does.
    """

    mean: FloatMap = field(repr=False)
    deviation: FloatMap = field(repr=False)
    scores: tuple[float, ...]
    colour_scores: tuple[float, ...]
    shots: int
    masks: int
    relative: bool = True

    @property
    def threshold(self) -> Threshold:
        """The highest score of a good part judged by the others; with one shot, twice the highest of its copies."""
        return from_good_parts(self.scores, self.shots, ALONE if self.shots == 1 else None)

    @classmethod
    def of(cls, errors: FloatMap, masks: int, relative: bool) -> Calibration:
        """From the errors of several copies of each shot, two or more in all.

        Args:
            errors: (shots, copies, 2, S, S), the squared and the perceptual error of each copy.
            masks: N that they rest on.
            relative: as in the attributes.
        """
        layers = np.stack([[_layers(both) for both in copies] for copies in errors])
        axis = 0 if len(errors) > 1 else 1  # judge each by the other shots, or by the only shot's other copies
        scores: list[float] = []
        colour_scores: list[float] = []
        for left_out in range(errors.shape[axis]):
            others = cls(*_moments(np.delete(layers, left_out, axis)), (), (), 0, masks, relative)
            for both in np.take(errors, left_out, axis):
                scores.append(float(others(both, masks).max()))
                colour_scores.append(float(others.of_colour()(both[:1], masks).max()))
        return cls(*_moments(layers), tuple(scores), tuple(colour_scores), len(errors), masks, relative)

    def of_colour(self) -> Calibration:
        """The same without the perceptual error, for an ensemble: its other part compares features already."""
        scales = len(NORMAL.scales)
        return replace(self, mean=self.mean[:scales], deviation=self.deviation[:scales], scores=self.colour_scores)

    @property
    def perceptual(self) -> bool:
        """Whether it needs the perceptual error."""
        return self.relative and len(self.mean) > len(NORMAL.scales)

    def __call__(self, errors: FloatMap, masks: int) -> FloatMap:
        """Errors (1 or 2, S, S) in deviations above normal: (S, S), 0 or more.

        The first is the squared error; a `perceptual` calibration needs the perceptual one too. The result is the
        geometric mean over the scales, then over both errors, smoothed, so that a single grain counts less than a
        scratch. The mean over fewer masks than the calibration rests on varies more, by no more than the root of their
        ratio. If it is not `relative`, the squared error as it is.
        """
        if not self.relative:
            squared: FloatMap = errors[0]
            return squared
        more = max(1.0, np.sqrt(self.masks / masks))
        deviations = np.maximum((_layers(errors) - self.mean) / (self.deviation * more), 0)
        logarithms = np.log(deviations + NORMAL.nearly_zero)
        scales = len(NORMAL.scales)
        of_each_error = [logarithms[:scales].mean(axis=0), *logarithms[scales:]]
        return _blur(np.exp(np.mean(of_each_error, axis=0)) - NORMAL.nearly_zero, NORMAL.blur)


def _layers(errors: FloatMap) -> FloatMap:
    """The roots of the squared error at each scale and of the perceptual one, less the picture's own background.

    Most of what is wrong everywhere is light and texture, and no part of a defect. (1 or 2, S, S) -> (layers, S, S).
    """
    squared, *perceptual = errors
    smoothed = [_blur(squared, scale) for scale in NORMAL.scales]
    smoothed += [_blur(error, NORMAL.perceptual_scale) for error in perceptual]
    roots = np.sqrt(np.stack(smoothed))
    background = NORMAL.background * np.median(roots, axis=(1, 2), keepdims=True).astype(np.float32)
    return roots - background


def _moments(layers: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Mean of (shots, copies, layers, S, S), and deviation from each shot's own mean."""
    variance = np.mean([np.square(shot - _half_by_ring(shot.mean(axis=0))).mean(axis=0) for shot in layers], axis=0)
    least = np.array([*(NORMAL.least for _ in NORMAL.scales), NORMAL.least_perceptual], np.float32)[:, None, None]
    deviation: FloatMap = np.sqrt(_half_by_ring(variance) + least**2)
    return _half_by_ring(layers.mean(axis=(0, 1))), deviation


def _half_by_ring(maps: FloatMap) -> FloatMap:
    """Maps (n, S, S), half as they are, half as their means over rings along the border."""
    from_edge = np.minimum(np.arange(maps.shape[-1]), np.arange(maps.shape[-1])[::-1])
    ring = np.minimum(np.minimum.outer(from_edge, from_edge) // NORMAL.ring, NORMAL.rings)
    size = np.bincount(ring.ravel())
    by_ring = np.stack([(np.bincount(ring.ravel(), m.ravel()) / size)[ring] for m in maps])
    return np.stack([_blur(m, NORMAL.blur) for m in (0.5 * maps + 0.5 * by_ring).astype(np.float32)])


def _blur(values: npt.NDArray[np.floating], sigma: float) -> FloatMap:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
