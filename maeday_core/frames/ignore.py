"""Ignored regions: a mask, painted once, that holds for all frames."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from maeday_core.detection.objects import BlockMap
from maeday_core.io import masks
from maeday_core.io.images import RGBImage, resize

BRIGHT = 127
"""Above this level a mask is bright."""


def load_mask(path: str | os.PathLike[str]) -> RGBImage:
    """A mask from a picture file: white where it is at least half as strongly marked as where it is most.

    Returns:
        uint8 (H, W, 3), of any size; white pixels are ignored.

    Raises:
        ImageError: the file is no picture.
    """
    levels = masks.load_mask(path)
    marked = (levels > 0) & (levels >= levels.max() / 2)
    return np.repeat(marked[..., None] * np.uint8(255), 3, axis=2)


def ignored_blocks(mask: RGBImage, blocks: BlockMap) -> npt.NDArray[np.bool_]:
    """The blocks of a map that a mask of any size ignores, (rows, columns)."""
    rows, columns = blocks.values.shape
    return np.asarray(resize(mask, columns, rows).max(axis=-1) > BRIGHT)
