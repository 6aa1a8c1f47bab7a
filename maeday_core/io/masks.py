"""Masks: pictures that mark places, as paint programs, annotation tools and data sets save them."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from maeday_core.io.images import load_image

Levels = npt.NDArray[np.uint8]

LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")
"""Formats that leave faint marks around an edge."""
DEEP = ("I", "F")
"""How the modes of Pillow's pictures of one channel with more than 8 bits begin."""


def load_mask(path: str | os.PathLike[str]) -> Levels:
    """How strongly each pixel is marked: uint8 (H, W), 0 where it is not.

    Where some pixels are wholly transparent and others are not, what is opaque is marked, whatever its colour. Of a
    palette, index 0 is the ground, as in Pascal VOC, unless another index is black and it is not. Otherwise what is
    bright is marked, however dark; of JPEG and its like, what is more than half as bright as the brightest.

    Raises:
        ImageError: the file is no picture.
    """
    levels: Levels = load_image(path).max(axis=2)
    with Image.open(path) as opened:
        picture = _upright(opened)
        if picture.has_transparency_data:
            *colours, alpha = np.moveaxis(np.asarray(picture.convert("RGBA")), -1, 0)
            levels = alpha if alpha.min() == 0 < alpha.max() else np.max(colours, axis=0)
        elif picture.mode == "P":
            black = not any((picture.getpalette() or [0])[:3])
            levels = _levels(np.asarray(picture) > 0) if black or levels.min() > 0 else levels
        elif picture.mode.startswith(DEEP):
            levels = _levels(np.asarray(picture))
        if opened.format in LOSSY:
            levels = np.where(levels > levels.max() / 2, levels, np.uint8(0))
    return levels


def _upright(picture: Image.Image) -> Image.Image:
    with contextlib.suppress(Exception):  # damaged EXIF: taken as upright
        return ImageOps.exif_transpose(picture)
    return picture


def _levels(samples: npt.NDArray[np.generic]) -> Levels:
    """Samples of any type, the highest as 255; what is above 0 stays above it."""
    above = np.nan_to_num(samples.astype(np.float64), posinf=0, neginf=0).clip(0)
    return np.ceil(above * (255 / (above.max() or 1))).astype(np.uint8)
