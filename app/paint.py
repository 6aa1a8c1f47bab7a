"""What a visitor wants to be ignored, painted on a picture; kept small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from maeday_core import ImageError
from maeday_core.detection.region import SIDE, Mask
from maeday_core.io.images import MAX_PIXELS

FORMATS = ("PNG", "WEBP")
"""In which a browser sends a layer."""


def painted_mask(layers: Sequence[Path | bytes]) -> Mask | None:
    """The painted places of an editor's layers.

    Args:
        layers: files, or what is in them; what is not transparent is painted.

    Returns:
        bool (H, W), no side longer than that of the masks that are kept; None where nothing is painted.

    Raises:
        ImageError: a layer cannot be decoded, or is over the engine's limit.
    """
    masks = [mask for mask in map(_alpha, layers) if mask is not None]
    if not masks:
        return None
    size = max(mask.size for mask in masks)
    return np.max([np.asarray(one.resize(size)) for one in masks], axis=0) > 0


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
    alpha.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    return alpha if alpha.getbbox() else None
