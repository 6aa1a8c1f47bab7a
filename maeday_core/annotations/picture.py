"""What was found in one picture, as every format needs it: boxes, regions and their outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.objects import Box

CLASS = "anomaly"
"""The one class of what is found."""

Ring = npt.NDArray[np.int64]
"""The corners (n, 2) of a closed line along the edges of pixels, x and y: pixel 0 reaches from 0 to 1."""


@dataclass(frozen=True)
class Region:
    """A region that does not belong.

    Attributes:
        box: its box, area and peak in pixels of the picture.
        mask: bool (box.height, box.width), the pixels of the box that belong to it.
    """

    box: Box
    mask: npt.NDArray[np.bool_] = field(repr=False)

    @property
    def rings(self) -> list[Ring]:
        """Its outlines in pixels of the picture, one for each piece.

        They enclose exactly its area: around a hole the line goes in and comes back on the same way.
        """
        return [ring + np.array([self.box.x, self.box.y]) for ring in rings(self.mask)]


@dataclass(frozen=True)
class Annotated:
    """A picture and what was found in it.

    Attributes:
        name: of its file among the pictures of a data set.
        path: where it comes from.
        size: height and width in pixels, upright.
        image_score, threshold: of the picture; its regions' peaks are in the same unit.
        regions: what does not belong, the highest peak first.
    """

    name: str
    path: str
    size: tuple[int, int]
    image_score: float
    threshold: float
    regions: tuple[Region, ...]

    @property
    def verdict(self) -> str:
        return "anomalous" if self.image_score > self.threshold else "normal"


def rings(mask: npt.NDArray[np.bool_]) -> list[Ring]:
    """The outlines of a mask (h, w) along the edges of its pixels, one for each piece.

    OpenCV's outline runs through the middle of pixels. At twice the size it runs through the first or the last half of
    a pixel, which tells on which of its edges the outline lies.
    """
    double = mask.astype(np.uint8).repeat(2, 0).repeat(2, 1)
    contours, tree = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []
    corners = [_corners((contour[:, 0].astype(np.int64) + 1) // 2) for contour in contours]
    parents = tree[0, :, 3]
    holes = [[corners[i] for i in np.flatnonzero(parents == outer)] for outer in range(len(corners))]
    return [_with_holes(corners[i], holes[i]) for i in np.flatnonzero(parents < 0)]


def _corners(points: Ring) -> Ring:
    """A closed line of single steps without the points that lie straight between two others."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return points[(np.sign(before) != np.sign(after)).any(axis=1)]


def _with_holes(outer: Ring, holes: Sequence[Ring]) -> Ring:
    """One line around a piece and all its holes: from its first corner to each hole, around it, and back.

    The ways keep to the edges of pixels: whoever fills the line finds no pixel's middle on them.
    """
    joined = [outer]
    for hole in holes:
        turn = np.array([[hole[0, 0], outer[0, 1]]])
        joined += [outer[:1], turn, hole, hole[:1], turn]
    return np.concatenate([*joined, outer[:1]] if holes else joined)
