"""A result as people see it: at display size, with its pictures. Drawn from a value and never from the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection import decision
from maeday_core.detection.decision import Verdict
from maeday_core.detection.result import SQUARED_ERROR, Detection, Matches, Reconstructions, Scale
from maeday_core.detection.windows import FloatMap
from maeday_core.drawing.pictures import (
    DARK,
    LIGHT,
    difference,
    heat_map,
    masked_input,
    outline,
    overlay,
    reconstruction,
    ring,
)
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.methods.memory_bank import LIMITS, crops_of

SHOWN_SIDE = 800
CROP_SIDE = 192
GAP = 6
FIXED: Scale = SQUARED_ERROR.scale(0)
"""The colour scale of a single mask."""
BLUE, YELLOW = LIGHT, (255, 214, 64)


@dataclass(frozen=True)
class Shown:
    """A result at display size.

    Attributes:
        name: the file name of the query.
        query: uint8 (h, w, 3), the query with no side longer than `SHOWN_SIDE`.
        result: the detection; its error map and those of its parts have the size of `query`, with the peaks they had.
        stopped: whether a person ended the detection early.
        before: where good parts are in use, the same query without them.
        doubt: a sentence where the query looks like none of the good parts.
        by_hand: the threshold that a person set; None for the automatic one.
    """

    name: str
    query: RGBImage
    result: Detection
    stopped: bool = False
    before: Shown | None = None
    doubt: str | None = None
    by_hand: float | None = None

    @property
    def limit(self) -> float:
        """The threshold that counts: the one set by hand, or the automatic one."""
        return self.result.threshold.value if self.by_hand is None else self.by_hand

    @property
    def verdict(self) -> Verdict:
        """What the score means under that threshold."""
        return self.result.threshold.verdict(self.result.image_score, self.by_hand)

    @property
    def anomalous(self) -> npt.NDArray[np.bool_]:
        """What is outlined, (h, w)."""
        return decision.outline(self.result.error_map, self.result.image_score, self.limit)

    def allowing(self, alarm_rate: float) -> Shown:
        """The same results under the automatic threshold for another share of false alarms: no model runs."""
        before = self.before and self.before.allowing(alarm_rate)
        return replace(self, result=_allowing(self.result, alarm_rate), before=before, by_hand=None)


def _allowing(result: Detection, alarm_rate: float) -> Detection:
    seen = tuple(_allowing(part, alarm_rate) for part in result.parts) or result.seen
    threshold = result.threshold.ordinary.threshold(alarm_rate)
    return replace(result, threshold=threshold, made_by=replace(result.made_by, alarm_rate=alarm_rate), seen=seen)


def shown(
    name: str, query: RGBImage, result: Detection, before: Shown | None = None, doubt: str | None = None
) -> Shown:
    """Bring a result to display size."""
    height, width = query.shape[:2]
    shrink = min(1.0, SHOWN_SIDE / max(height, width))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    return Shown(name, resize(query, width, height), _resized(result, height, width), before=before, doubt=doubt)


def _resized(result: Detection, height: int, width: int) -> Detection:
    """The result with smaller maps, each scaled so that its peak is as high as before."""
    error_map: FloatMap = resize_map(result.error_map, height, width)
    error_map = error_map * (float(result.error_map.max()) / max(float(error_map.max()), 1e-12))
    if not result.parts:
        return replace(result, error_map=error_map)
    return replace(result, error_map=error_map, seen=tuple(_resized(part, height, width) for part in result.parts))


def number(result: Detection, value: float) -> str:
    """A score in the unit of a result, with as many digits as are worth reading."""
    return f"{value:.{result.unit.digits}f}"


def scale_of(result: Detection, own_scale: bool) -> Scale:
    """The colour scale: the one of its unit, or from the map's own lowest value to its highest."""
    if not own_scale:
        return result.unit.scale(result.threshold.value)
    low = 0.0 if result.unit.starts_at_zero else float(result.error_map.min())
    return low, max(float(result.error_map.max()), low + 1e-6)


def peak_of(view: Shown) -> tuple[int, int]:
    """Column and row of the map's highest value."""
    row, column = np.unravel_index(view.result.error_map.argmax(), view.result.error_map.shape)
    return int(column), int(row)


def overlay_pair(view: Shown, own_scale: bool) -> tuple[RGBImage, RGBImage]:
    """The photo, and the photo under its heat map, marked."""
    covered = overlay(view.query, view.result.error_map, scale_of(view.result, own_scale))
    return view.query, _marked(view, covered)


def map_picture(view: Shown, own_scale: bool) -> RGBImage:
    """The heat map alone, marked."""
    return _marked(view, heat_map(view.result.error_map, scale_of(view.result, own_scale)))


def _marked(view: Shown, picture: RGBImage) -> RGBImage:
    """Outline what is anomalous, or ring the peak where it is worth a look."""
    return ring(picture, *peak_of(view)) if view.verdict is Verdict.LOOK else outline(picture, view.anomalous)


def mask_count(result: Detection) -> int:
    """How many masks there are to look at; 0 where the method has none."""
    return len(result.reconstructions.masks) if result.reconstructions else 0


def one_mask(seen: Reconstructions, index: int, own_scale: bool) -> tuple[RGBImage, RGBImage, RGBImage]:
    """Masked input, reconstruction and difference of mask `index`, counted from 1; an index too high gives the last.

    The difference is a squared error, whatever the map of the result counts in.
    """
    i = min(max(index, 1), len(seen.masks)) - 1
    own = 0.0, float(seen.error_maps.mean(axis=0).max())
    return masked_input(seen, i), reconstruction(seen, i), difference(seen, i, own if own_scale else FIXED)


def all_masks(seen: Reconstructions, own_scale: bool) -> list[tuple[RGBImage, str]]:
    """A picture for each mask, its three side by side, and a caption."""
    count = len(seen.masks)
    gap = np.full((len(seen.query), GAP, 3), 255, np.uint8)
    tiles = []
    for index in range(1, count + 1):
        masked, filled, error = one_mask(seen, index, own_scale)
        tiles.append((np.hstack([masked, gap, filled, gap, error]), f"Mask {index} of {count}"))
    return tiles


@dataclass(frozen=True)
class Nearest:
    """The patch at one place, and the patch most like it.

    Attributes:
        marked: the query with that place in a blue box, and the other in a yellow one if it lies in the same picture.
        here, like: uint8 (`CROP_SIDE`, `CROP_SIDE`, 3), the two patches.
        distance: between their features.
        elsewhere: whether the other lies in the same picture, not in a good part.
    """

    marked: RGBImage
    here: RGBImage
    like: RGBImage
    distance: float
    elsewhere: bool


def nearest_at(query: RGBImage, matches: Matches, x: int, y: int) -> Nearest:
    """What the patch at column `x`, row `y` of a picture was compared with."""
    rows, columns = matches.distances.shape
    height, width = query.shape[:2]
    row, column = min(y * rows // height, rows - 1), min(x * columns // width, columns - 1)
    near = int(matches.nearest[row, column])
    boxes = [(row, column, BLUE)]
    if matches.crops is None:
        (like,) = crops_of(matches.query, rows, columns, [near])
        boxes.append((near // columns, near % columns, YELLOW))
    else:
        like = matches.crops[near]
    (here,) = crops_of(matches.query, rows, columns, [row * columns + column])
    marked = np.ascontiguousarray(query).copy()
    side = LIMITS.crop * min(height / matches.query.shape[0], width / matches.query.shape[1])
    for r, c, colour in boxes:
        _box(marked, ((c + 0.5) * width / columns, (r + 0.5) * height / rows), side, colour)
    distance = float(matches.distances[row, column])
    return Nearest(marked, _enlarged(here), _enlarged(like), distance, elsewhere=matches.crops is None)


def _box(picture: RGBImage, centre: tuple[float, float], side: float, colour: tuple[int, int, int]) -> None:
    """Draw a square around `centre`, light within dark so that it shows on any ground."""
    corner, end = ([round(at + sign * side / 2) for at in centre] for sign in (-1, 1))
    cv2.rectangle(picture, corner, end, DARK, 5)
    cv2.rectangle(picture, corner, end, colour, 2)


def _enlarged(crop: RGBImage) -> RGBImage:
    return np.asarray(cv2.resize(crop, (CROP_SIDE, CROP_SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
