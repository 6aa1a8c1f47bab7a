"""A result as people see it: at display size, with its pictures. Drawn from a value and never from the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import Verdict
from maeday_core.detection.places import Place, find_places
from maeday_core.detection.region import blank, scaled
from maeday_core.detection.result import Detection, Reconstructions, Scale
from maeday_core.detection.windows import FloatMap
from maeday_core.drawing.pictures import (
    difference,
    dimmed,
    heat_map,
    masked_input,
    numbered,
    outline,
    overlay,
    reconstruction,
    ring,
)
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.methods.reference import Reference
from maeday_core.methods.use import outlined
from maeday_core.texts import decimal, say

SHOWN_SIDE = 800
GAP = 6
ONE_MASK: Scale = 0.0, 0.5  # docs/decisions.md#colour-scale
"""The colour scale of a single mask."""
LEAST_LIMIT = 1e-6


@dataclass(frozen=True)
class Shown:
    """A result at display size.

    Attributes:
        name: the file name of the query.
        query: uint8 (h, w, 3), the query with no side longer than `SHOWN_SIDE`.
        size: height and width of the query itself.
        result: the detection; its error map and those of its parts have the size of `query`, with the peaks they had.
        stopped: whether a person ended the detection early.
        before: where good parts are in use, the same query without them.
        doubt: a sentence where the query looks like none of the good parts.
        by_hand: the threshold that a person set; None for the automatic one.
        reference: what was known about good parts.
        time: when it was found.
    """

    name: str
    query: RGBImage
    size: tuple[int, int]
    result: Detection
    stopped: bool = False
    before: Shown | None = None
    doubt: str | None = None
    by_hand: float | None = None
    reference: Reference = field(default=Reference(), repr=False)
    time: datetime = field(default_factory=lambda: datetime.now().astimezone())

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
        """What is outlined, (h, w); by a limit set by hand, what is above it."""
        return outlined(self.result, self.by_hand)

    @property
    def places(self) -> list[Place]:
        """What is outlined, worst first, or the peak, in pixels of the shown query; one place at least."""
        return find_places(self.result.error_map, self.anomalous, self.result.image_score, self.limit)

    def point(self, x: int, y: int) -> Place:
        """Any point of the shown query, at column `x` and row `y`, as a place: its score is the height of the map."""
        return Place(x, y, float(self.result.error_map[y, x]), x, y)

    @property
    def shrink(self) -> float:
        """A length as it is shown over the same length in the query itself."""
        return max(self.query.shape[:2]) / max(self.size)

    def allowing(self, alarm_rate: float) -> Shown:
        """The same results under the automatic threshold for another share of false alarms: no model runs."""
        before = self.before and self.before.allowing(alarm_rate)
        return replace(self, result=_allowing(self.result, alarm_rate), before=before, by_hand=None)


def _allowing(result: Detection, alarm_rate: float) -> Detection:
    seen = tuple(_allowing(part, alarm_rate) for part in result.parts) or result.seen
    threshold = result.threshold.ordinary.threshold(alarm_rate)
    alone = result.alone and replace(result.alone, threshold=result.alone.threshold.ordinary.threshold(alarm_rate))
    made_by = replace(result.made_by, alarm_rate=alarm_rate)
    return replace(result, threshold=threshold, made_by=made_by, seen=seen, alone=alone)


def shown(
    name: str,
    query: RGBImage,
    result: Detection,
    before: Shown | None = None,
    doubt: str | None = None,
    reference: Reference | None = None,
) -> Shown:
    """Bring a result to display size."""
    height, width = query.shape[:2]
    shrink = min(1.0, SHOWN_SIDE / max(height, width))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    return Shown(
        name,
        resize(query, width, height),
        (query.shape[0], query.shape[1]),
        _resized(result, height, width),
        before=before,
        doubt=doubt,
        reference=Reference() if reference is None else reference,
    )


def reduced(view: Shown, side: int) -> Shown:
    """The same result with no side longer than `side`, without what it was read off: it can be judged and drawn."""
    height, width = view.query.shape[:2]
    shrink = min(1.0, side / max(height, width))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    result = _resized(replace(view.result, seen=(), good=None), height, width)
    return replace(view, query=resize(view.query, width, height), result=result, before=None, reference=Reference())


def at_own_size(view: Shown, query: RGBImage, result: Detection) -> Shown:
    """The same result at the size of its query, uint8 (H, W, 3): for pictures to keep."""
    return replace(view, query=query, result=_resized(result, *query.shape[:2]))


def _resized(result: Detection, height: int, width: int) -> Detection:
    """The result with smaller maps, each scaled so that its peak is as high as before."""
    error_map: FloatMap = resize_map(result.error_map, height, width)
    error_map = error_map * (float(result.error_map.max()) / max(float(error_map.max()), 1e-12))
    ignored = None if result.ignored is None else scaled(result.ignored, height, width)
    seen = tuple(_resized(part, height, width) for part in result.parts) or result.seen
    return replace(result, error_map=blank(error_map, ignored), seen=seen, ignored=ignored)


def number(result: Detection, value: float) -> str:
    """A score in the unit of a result, with as many digits as are worth reading."""
    return decimal(f"{value:.{result.unit.digits}f}")


def scale_of(result: Detection, own_scale: bool, limit: float | None = None) -> Scale:
    """The colour scale: around the limit, by default the threshold, or from the map's lowest value to its highest."""
    if not own_scale:
        return result.unit.scale(max(result.threshold.value if limit is None else limit, LEAST_LIMIT))
    low = float(result.error_map.min())
    return low, max(float(result.error_map.max()), low + LEAST_LIMIT)


def overlay_pair(view: Shown, own_scale: bool) -> tuple[RGBImage, RGBImage]:
    """The photo, and the photo under its heat map, both marked."""
    covered = overlay(view.query, view.result.error_map, scale_of(view.result, own_scale, view.limit))
    return marked(view, view.query), marked(view, covered)


def map_picture(view: Shown, own_scale: bool) -> RGBImage:
    """The heat map alone, marked."""
    return marked(view, heat_map(view.result.error_map, scale_of(view.result, own_scale, view.limit)))


def marked(view: Shown, picture: RGBImage) -> RGBImage:
    """Outline what is anomalous, with numbers for several places, or ring the peak; what is ignored is darkened."""
    places, ignored = view.places, view.result.ignored
    picture = picture if ignored is None else dimmed(picture, ignored)
    if view.verdict is not Verdict.ANOMALOUS:
        return ring(picture, places[0].x, places[0].y)
    drawn = outline(picture, view.anomalous)
    return numbered(drawn, [(place.left, place.top) for place in places]) if len(places) > 1 else drawn


def mask_count(result: Detection) -> int:
    """How many masks there are to look at; 0 where the method has none."""
    return len(result.reconstructions.masks) if result.reconstructions else 0


def one_mask(seen: Reconstructions, index: int, own_scale: bool) -> tuple[RGBImage, RGBImage, RGBImage]:
    """Masked input, reconstruction and difference of mask `index`, counted from 1; an index too high gives the last.

    The difference is a squared error, whatever the map of the result counts in.
    """
    i = _place_of(seen, index)
    return masked_input(seen, i), reconstruction(seen, i), difference(seen, i, mask_scale(seen, own_scale))


def mask_scale(seen: Reconstructions, own_scale: bool) -> Scale:
    """The colour scale of the difference under a single mask, in squared error."""
    return (0.0, float(seen.error_maps.mean(axis=0).max())) if own_scale else ONE_MASK


def highest_of(seen: Reconstructions, index: int) -> float:
    """The highest squared error under mask `index`, counted from 1; an index too high gives the last."""
    return float(seen.error_maps[_place_of(seen, index)].max())


def _place_of(seen: Reconstructions, index: int) -> int:
    return min(max(index, 1), len(seen.masks)) - 1


def all_masks(seen: Reconstructions, own_scale: bool) -> list[tuple[RGBImage, str]]:
    """A picture for each mask, its three side by side, and a caption."""
    count = len(seen.masks)
    gap = np.full((len(seen.query), GAP, 3), 255, np.uint8)
    tiles = []
    for index in range(1, count + 1):
        masked, filled, error = one_mask(seen, index, own_scale)
        told = "Mask {index} of {count}, squared error up to {highest:.2f}"
        caption = say(told, index=index, count=count, highest=highest_of(seen, index))
        tiles.append((np.hstack([masked, gap, filled, gap, error]), caption))
    return tiles
