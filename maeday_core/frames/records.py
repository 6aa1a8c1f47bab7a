"""What a run keeps of each frame, and its file format."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from maeday_core.detection.decision import RULE, mean_of_highest
from maeday_core.detection.objects import BlockMap, Box
from maeday_core.detection.windows import area_of_a_window
from maeday_core.frames.sources import Key
from maeday_core.io import remote
from maeday_core.io.files import printable
from maeday_core.io.images import RGBImage, load_image

FORMAT = 4
"""Number of the file format of a run's folder; a change of `FrameRecord` or `PLACES` changes it."""
PLACES = (4, 6)  # docs/decisions.md#frames-threshold
"""Rows and columns of the grid of places whose scores are kept of each map."""
LARGEST_OBJECT = 8
"""A place's score is the mean of at most so small a part of it."""
WORK = "work"


@dataclass(frozen=True)
class FrameRecord:
    """What the model measured in one frame.

    Attributes:
        folder: of the run, where the frame's map and picture lie; not written.
        number: counts the frames of a run from 0; the frame's files are named by it.
        path, time: the frame's key.
        places: the scores of its map in the cells of `PLACES`.
        ordinary: what good frames score by the good parts, as in `decision.Ordinary`; None without them.
        height, width: of the frame in pixels.
        block: side of a block of its kept map in pixels.
        seconds: duration of the detection.
        settings: what the detection depends on, as in `Provenance.record`.
        content: SHA-256 of the file that the frame was decoded from.
    """

    folder: Path
    number: int
    path: str
    time: float | None
    places: list[float]
    ordinary: dict[str, Any] | None
    height: int
    width: int
    block: int
    seconds: float
    settings: dict[str, Any]
    content: str

    @property
    def image_score(self) -> float:
        """The score of its most unusual place."""
        return max(self.places)

    @property
    def key(self) -> Key:
        return self.path, self.time

    @property
    def name(self) -> str:
        """The file's name, after the time where there is one."""
        return ("" if self.time is None else f"{self.time:g} s of ") + printable(Path(self.path).name)

    @property
    def stem(self) -> str:
        """A file name for any file system that no other frame of the run has: its number, from 1, and its name."""
        return f"{self.number + 1:05}-{self.safe_name}"

    @property
    def safe_name(self) -> str:
        """What is left of its name, and its time in a video, in a file name for any file system."""
        moment = "" if self.time is None else f"-{self.time:g}s".replace(".", "_")
        return re.sub(r"[^A-Za-z0-9_-]+", "_", Path(self.path).stem)[:60] + moment

    @property
    def row(self) -> dict[str, Any]:
        """Its line in the journal, ready for JSON."""
        return {name: getattr(self, name) for name in COLUMNS}

    def map(self) -> BlockMap:
        """Its map as it was kept."""
        with remote.opened(map_path(self.folder, self.number)) as file:
            return BlockMap(np.load(file), self.block, self.height, self.width)

    def picture(self) -> RGBImage:
        """The frame, its longer side at most 1280 px."""
        path = picture_path(self.folder, self.number)
        return load_image(path.read_bytes(), path.name) if remote.is_remote(path) else load_image(path)


COLUMNS = tuple(field.name for field in fields(FrameRecord) if field.name != "folder")


def map_path(folder: Path, number: int) -> Path:
    """Where a run keeps the map of a frame."""
    return folder / WORK / f"{number:05}.npy"


def picture_path(folder: Path, number: int) -> Path:
    """Where a run keeps the picture of a frame."""
    return folder / WORK / f"{number:05}.jpg"


def places(blocks: BlockMap) -> list[float]:
    """The score of a map in each cell of `PLACES`, row by row, the mean of its highest values.

    As many values count as in the image score of an ensemble: one window's share, so that one bright grain counts
    little. A map smaller than the grid has fewer cells.
    """
    highest = counted_area(blocks) / blocks.block**2
    tops, lefts = _edges(blocks)
    cells = [blocks.values[top:bottom, left:right] for top, bottom in pairwise(tops) for left, right in pairwise(lefts)]
    return [mean_of_highest(cell, min(round(highest), cell.size // LARGEST_OBJECT)) for cell in cells]


def peak_of(blocks: BlockMap) -> tuple[int, int] | None:
    """Column and row, in pixels of the frame, of the highest value in the place that scores highest.

    None where no value is above 0.
    """
    scores, (tops, lefts) = places(blocks), _edges(blocks)
    row, column = divmod(int(np.argmax(scores)), len(lefts) - 1)
    cell = blocks.values[tops[row] : tops[row + 1], lefts[column] : lefts[column + 1]]
    down, across = divmod(int(cell.argmax()), cell.shape[1])
    if cell[down, across] <= 0:
        return None
    x, y = (at * blocks.block + blocks.block // 2 for at in (lefts[column] + across, tops[row] + down))
    return min(x, blocks.width - 1), min(y, blocks.height - 1)


def counted_area(blocks: BlockMap) -> float:
    """How many pixels of a frame count in the score of a place: as many as in the image score of an ensemble."""
    return RULE.peak * area_of_a_window((blocks.height, blocks.width))


def places_of(blocks: BlockMap, box: Box) -> list[int]:
    """The numbers of the places that a box reaches into."""
    tops, lefts = _edges(blocks)
    rows, columns = (
        [
            number
            for number, (first, end) in enumerate(pairwise(edges))
            if first * blocks.block < start + length and start < end * blocks.block
        ]
        for edges, start, length in ((tops, box.y, box.height), (lefts, box.x, box.width))
    )
    return [row * (len(lefts) - 1) + column for row in rows for column in columns]


def _edges(blocks: BlockMap) -> list[list[int]]:
    """Where the cells begin and end, in blocks, down and across."""
    return [
        [length * number // parts for number in range(parts + 1)]
        for length, parts in ((side, min(part, side)) for side, part in zip(blocks.values.shape, PLACES, strict=True))
    ]
