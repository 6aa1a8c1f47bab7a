"""From a map to objects: connected regions above a threshold, as boxes in pixels of the frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.maps import strips
from maeday_core.io.images import PART


@dataclass(frozen=True)
class ObjectSettings:
    """How regions are found.

    Attributes:
        map_side: the longer side of a kept map has at most so many blocks.
        closing: diameter, in blocks, of the closing that joins the parts of one object.
    """

    # docs/decisions.md#objects
    map_side: int = 512
    closing: int = 9


OBJECTS = ObjectSettings()


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
    """A reduced map: the highest value in each square block of pixels, so that no peak is lost.

    Attributes:
        values: float32 (rows, columns), at most `ObjectSettings.map_side` a side.
        block: side of a block in pixels of the frame.
        height, width: of the frame; its border clips the last blocks.
    """

    values: npt.NDArray[np.float32]
    block: int
    height: int
    width: int

    @classmethod
    def of(cls, error_map: npt.NDArray[np.float32], size: tuple[int, int] | None = None) -> BlockMap:
        """Reduce a map (h, w) of a frame of the same size, or of another height and width."""
        height, width = size or error_map.shape
        block = math.ceil(max(height, width) / OBJECTS.map_side)
        rows = block * max(1, PART // (block * width))
        highest = [
            np.maximum.reduceat(
                np.maximum.reduceat(strip, range(0, len(strip), block), axis=0), range(0, width, block), axis=1
            )
            for strip in strips(error_map, (height, width), rows)
        ]
        return cls(np.concatenate(highest).astype(np.float32), block, height, width)

    def within(self, region: npt.NDArray[np.bool_]) -> BlockMap:
        """The blocks that a region of the frame (h, w), of whatever size, reaches; nothing of the others."""
        reached = BlockMap.of(region.astype(np.float32), (self.height, self.width)).values > 0.5
        return replace(self, values=np.where(reached, self.values, np.float32(-np.inf)))

    def full(self) -> npt.NDArray[np.float32]:
        """The map at the frame's own size, float32 (height, width), constant in each block."""
        return self.values.repeat(self.block, 0).repeat(self.block, 1)[: self.height, : self.width]


def find_objects(blocks: BlockMap, threshold: float, least_area: int = 0) -> list[Box]:
    """The connected regions above `threshold`, the highest peak first; those a few blocks apart are one.

    Args:
        least_area: regions of fewer pixels of the frame are left out.
    """
    above = blocks.values > threshold
    rows, columns = np.nonzero(above)
    if not rows.size:
        return []
    labels = _labels(above)[rows, columns]
    order = np.argsort(labels, kind="stable")
    rows, columns, labels = rows[order], columns[order], labels[order]
    first = np.flatnonzero(np.diff(labels, prepend=0))  # of each region
    tops, lefts = rows * blocks.block, columns * blocks.block
    bottoms, rights = (np.minimum(tops + blocks.block, blocks.height), np.minimum(lefts + blocks.block, blocks.width))
    areas = (bottoms - tops) * (rights - lefts)
    area = np.add.reduceat(areas, first)
    x, y = np.minimum.reduceat(lefts, first), np.minimum.reduceat(tops, first)
    width, height = np.maximum.reduceat(rights, first) - x, np.maximum.reduceat(bottoms, first) - y
    across = np.add.reduceat(areas * (lefts + rights), first) // (2 * area)
    down = np.add.reduceat(areas * (tops + bottoms), first) // (2 * area)
    peak = np.maximum.reduceat(blocks.values[rows, columns], first)
    found = [
        Box(int(x[i]), int(y[i]), int(width[i]), int(height[i]), int(area[i]), float(peak[i]), (int(a), int(d)))
        for i, (a, d) in enumerate(zip(across, down, strict=True))
        if area[i] >= least_area
    ]
    return sorted(found, key=lambda box: -box.peak)


def masks_of(blocks: BlockMap, threshold: float, boxes: Sequence[Box]) -> Iterator[npt.NDArray[np.bool_]]:
    """The pixels of each box that belong to its region, bool (height, width) of the box.

    Args:
        blocks, threshold: as they were given to `find_objects`.
        boxes: some of those it found.
    """
    above = blocks.values > threshold
    labels = np.where(above, _labels(above), 0)
    for box in boxes:
        rows, columns = (
            slice(first // blocks.block, -(-(first + length) // blocks.block))
            for first, length in ((box.y, box.height), (box.x, box.width))
        )
        inside = labels[rows, columns].repeat(blocks.block, 0).repeat(blocks.block, 1)[: box.height, : box.width]
        peaks = labels[rows, columns][blocks.values[rows, columns] == np.float32(box.peak)]
        yield next(mask for number in peaks if number and (mask := inside == number).sum() == box.area)


def _labels(above: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """The number of the region of each block above the threshold, from 1, (rows, columns)."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OBJECTS.closing, OBJECTS.closing))
    closed = cv2.morphologyEx(above.astype(np.uint8), cv2.MORPH_CLOSE, ellipse)
    _, labels = cv2.connectedComponents(closed, connectivity=8)
    return labels
