"""Pictures of frames: with their objects drawn in, or their most unusual place ringed."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.objects import BlockMap, Box
from maeday_core.detection.region import scaled
from maeday_core.drawing.pictures import dimmed, overlay, reduced, ring
from maeday_core.frames.records import peak_of
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.io.images import RGBImage, resize_map

LIGHT = (64, 224, 255)
CONTOUR = (255, 214, 64)
DARK = (10, 10, 10)
CLOSE = 0.12
"""A close-up reaches at least so far from its middle, as a share of the frame's shorter side."""


def annotated(
    judgement: Judgement, verdict: Verdict, heat: bool = False, labels: bool = True, side: int | None = None
) -> RGBImage:
    """A frame, its longer side at most 1280 px, with the contour, the box and the peak score of each object.

    Where there is none, its most unusual place is ringed. What is ignored is darkened.

    Args:
        judgement: the one that the verdict is of.
        heat: lay the map over the frame, its colours around the threshold.
        labels: write the peak scores.
        side: the longer side is at most so many pixels.
    """
    blocks = judgement.baseline.map(verdict.record)
    picture = _dimmed(reduced(verdict.record.picture(), side), judgement, blocks)
    if heat:
        picture = _heated(picture, blocks, verdict.threshold)
    if verdict.boxes:
        return _with_objects(picture, verdict, blocks, labels)
    peak = peak_of(blocks)
    return picture if peak is None else ring(picture, *_placed(peak, blocks, picture))


def close_up(judgement: Judgement, verdict: Verdict) -> RGBImage | None:
    """The surroundings of the highest object of a frame, or of its most unusual place; None where there is neither."""
    blocks, picture = judgement.baseline.map(verdict.record), verdict.record.picture()
    box = verdict.boxes[0] if verdict.boxes else None
    middle = (box.x + box.width // 2, box.y + box.height // 2) if box else peak_of(blocks)
    if middle is None:
        return None
    x, y = _placed(middle, blocks, picture)
    reach = CLOSE * min(blocks.height, blocks.width)
    reach = max(reach, 0.7 * max(box.width, box.height)) if box else reach
    side = min(2 * max(1, round(reach * picture.shape[1] / blocks.width)), *picture.shape[:2])
    top, left = (
        min(max(0, at - side // 2), length - side) for at, length in zip((y, x), picture.shape[:2], strict=True)
    )
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _with_objects(picture: RGBImage, verdict: Verdict, blocks: BlockMap, labels: bool) -> RGBImage:
    """The contour and the box of each object."""
    drawn = np.array(picture)
    found = np.zeros(blocks.values.shape, bool)
    for box in verdict.boxes:
        rows = slice(box.y // blocks.block, math.ceil((box.y + box.height) / blocks.block))
        columns = slice(box.x // blocks.block, math.ceil((box.x + box.width) / blocks.block))
        found[rows, columns] = blocks.values[rows, columns] > verdict.threshold
    above = _scaled(found.astype(np.uint8), blocks, picture)
    contours, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, contours, -1, CONTOUR, _line(drawn), cv2.LINE_AA)
    for box in verdict.boxes:
        _draw_box(drawn, box, blocks, labels)
    return drawn


def _dimmed(picture: RGBImage, judgement: Judgement, blocks: BlockMap) -> RGBImage:
    """A picture, darkened where it is ignored."""
    ignore = judgement.baseline.ignore
    if ignore is None:
        return picture
    return dimmed(picture, _scaled(scaled(ignore, *blocks.values.shape), blocks, picture))


def _placed(place: tuple[int, int], blocks: BlockMap, picture: RGBImage) -> tuple[int, int]:
    """Column and row of a picture of the frame, for those of the frame."""
    (x, y), (height, width) = place, picture.shape[:2]
    return min(width - 1, x * width // blocks.width), min(height - 1, y * height // blocks.height)


def _heated(picture: RGBImage, blocks: BlockMap, threshold: float) -> RGBImage:
    """The map over a picture, smoothed to a quarter of its size, its colours around the threshold."""
    height, width = picture.shape[:2]
    quarter = max(1, width // 4), max(1, height // 4)
    smooth = cv2.resize(_scaled(blocks.values, blocks, picture), quarter, interpolation=cv2.INTER_AREA)
    scale = 0.75 * threshold, max(1.25 * threshold, 1e-6)
    return overlay(picture, resize_map(smooth, height, width), scale)


def _scaled(values: npt.NDArray[Any], blocks: BlockMap, picture: RGBImage) -> npt.NDArray[Any]:
    """Values of blocks (rows, columns) at a picture's size (H, W); the border of the frame clips the last blocks."""
    height, width = picture.shape[:2]
    across, down = width / blocks.width * blocks.block, height / blocks.height * blocks.block
    columns = np.minimum((np.arange(width) / across).astype(int), values.shape[1] - 1)
    rows = np.minimum((np.arange(height) / down).astype(int), values.shape[0] - 1)
    return np.asarray(values[rows][:, columns])


def _line(picture: RGBImage) -> int:
    """Width of lines in a picture."""
    side: int = min(picture.shape[:2])
    return max(1, round(side / 360))


def _draw_box(picture: RGBImage, box: Box, blocks: BlockMap, label: bool) -> None:
    """Draw a box around an object, a few pixels away from it, light within dark."""
    line = _line(picture)
    across, down = picture.shape[1] / blocks.width, picture.shape[0] / blocks.height
    left, top = round(box.x * across) - 3 * line, round(box.y * down) - 3 * line
    right, bottom = round((box.x + box.width) * across) + 3 * line, round((box.y + box.height) * down) + 3 * line
    for colour, thickness in ((DARK, 3 * line), (LIGHT, line)):
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    if label:
        _label(picture, f"{box.peak:.2f}", left, top, bottom)


def _label(picture: RGBImage, text: str, left: int, top: int, bottom: int) -> None:
    """Write on a dark ground above the box, or below where it begins at the border."""
    line = _line(picture)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.3 * (1 + line)
    (width, height), base = cv2.getTextSize(text, font, size, 1)
    left = min(max(left, 0), picture.shape[1] - width - 8)
    foot = top - line if top > height + base + 6 else min(bottom + height + base + 6, picture.shape[0] - 1)
    cv2.rectangle(picture, (left, foot - height - base - 4), (left + width + 8, foot), DARK, -1)
    cv2.putText(picture, text, (left + 4, foot - base), font, size, LIGHT, 1, cv2.LINE_AA)
