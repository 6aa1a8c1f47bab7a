"""From a map to objects: regions above a threshold, as boxes in pixels of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

MAP_SIDE = 512
JOINED = 9  # blocks: parts of one object that lie no farther apart


@dataclass(frozen=True)
class Box:
    """A region above the threshold, in pixels of the frame.

    Attributes:
        x, y: left and top.
        width, height: of its bounding box.
        area: pixels above the threshold.
        peak: the highest value of the map in it.
        centre: column and row of its centre of mass.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    peak: float
    centre: tuple[int, int]


@dataclass(frozen=True)
class BlockMap:
    """A map to keep: of each square block of pixels the highest value, so that no peak is lost.

    Attributes:
        values: float32 (rows, columns), at most `MAP_SIDE` a side.
        block: side of a block in pixels of the frame.
        height, width: of the frame; the last blocks may reach beyond it.
    """

    values: np.ndarray
    block: int
    height: int
    width: int

    @classmethod
    def of(cls, error_map: np.ndarray) -> BlockMap:
        """Reduce a map (H, W)."""
        height, width = error_map.shape
        block = math.ceil(max(height, width) / MAP_SIDE)
        rows, columns = math.ceil(height / block), math.ceil(width / block)
        padding = ((0, rows * block - height), (0, columns * block - width))
        padded = np.pad(error_map.astype(np.float32), padding, constant_values=-np.inf)
        return cls(padded.reshape(rows, block, columns, block).max(axis=(1, 3)), block, height, width)

    def full(self) -> np.ndarray:
        """The map at the frame's own size, float32 (height, width), in blocks."""
        return self.values.repeat(self.block, 0).repeat(self.block, 1)[: self.height, : self.width]


def find_objects(blocks: BlockMap, threshold: float, least_area: int = 0) -> list[Box]:
    """The connected regions above `threshold`, the highest peak first; those a few pixels apart are one.

    Args:
        least_area: regions of fewer pixels of the frame are left out.
    """
    above = (blocks.values > threshold).astype(np.uint8)
    near = cv2.morphologyEx(above, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (JOINED, JOINED)))
    count, labels = cv2.connectedComponents(near, connectivity=8)
    labels[above == 0] = 0
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        bottoms = np.minimum((rows + 1) * blocks.block, blocks.height)
        rights = np.minimum((columns + 1) * blocks.block, blocks.width)
        tops, lefts = rows * blocks.block, columns * blocks.block
        areas = (bottoms - tops) * (rights - lefts)
        if areas.sum() < max(least_area, 1):
            continue
        x, y = (int(np.average((a + b) / 2, weights=areas)) for a, b in ((lefts, rights), (tops, bottoms)))
        found.append(
            Box(
                x=int(lefts.min()),
                y=int(tops.min()),
                width=int(rights.max() - lefts.min()),
                height=int(bottoms.max() - tops.min()),
                area=int(areas.sum()),
                peak=float(blocks.values[rows, columns].max()),
                centre=(x, y),
            )
        )
    return sorted(found, key=lambda box: -box.peak)
