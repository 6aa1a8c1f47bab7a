"""What a run leaves to look at: annotated frames, a timeline, and one self-contained HTML page."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from maeday_core.drawing.html import jpeg_bytes, render
from maeday_core.drawing.pictures import overlay
from maeday_core.frames.ignore import ignored_blocks
from maeday_core.frames.objects import BlockMap, Box
from maeday_core.frames.verdict import Judgement, Verdict, objects_text
from maeday_core.io.files import replacing, writing
from maeday_core.io.folders import LeftOut
from maeday_core.io.images import RGBImage, resize_map

PICTURES = "anomalous"
REPORT = "report.html"
WORST = 24
"""The report shows so many frames."""
LIGHT = (64, 224, 255)
CONTOUR = (255, 214, 64)
DARK = (10, 10, 10)
TIMELINE_CSS = (files("maeday_core.drawing") / "templates" / "frames_timeline.css").read_text(encoding="utf-8")


def annotated(judgement: Judgement, verdict: Verdict, heat: bool = False, labels: bool = True) -> RGBImage:
    """A frame, its longer side at most 1280 px, with the contour, the box and the peak score of each object.

    What is ignored is darkened.

    Args:
        judgement: the one that the verdict is of.
        heat: lay the map over the frame, its colours around the threshold.
        labels: write the peak scores.
    """
    picture = verdict.record.picture()
    blocks = judgement.baseline.map(verdict.record)
    ignore = judgement.baseline.ignore
    if ignore is not None:
        hidden = _scaled(ignored_blocks(ignore, blocks), blocks, picture)
        picture = np.where(hidden[..., None], picture // 3, picture)
    if heat:
        picture = _heated(picture, blocks, verdict.threshold)
    drawn = np.ascontiguousarray(picture)
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


def timeline(judgement: Judgement) -> Markup:
    """The scores in the order of the frames, with the threshold, as SVG; nothing without frames."""
    if not judgement.verdicts:
        return Markup()
    scores = [verdict.image_score for verdict in judgement.verdicts]
    plot = _Plot.of(scores, judgement.threshold)
    return render(
        "frames_timeline",
        **plot.extent,
        ticks=[plot.level(value) for value in plot.ticks],
        limit=plot.level(judgement.threshold),
        dots=[
            {"x": plot.x(i), "y": plot.y(verdict.image_score), "verdict": verdict}
            for i, verdict in enumerate(judgement.verdicts)
        ],
        first=_when(judgement.verdicts[0]),
        last=_when(judgement.verdicts[-1]),
        label=f"Scores of {len(scores)} frames from {min(scores):.2f} to {max(scores):.2f}; "
        f"{len(judgement.anomalous)} anomalous",
    )


def write_report(folder: Path, judgement: Judgement, left_out: Sequence[LeftOut] = ()) -> Path:
    """Write `report.html`, and each anomalous frame, annotated, into `anomalous`, in place of those before.

    Returns:
        The path of the report.
    """
    pictures = folder / PICTURES
    pictures.mkdir(exist_ok=True)
    for old in pictures.glob("*.jpg"):
        old.unlink()
    worst: list[tuple[Verdict, str]] = []
    for verdict in judgement.anomalous or judgement.worst[:WORST]:
        jpeg = jpeg_bytes(annotated(judgement, verdict))
        if verdict.anomalous:
            with writing(path := pictures / f"{verdict.record.stem}.jpg"):
                path.write_bytes(jpeg)
        if len(worst) < WORST:
            worst.append((verdict, "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()))
    page = render(
        "frames_report",
        judgement=judgement,
        timeline=timeline(judgement),
        worst=worst,
        left_out=left_out,
        settings=judgement.verdicts[0].record.settings if judgement.verdicts else {},
        objects_text=objects_text,
    )
    with replacing(folder / REPORT) as path:
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return folder / REPORT


@dataclass(frozen=True)
class _Plot:
    """The plane of the timeline: frames from left to right, scores from `low` to `top`."""

    count: int
    low: float
    top: float
    left: int = 70
    wide: int = 900
    high: int = 150

    @classmethod
    def of(cls, scores: Sequence[float], threshold: float) -> _Plot:
        return cls(len(scores), min(*scores, threshold), max(*scores, threshold))

    @property
    def pad(self) -> float:
        """Room above and below, in units of the score."""
        return 0.08 * (self.top - self.low) or 1.0

    @property
    def ticks(self) -> list[float]:
        return [float(value) for value in np.linspace(self.low, self.top, 3)]

    @property
    def extent(self) -> dict[str, int]:
        right = self.left + self.wide
        return {"left": self.left, "right": right, "width": right + 8, "height": self.high + 32}

    def x(self, index: int) -> float:
        return self.left + self.wide * (index + 0.5) / self.count

    def y(self, score: float) -> float:
        return 8 + self.high * (self.top + self.pad - score) / (self.top - self.low + 2 * self.pad)

    def level(self, score: float) -> dict[str, float]:
        return {"value": score, "y": self.y(score)}


def _when(verdict: Verdict) -> str:
    return verdict.record.name if verdict.record.time is None else f"{verdict.record.time:g} s"


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
