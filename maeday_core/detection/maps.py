"""Maps: from distances of patches to a map, and from a map to the picture's own size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import PART, resize_map

CELL = 8  # pixels a patch in which the map is smoothed
SMOOTHING = 4.0  # pixels, the Gaussian's sigma; PatchCore's


def to_map(distances: npt.NDArray[np.floating], height: int, width: int) -> FloatMap:
    """Distances of patches (h, w) as a map (height, width), interpolated and smoothed as PatchCore does.

    The map is smoothed at 8 pixels a patch, so the smoothing does not depend on the size of the picture.
    """
    rows, columns = distances.shape
    fine = cv2.resize(distances.astype(np.float32), (CELL * columns, CELL * rows), interpolation=cv2.INTER_LINEAR)
    return resize_map(cv2.GaussianBlur(fine, (0, 0), SMOOTHING, borderType=cv2.BORDER_REFLECT_101), height, width)


def strips(error_map: FloatMap, size: tuple[int, int], rows: int | None = None) -> Iterator[FloatMap]:
    """A map (h, w) at another height and width, interpolated bilinearly: strips from top to bottom, to save memory.

    Args:
        error_map: the map.
        size: H and W.
        rows: of each strip but the last; by default as many as have a million pixels.
    """
    height, width = size
    rows = rows or max(1, PART // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        yield error_map[top:bottom] if error_map.shape == size else _between(error_map, top, bottom, height, width)


def _between(error_map: FloatMap, top: int, bottom: int, height: int, width: int) -> FloatMap:
    """The rows from `top` to `bottom` of a map at `height` x `width`."""
    last = error_map.shape[0] - 1
    at = np.clip((np.arange(top, bottom) + 0.5) * (error_map.shape[0] / height) - 0.5, 0, last)
    above = at.astype(int)
    below = np.minimum(above + 1, last)
    share = (at - above).astype(np.float32)[:, None]
    first = above[0]
    wide = resize_map(error_map[first : below[-1] + 1], below[-1] + 1 - first, width)
    return (1 - share) * wide[above - first] + share * wide[below - first]
