"""From the distances of patches to a map of the picture."""

from __future__ import annotations

import cv2
import numpy as np

from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import resize_map

CELL = 8  # px of a patch where the map is smoothed
SMOOTHING = 4.0  # px there; PatchCore's


def to_map(distances: FloatMap, height: int, width: int) -> FloatMap:
    """Distances of patches (h, w) as a map of `height` x `width`, interpolated and smoothed as PatchCore does.

    It is smoothed at 8 px a patch, whatever the picture's size.
    """
    rows, columns = distances.shape
    fine = cv2.resize(distances.astype(np.float32), (CELL * columns, CELL * rows), interpolation=cv2.INTER_LINEAR)
    return resize_map(cv2.GaussianBlur(fine, (0, 0), SMOOTHING, borderType=cv2.BORDER_REFLECT_101), height, width)
