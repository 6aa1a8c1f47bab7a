"""Masks: pictures that mark places, as paint programs, annotation tools and data sets save them."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from PIL import Image

from maeday_core.io.images import load_image

Levels = npt.NDArray[np.uint8]


def load_mask(path: str | os.PathLike[str]) -> Levels:
    """How strongly each pixel is marked: uint8 (H, W), 0 where it is not.

    Where some pixels are transparent and others are not, what is opaque is marked, whatever its colour. Of a palette
    without black, index 0 is the ground, as in Pascal VOC. Otherwise what is bright is marked.

    Raises:
        ImageError: the file is no picture.
    """
    levels: Levels = load_image(path).max(axis=2)
    with Image.open(path) as picture:
        if picture.has_transparency_data:
            alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
            if alpha.min() < alpha.max():
                return alpha
        if picture.mode == "P" and levels.min() > 0:
            return np.where(np.asarray(picture) > 0, np.uint8(255), np.uint8(0))
    return levels
