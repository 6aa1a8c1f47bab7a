"""Maps as pictures that measuring programs read: 16-bit PNG and float TIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from maeday_core.detection.windows import FloatMap

HIGHEST = 65535
STEP = "Step"
"""In the header of a 16-bit PNG: what one level of it stands for, in the unit of the map."""


def save_levels(error_map: FloatMap, path: Path, header: PngInfo) -> float:
    """Write a map (H, W), 0 or more, as a 16-bit grey PNG; its highest value becomes 65535.

    Args:
        error_map: the map.
        path: of the file.
        header: its texts; that of `STEP` is added.

    Returns:
        What one level stands for, in the unit of the map.
    """
    step = float(error_map.max()) / HIGHEST or 1.0
    header.add_text(STEP, repr(step))
    levels = np.round(error_map / np.float64(step)).clip(0, HIGHEST).astype(np.uint16)
    Image.fromarray(levels).save(path, "PNG", pnginfo=header)
    return step


def save_floats(error_map: FloatMap, path: Path, software: str) -> None:
    """Write a map (H, W) as a float32 TIFF of one channel, without loss; its header names the program."""
    Image.fromarray(error_map).save(path, "TIFF", compression="tiff_adobe_deflate", software=software)
