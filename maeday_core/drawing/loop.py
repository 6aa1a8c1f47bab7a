"""The method on one picture: mask after mask as a small loop, and the mean that they come to."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from maeday_core.detection.result import Reconstructions
from maeday_core.drawing.pictures import heat_map
from maeday_core.drawing.shown import one_mask
from maeday_core.io.images import RGBImage

MOST, SIDE, PAUSE = 8, 224, 700
"""Masks that are shown, pixels of a side, and milliseconds a mask."""
QUALITY = 75


class Loop(NamedTuple):
    """WebP files: three that run through the masks, and the mean over all masks of the squared error."""

    masked: bytes
    reconstruction: bytes
    difference: bytes
    mean: bytes


def loop_of(seen: Reconstructions) -> Loop:
    """What a model saw, by its first masks."""
    shown = [one_mask(seen, index, own_scale=True) for index in range(1, min(MOST, len(seen.masks)) + 1)]
    mean = np.asarray(seen.error_maps.mean(axis=0), np.float32)
    mean_picture = heat_map(mean, (0.0, float(mean.max())))
    masked, reconstruction, difference = (_webp(pictures) for pictures in zip(*shown, strict=True))
    return Loop(masked, reconstruction, difference, _webp([mean_picture]))


def still(loop: bytes) -> bytes:
    """The first picture of a WebP file, for those who want nothing to move."""
    with Image.open(io.BytesIO(loop)) as pictures:
        return _webp([np.asarray(pictures.convert("RGB"))])


def _webp(pictures: Sequence[RGBImage]) -> bytes:
    first, *others = (Image.fromarray(one).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for one in pictures)
    file = io.BytesIO()
    first.save(file, "webp", save_all=True, append_images=others, duration=PAUSE, loop=0, quality=QUALITY)
    return file.getvalue()
