"""Why a place stands out: what is there, what the model expected, what is most alike, and which evidence counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import Verdict
from maeday_core.detection.places import Place, regions
from maeday_core.detection.result import Matches, Reconstructions
from maeday_core.drawing.pictures import outline, ring
from maeday_core.drawing.shown import Shown
from maeday_core.io.images import RGBImage
from maeday_core.methods import find
from maeday_core.methods.ensemble import shares

CLOSE_UP_SIDE = 256
LINE = 2
AROUND = 1.4
"""The side of a close-up over the longer side of the place."""
LEAST, MOST = 0.21, 0.45
"""Sides of a close-up over the picture's shorter side: at least what a compared patch covers of a picture that is seen
whole, at most what leaves room for another one beside it; only a place that is larger itself is shown larger."""


@dataclass(frozen=True)
class Area:
    """A rectangle of a picture, as shares of its height and width."""

    top: float
    left: float
    height: float
    width: float

    def meets(self, other: Area) -> bool:
        """Whether the two have a piece in common."""
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        return down > 0 and across > 0

    def holds(self, other: Area) -> bool:
        """Whether the other lies within it."""
        far = self.top + self.height, self.left + self.width
        ends = other.top + other.height, other.left + other.width
        return all(
            a <= b + 1e-9 for a, b in ((self.top, other.top), (self.left, other.left), *zip(ends, far, strict=True))
        )

    def within(self, other: Area) -> Area:
        """The same rectangle as shares of another one that holds it."""
        return Area(
            (self.top - other.top) / other.height,
            (self.left - other.left) / other.width,
            self.height / other.height,
            self.width / other.width,
        )


WHOLE = Area(0, 0, 1, 1)


@dataclass(frozen=True)
class Evidence:
    """What one part of a sum says.

    Attributes:
        title: of its method.
        share: of the evidence at the place, 0 to 1.
        verdict: what it says of the picture by itself.
    """

    title: str
    share: float
    verdict: Verdict


@dataclass(frozen=True)
class Why:
    """All that is known about one place; pictures are uint8 (`CLOSE_UP_SIDE`, `CLOSE_UP_SIDE`, 3).

    Attributes:
        here: the photo there, the place marked.
        expected: the mean reconstruction of the same piece, over the masks that hid it; None where there is none.
        elsewhere: the piece of the same photo that is most like it; None where the picture is not compared with itself.
        patch: the patch of the good parts that is most like it; None where none is compared.
        good_part: the same piece of the good part that looks most like the photo; None without photos of good parts.
        good_part_name: the name of that photo; empty where it has none.
        evidence: of each part of a sum.
    """

    here: RGBImage
    expected: RGBImage | None
    elsewhere: RGBImage | None
    patch: RGBImage | None
    good_part: RGBImage | None
    good_part_name: str
    evidence: tuple[Evidence, ...]


def why(view: Shown, place: Place) -> Why:
    """The evidence for a place, whatever the method.

    Args:
        view: the result.
        place: one of `view.places`, or `view.point`.
    """
    result, seen, matches = view.result, view.result.reconstructions, view.result.matches
    area = _close_up(view, place, seen)
    good_part = view.reference.most_alike(view.query)
    return Why(
        here=_marked(view, place, area, _cut(_sharpest(view, area), area)),
        expected=_expected(seen, area) if seen else None,
        elsewhere=_elsewhere(view, place, area, matches) if matches and matches.crops is None else None,
        patch=_patch(view, place, matches) if matches else None,
        good_part=_cut([(good_part.picture, WHOLE)], area) if good_part else None,
        good_part_name=good_part.name if good_part else "",
        evidence=tuple(
            Evidence(find(part.made_by.method).title, share, part.verdict_alone)
            for part, share in zip(result.parts, shares(result, (place.y, place.x)), strict=True)
        ),
    )


def _close_up(view: Shown, place: Place, seen: Reconstructions | None) -> Area:
    """A square around a place, within the picture and, if it fits, within what was reconstructed."""
    height, width = view.query.shape[:2]
    shorter, longer = min(height, width), max(place.width, place.height)
    side = min(max(AROUND * longer, LEAST * shorter), MOST * shorter)
    side = min(max(side, longer), shorter)
    y, x = place.y + 0.5, place.x + 0.5
    if longer <= side:
        y, x = place.top + place.height / 2, place.left + place.width / 2
    middle = y / height, x / width
    window = Area(*seen.window) if seen else WHOLE
    square = _around(middle, side / height, side / width, WHOLE)
    if window.meets(Area(*middle, 1e-9, 1e-9)) and square.height <= window.height and square.width <= window.width:
        return _around(middle, square.height, square.width, window)
    return square


def _around(middle: tuple[float, float], height: float, width: float, bounds: Area) -> Area:
    """A rectangle around a place, moved so that it lies within another one."""
    top = min(max(middle[0] - height / 2, bounds.top), bounds.top + bounds.height - height)
    left = min(max(middle[1] - width / 2, bounds.left), bounds.left + bounds.width - width)
    return Area(max(top, 0.0), max(left, 0.0), height, width)


def _sharpest(view: Shown, area: Area) -> Iterator[tuple[RGBImage, Area]]:
    """The pictures of the query that are at hand, each with the area that it shows."""
    yield view.query, WHOLE
    if view.result.matches:
        yield view.result.matches.query, WHOLE
    if seen := view.result.reconstructions:
        yield seen.query, Area(*seen.window)


def _cut(pictures: Iterable[tuple[RGBImage, Area]], area: Area) -> RGBImage:
    """An area out of the sharpest of some pictures, of those that hold it."""
    holding = [(picture, whole) for picture, whole in pictures if whole.holds(area)]
    picture, whole = max(holding, key=lambda one: min(one[0].shape[0] / one[1].height, one[0].shape[1] / one[1].width))
    piece = picture[_slices(area.within(whole), picture.shape)]
    enlarged = cv2.resize(piece, (CLOSE_UP_SIDE, CLOSE_UP_SIDE), interpolation=_interpolation(piece.shape))
    return np.asarray(enlarged, np.uint8)


def _slices(area: Area, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels of an area: one at least each way."""
    spans = []
    for start, length, size in ((area.top, area.height, shape[0]), (area.left, area.width, shape[1])):
        first = min(max(round(start * size), 0), size - 1)
        spans.append(slice(first, min(max(round((start + length) * size), first + 1), size)))
    return spans[0], spans[1]


def _interpolation(shape: tuple[int, ...]) -> int:
    return cv2.INTER_AREA if min(shape[:2]) > CLOSE_UP_SIDE else cv2.INTER_CUBIC


def _marked(view: Shown, place: Place, area: Area, picture: RGBImage) -> RGBImage:
    """The outline of what lies in an area or, of a place that is not outlined, a ring around its peak."""
    rows, columns = _slices(area, view.query.shape)
    if not place.outlined:
        x, y = (
            int((at + 0.5 - span.start) * CLOSE_UP_SIDE / (span.stop - span.start))
            for at, span in ((place.x, columns), (place.y, rows))
        )
        return ring(picture, x, y, LINE)
    piece = view.anomalous[rows, columns].astype(np.uint8)
    enlarged = cv2.resize(piece, (CLOSE_UP_SIDE, CLOSE_UP_SIDE), interpolation=cv2.INTER_NEAREST)
    return outline(picture, enlarged > 0, LINE)


def _expected(seen: Reconstructions, area: Area) -> RGBImage | None:
    """The mean reconstruction of an area over the masks that hid it, or over all where none did; None outside."""
    window = Area(*seen.window)
    if not window.holds(area):
        return None
    side, cells = seen.query.shape[0], seen.masks.shape[1]
    rows, columns = _slices(area.within(window), seen.query.shape)
    patch = np.arange(side) * cells // side
    hidden = seen.masks[:, patch[rows]][:, :, patch[columns], None]
    pictures = seen.pictures[:, rows, columns]
    times = hidden.sum(axis=0)
    mean = np.where(times, (pictures * hidden).sum(axis=0) / np.maximum(times, 1), pictures.mean(axis=0))
    picture = (np.clip(mean, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _cut([(picture, WHOLE)], WHOLE)


def _elsewhere(view: Shown, place: Place, area: Area, matches: Matches) -> RGBImage | None:
    """The most alike piece of the same picture that has nothing in common with a place; None where all have."""
    rows, columns = matches.distances.shape
    region = _region_of(view, place)
    shrink = min(1.0, MOST * min(view.query.shape[:2]) / (area.height * view.query.shape[0]))
    height, width = shrink * area.height, shrink * area.width
    for near in matches.nearest[_cell(view, place, matches)]:
        middle = (near // columns + 0.5) / rows, (near % columns + 0.5) / columns
        found = _around(middle, height, width, WHOLE)
        if not found.meets(area) and not region[_slices(found, region.shape)].any():
            return _cut(_sharpest(view, found), found)
    return None


def _region_of(view: Shown, place: Place) -> npt.NDArray[np.bool_]:
    """The outlined region that a place belongs to, (h, w); all False for none."""
    labels = regions(view.anomalous)
    number = labels[place.y, place.x]
    return np.asarray((labels == number) & (labels > 0))


def _patch(view: Shown, place: Place, matches: Matches) -> RGBImage | None:
    if matches.crops is None:
        return None
    best = int(matches.nearest[_cell(view, place, matches)][0])
    return _cut([(matches.crops[best], WHOLE)], WHOLE)


def _cell(view: Shown, place: Place, matches: Matches) -> tuple[int, int]:
    """Row and column of the patch at the peak of a place."""
    rows, columns = matches.distances.shape
    height, width = view.query.shape[:2]
    return min(place.y * rows // height, rows - 1), min(place.x * columns // width, columns - 1)
