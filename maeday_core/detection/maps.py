"""Maps of distances: from one value a patch to one a pixel."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.io.images import resize_map

CELL = 8  # pixels a patch in which the map is smoothed
SMOOTHING = 4.0  # pixels, the Gaussian's sigma; PatchCore's


def to_map(distances: npt.NDArray[np.floating], height: int, width: int) -> npt.NDArray[np.float32]:
    """Distances of patches (h, w) as a map (height, width), interpolated and smoothed as PatchCore does.

    The map is smoothed at 8 pixels a patch, so the smoothing does not depend on the size of the picture.
    """
    rows, columns = distances.shape
    fine = cv2.resize(distances.astype(np.float32), (CELL * columns, CELL * rows), interpolation=cv2.INTER_LINEAR)
    return resize_map(cv2.GaussianBlur(fine, (0, 0), SMOOTHING, borderType=cv2.BORDER_REFLECT_101), height, width)
