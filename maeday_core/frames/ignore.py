"""Ignored regions: a mask, painted once, that holds for all frames."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from PIL import Image

from maeday_core.frames.objects import BlockMap
from maeday_core.io.images import RGBImage, load_image, resize

BRIGHT = 127
"""Above this level a mask is bright."""


def load_mask(path: str | os.PathLike[str]) -> RGBImage:
    """A mask from a picture file: white where it is opaque if it has transparency, else as it is.

    Returns:
        uint8 (H, W, 3), of any size; bright pixels are ignored.

    Raises:
        ImageError: the file is no picture.
    """
    mask = load_image(path)
    with Image.open(path) as picture:
        if picture.has_transparency_data:
            return load_image(picture.convert("RGBA").getchannel("A"))
    return mask


def ignored_blocks(mask: RGBImage, blocks: BlockMap) -> npt.NDArray[np.bool_]:
    """The blocks of a map that a mask of any size ignores, (rows, columns)."""
    rows, columns = blocks.values.shape
    return np.asarray(resize(mask, columns, rows).max(axis=-1) > BRIGHT)
