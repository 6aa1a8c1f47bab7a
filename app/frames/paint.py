"""What a visitor painted to be ignored, kept small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from app.frames.batch import Mask
from maeday_core import ImageError
from maeday_core.frames.run import PICTURE_SIDE
from maeday_core.io.images import MAX_PIXELS

FORMATS = ("PNG", "WEBP")
"""In which a browser sends a layer."""


def painted_mask(layers: Sequence[Path | bytes]) -> Mask:
    """The painted places of an editor's layers.

    Args:
        layers: files, or what is in them; what is not transparent is painted.

    Returns:
        uint8 (H, W, 3), bright on black, no side longer than that of the pictures a run keeps, one byte a pixel in
        memory; None where nothing is painted.

    Raises:
        ImageError: a layer cannot be decoded, or is over the engine's limit.
    """
    masks = [mask for mask in map(_alpha, layers) if mask is not None]
    if not masks:
        return None
    size = max(mask.size for mask in masks)
    mask = np.max([np.asarray(one.resize(size)) for one in masks], axis=0)
    return np.broadcast_to(mask[..., None], (*mask.shape, 3))


def _alpha(layer: Path | bytes) -> Image.Image | None:
    """Where a layer is painted, reduced; its size is looked at before it is decoded."""
    try:
        with Image.open(io.BytesIO(layer) if isinstance(layer, bytes) else layer, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise ImageError(f"What is painted has {width} x {height} pixels; paint on a smaller frame.")
            if not picture.has_transparency_data:
                return None
            alpha = picture.convert("RGBA").getchannel("A").point(lambda value: 255 * (value > 0))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ImageError("What is painted cannot be read; paint it again.") from error
    alpha.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX)
    return alpha if alpha.getbbox() else None
