"""Calibration: what error is normal on good parts, so that an error map can say how far it is from that.

A reconstruction is never perfect: edges, prints and coarse grain always cost some error. The shots tell how much it is
and how much it varies, place by place where parts lie alike, and over all places as far from the border: there a
reconstruction knows neighbours on one side only, and parts end. Errors are then counted in deviations from the normal
one: the squared error at four scales, because a single bright grain is as wrong as a scratch but not as large; and the
perceptual error, because grain in place of grain looks right.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import resize_map


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
GRID = 56
"""Side of the maps of good parts that a threshold rests on."""
NOTHING = np.empty(0, np.float32)
NEARLY_NOTHING = 1e-6
"""The weight of an ignored place: a ring that is ignored as a whole has its own mean."""


@dataclass(frozen=True)
class Calibration:
    """The normal error of a set of shots under one model.

    The layers are the squared error at each of the four scales and the perceptual error. An error counts as its root,
    less the background of its own picture. Mean and deviation are half those of the place and half those of the ring
    along the border in which it lies.

    Attributes:
        mean: float32 (layers, S, S), of the errors of good parts at each place; S is the model's image size.
        deviation: float32 (layers, S, S), how much they vary there within a photo.
        judged: float32 (k, 2, g, g), the squared and the perceptual error of the shots, each a mean over its copies; of
            a single shot, of its copies. If `relative`, in deviations, each judged by the others.
        shots: how many photos it rests on.
        masks: N of the maps it rests on.
        relative: count errors in deviations from the normal one; else leave them as Eq. 1 has them, as the paper does.
    """

    mean: FloatMap = field(repr=False)
    deviation: FloatMap = field(repr=False)
    judged: FloatMap = field(repr=False)
    shots: int
    masks: int
    relative: bool = True

    @classmethod
    def of(
        cls, errors: FloatMap, masks: int, relative: bool, ignored: npt.NDArray[np.bool_] | None = None
    ) -> Calibration:
        """From the errors of several copies of each shot, two or more in all.

        Args:
            errors: (shots, copies, 2, S, S), the squared and the perceptual error of each copy.
            masks: N that they rest on.
            relative: as in the attributes.
            ignored: (S, S), what does not count in a ring.
        """
        layers = np.stack([[_layers(both) for both in copies] for copies in errors])
        axis = 0 if len(errors) > 1 else 1  # judge each by the other shots, or by the only shot's other copies
        judged = []
        for left_out in range(errors.shape[axis]):
            others = cls(*_moments(np.delete(layers, left_out, axis), ignored), NOTHING, 0, masks, relative)
            copies = np.take(errors, left_out, axis)
            seen = [others.deviations(both, masks) if relative else perceptual_layer(both) for both in copies]
            judged.append([resize_map(layer, GRID, GRID) for layer in np.mean(seen, axis=0)])
        return cls(*_moments(layers, ignored), np.asarray(judged, np.float32), len(errors), masks, relative)

    def plus(self, errors: FloatMap, ignored: npt.NDArray[np.bool_] | None = None) -> Calibration:
        """The calibration with one more shot: mean and deviation are what they are with all shots at once.

        What the threshold rests on, `judged`, stays as it was.

        Args:
            errors: (copies, 2, S, S), as in `of`, of the new shot.
            ignored: as in `of`.
        """
        one, share = Calibration.of(errors[None], self.masks, self.relative, ignored), 1 / (self.shots + 1)
        variance = (1 - share) * np.square(self.deviation) + share * np.square(one.deviation)
        mean = (1 - share) * self.mean + share * one.mean
        return replace(self, mean=mean, deviation=np.sqrt(variance), shots=self.shots + 1)

    def deviations(self, errors: FloatMap, masks: int) -> FloatMap:
        """Errors (2, S, S), the squared and the perceptual one, in deviations above normal: (2, S, S), 0 or more.

        That of the squared error is the geometric mean over the scales. Both are smoothed, so that a single grain
        counts less than a scratch. The mean over fewer masks than the calibration rests on varies more, by no more than
        the root of their ratio.
        """
        more = max(1.0, np.sqrt(self.masks / masks))
        *scales, perceptual = np.maximum((_layers(errors) - self.mean) / (self.deviation * more), 0)
        squared = geometric_mean(np.stack(scales))
        return np.stack([_blur(one, NORMAL.blur) for one in (squared, perceptual)])


def geometric_mean(deviations: FloatMap) -> FloatMap:
    """That of (n, ...) deviations, 0 or more: (...). Where one is 0, the others count all the same."""
    logarithms = np.log(deviations + NORMAL.nearly_zero).mean(axis=0)
    return np.asarray(np.maximum(np.exp(logarithms) - NORMAL.nearly_zero, 0), np.float32)


def perceptual_layer(errors: FloatMap) -> FloatMap:
    """Errors (2, S, S), the perceptual one smoothed by half a cell of its features."""
    return np.stack([errors[0], _blur(errors[1], NORMAL.perceptual_scale)])


def _layers(errors: FloatMap) -> FloatMap:
    """The roots of the squared error at each scale and of the perceptual one, less the picture's own background.

    Most of what is wrong everywhere is light and texture, and no part of a defect. (2, S, S) -> (layers, S, S).
    """
    squared, perceptual = errors
    smoothed = [_blur(squared, scale) for scale in NORMAL.scales]
    roots = np.sqrt(np.stack([*smoothed, _blur(perceptual, NORMAL.perceptual_scale)]))
    background = NORMAL.background * np.median(roots, axis=(1, 2), keepdims=True).astype(np.float32)
    return roots - background


def _moments(layers: FloatMap, ignored: npt.NDArray[np.bool_] | None) -> tuple[FloatMap, FloatMap]:
    """Mean of (shots, copies, layers, S, S), and deviation from each shot's own mean."""
    counting = np.ones(layers.shape[-2:]) if ignored is None else np.where(ignored, NEARLY_NOTHING, 1.0)
    own = [_half_by_ring(shot.mean(axis=0), counting) for shot in layers]
    variance = np.mean([np.square(shot - mean).mean(axis=0) for shot, mean in zip(layers, own, strict=True)], axis=0)
    least = np.array([*(NORMAL.least for _ in NORMAL.scales), NORMAL.least_perceptual], np.float32)[:, None, None]
    deviation: FloatMap = np.sqrt(_half_by_ring(variance, counting) + least**2)
    return _half_by_ring(layers.mean(axis=(0, 1)), counting), deviation


def _half_by_ring(maps: FloatMap, counting: npt.NDArray[np.float64]) -> FloatMap:
    """Maps (n, S, S), half as they are, half as their means over rings along the border, weighed by place (S, S)."""
    from_edge = np.minimum(np.arange(maps.shape[-1]), np.arange(maps.shape[-1])[::-1])
    ring = np.minimum(np.minimum.outer(from_edge, from_edge) // NORMAL.ring, NORMAL.rings)
    size = np.bincount(ring.ravel(), counting.ravel())
    by_ring = np.stack([(np.bincount(ring.ravel(), (counting * m).ravel()) / size)[ring] for m in maps])
    return np.stack([_blur(m, NORMAL.blur) for m in (0.5 * maps + 0.5 * by_ring).astype(np.float32)])


def _blur(values: npt.NDArray[np.floating], sigma: float) -> FloatMap:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
