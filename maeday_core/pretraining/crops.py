"""Training crops: what one surface looks like at another scale, under another lamp, behind another edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.io.images import RGBImage
from maeday_core.pretraining.textures import CELL, coordinates, draw_texture, repeat


@dataclass(frozen=True)
class Mix:  # docs/decisions.md#pretraining
    """How often a crop is what; a procedural texture is what remains.

    Attributes:
        photograph: share of the crops that are cut from a picture.
        repeated: share that repeats a small piece of a picture exactly.
        least_side: of a cut, in pixels of the picture.
        rim: share of the crops that are given a rim of background.
        grey, swapped, dark: share of the crops that become grey, change their channels, or are darkened.
    """

    photograph: float = 0.6
    repeated: float = 0.1
    least_side: int = 96
    rim: float = 0.25
    grey: float = 0.3
    swapped: float = 0.2
    dark: float = 0.2


MIX = Mix()


def draw_crops(images: Sequence[RGBImage], count: int, size: int, rng: np.random.Generator) -> RGBImage:
    """Draw augmented training crops: uint8 (count, size, size, 3).

    Args:
        images: uint8 (H, W, 3), at least 256 px a side.
        count, size: how many, and their side in px.
        rng: everything random comes from it.
    """
    crops = []
    for _ in range(count):
        image = images[int(rng.integers(len(images)))]
        kind = rng.random()
        if kind < MIX.photograph:
            crop = _cut(image, size, rng)
        elif kind < MIX.photograph + MIX.repeated:
            crop = repeat(_cut(image, CELL, rng), *coordinates(size, rng))
        else:
            crop = draw_texture(size, rng)
        crop = np.rot90(crop, int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < MIX.rim:
            crop = _with_rim(np.ascontiguousarray(crop), rng)
        crops.append(_relit(np.ascontiguousarray(crop), rng))
    return np.stack(crops)


def _cut(image: RGBImage, size: int, rng: np.random.Generator) -> RGBImage:
    """A random square of a picture, its side uniform in the logarithm, resized to `size`."""
    height, width = image.shape[:2]
    side = int(np.exp(rng.uniform(np.log(MIX.least_side), np.log(min(height, width)))))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    piece = image[top : top + side, left : left + side]
    return _uint8(cv2.resize(piece, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC))


def _with_rim(crop: RGBImage, rng: np.random.Generator) -> RGBImage:
    """A part that does not quite fill the picture: a rim of background on some sides, often behind a bevelled edge."""
    size = len(crop)
    sides = rng.uniform(1, size / 10, 4) * (rng.random(4) < 0.6)
    left, top, right, bottom = sides[:, None] + rng.normal(0, 2, (4, 2)) * (sides > 0)[:, None]
    corners = [
        (left[0], top[0]),
        (size - right[0], top[1]),
        (size - right[1], size - bottom[1]),
        (left[1], size - bottom[0]),
    ]
    part = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(part, (np.array(corners) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    inside = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.5, 2)).astype(np.float32)[..., None] / 255
    surface = crop.astype(np.float32)
    if rng.random() < 0.5:
        bevel = cv2.erode(part, np.ones((int(rng.integers(3, 16)),) * 2, np.uint8), borderValue=255)[..., None] == 0
        surface = np.where(bevel, surface * rng.uniform(0.5, 1.5) + rng.uniform(-30, 30), surface)
    shade = rng.uniform(0, 60) if rng.random() < 0.7 else rng.uniform(0, 255)
    ground = shade + rng.uniform(0, 10) * rng.standard_normal((size, size, 1), dtype=np.float32)
    return _uint8(np.clip(ground + inside * (surface - ground), 0, 255))


def _relit(crop: RGBImage, rng: np.random.Generator) -> RGBImage:
    """The crop in grey, in swapped channels, darker, paler or tinted."""
    if rng.random() < MIX.grey:
        crop = _uint8(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))
    elif rng.random() < MIX.swapped:
        crop = crop[..., rng.permutation(3)]
    mean = crop[::4, ::4].mean(axis=(0, 1)) / 255
    contrast = np.exp(rng.uniform(np.log(0.45), np.log(1.3)))
    light = rng.uniform(0.25, 0.8) if rng.random() < MIX.dark else 1
    levels = np.linspace(0, 1, 256)[:, None]
    levels = (mean + contrast * (levels - mean) + rng.uniform(-0.15, 0.15)) * light * rng.uniform(0.9, 1.1, 3)
    table = _uint8(np.clip(levels, 0, 1) * 255 + 0.5)
    return _uint8(cv2.LUT(np.ascontiguousarray(crop), table[None]))


def _uint8(values: npt.NDArray[np.generic] | cv2.typing.MatLike) -> RGBImage:
    return values.astype(np.uint8, copy=False)
