"""What a visitor wants to be ignored, painted or where a frame is unusual; kept small."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from app.frames.batch import Mask
from maeday_core import ImageError
from maeday_core.drawing.pictures import RING
from maeday_core.frames import Judgement, Verdict
from maeday_core.frames.records import peak_of
from maeday_core.frames.run import PICTURE_SIDE
from maeday_core.io.images import MAX_PIXELS, RGBImage

AROUND = 0.02
"""What is ignored around an object, as a share of the frame's shorter side."""
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
    return _flat(mask)


def united(one: Mask, other: Mask) -> Mask:
    """What either of two masks ignores, at the larger one's size."""
    if one is None or other is None:
        return other if one is None else one
    height, width = max(one.shape[:2], other.shape[:2])
    planes = [cv2.resize(np.ascontiguousarray(mask[..., 0]), (width, height)) for mask in (one, other)]
    return _flat(np.max(planes, axis=0))


def also_ignored(mask: Mask, judgement: Judgement, verdict: Verdict) -> Mask:
    """A mask, and where a frame is unusual: around its objects, or its most unusual place.

    None where nothing in the frame is.
    """
    record, peak = verdict.record, peak_of(judgement.baseline.map(verdict.record))
    shrink = min(1.0, PICTURE_SIDE / max(record.height, record.width))
    plane = np.zeros((max(1, round(record.height * shrink)), max(1, round(record.width * shrink))), np.uint8)
    around = max(1, round(AROUND * min(plane.shape)))
    for box in verdict.boxes:
        left, top = round(box.x * shrink) - around, round(box.y * shrink) - around
        right, bottom = round((box.x + box.width) * shrink) + around, round((box.y + box.height) * shrink) + around
        plane[max(0, top) : bottom, max(0, left) : right] = 255
    if not verdict.boxes and peak is not None:
        x, y = peak
        cv2.circle(plane, (round(x * shrink), round(y * shrink)), max(1, round(RING * min(plane.shape))), 255, -1)
    return united(mask, _flat(plane)) if plane.any() else None


def _flat(plane: npt.NDArray[np.uint8]) -> RGBImage:
    """A mask (H, W, 3) of one byte a pixel."""
    return np.broadcast_to(plane[..., None], (*plane.shape, 3))


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
