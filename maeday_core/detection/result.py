"""The result of a detection, the same for every method: what was found, in which unit, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import GoodParts, Threshold, Verdict
from maeday_core.detection.maps import strips
from maeday_core.detection.settings import ErrorSpace, Patches
from maeday_core.detection.windows import FloatMap, Tile, Tiling
from maeday_core.io.images import RGBImage
from maeday_core.model.sampling import Sampling

Scale = tuple[float, float]
"""The values at which a colour scale begins and ends."""


@dataclass(frozen=True)
class Unit:  # docs/decisions.md#colour-scale
    """What a map counts in, and how it is shown.

    Attributes:
        name: as it is recorded.
        title: what a map in it is called.
        label: on a colour bar.
        digits: after the point.
        slider: the highest threshold that a person may choose, and the step from one to the next.
        spread: how far the colour scale reaches to both sides of the threshold, as a share of it.
    """

    name: str
    title: str
    label: str
    digits: int = 2
    slider: tuple[float, float] = (3, 0.01)
    spread: float = 0.25

    def scale(self, threshold: float) -> Scale:
        """Where colours begin and end: the threshold is in the middle."""
        return (1 - self.spread) * threshold, (1 + self.spread) * threshold


SQUARED_ERROR = Unit(
    "squared error", "Anomaly map E: squared error", "squared error, RGB in [0, 1]", 3, (1, 0.005), spread=0.75
)
"""Summed over the channels: 0 is a perfect reconstruction, 3 the most that one within [0, 1] can miss by."""
DEVIATIONS = Unit(
    "deviations above normal", "Anomaly map: deviations", "deviations above normal", slider=(30, 0.05), spread=1.0
)
DISTANCE = Unit("distance", "Anomaly map: distance", "distance")
EVIDENCE = Unit("evidence", "Anomaly map: evidence", "evidence")
"""What an ensemble adds: distances, and logarithms of errors."""


@dataclass(frozen=True)
class Provenance:
    """All that a result depends on; None for what its method does not use.

    Attributes:
        method: the method's name.
        shots: how many photos of good parts it learned from.
        masks, mask_ratio, seed, sampling, patches, error_space, tile, alarm_rate: as in `Settings`.
        model, model_sha256: of the masked autoencoder.
        preset: how the model was fine-tuned.
        backbone: of the network that compares patches.
        adapter: what was learned by fine-tuning, in words.
        windows: where the windows lay through which the picture was seen; None if it was seen whole.
        ignored: a name of the region that was ignored, which no other region has.
        device, dtype: where the model ran, and its number format.
    """

    method: str
    shots: int = 0
    masks: int | None = None
    mask_ratio: float | None = None
    seed: int | None = None
    sampling: Sampling | None = None
    patches: Patches | None = None
    error_space: ErrorSpace | None = None
    tile: Tile | None = None
    alarm_rate: float | None = None
    model: str | None = None
    model_sha256: str | None = None
    preset: str | None = None
    backbone: str | None = None
    adapter: str | None = None
    windows: Tiling | None = None
    ignored: str | None = None
    device: str | None = None
    dtype: str | None = None

    def record(self) -> dict[str, Any]:
        """The same as JSON has it, the windows in words."""
        return asdict(self) | {"windows": None if self.windows is None else str(self.windows)}


@dataclass(frozen=True)
class Reconstructions:
    """What the model saw, mask by mask: of the whole picture or, through windows, of the one around the highest value.

    Attributes:
        query: uint8 (S, S, 3), what the masks were laid on.
        masks: bool (N, g, g), True where a patch was hidden, g patches a side.
        pictures: float32 (N, S, S, 3), the reconstructions in RGB; not clipped, so values may leave [0, 1].
        error_maps: float32 (N, S, S), E_i of each mask.
        total: N of the finished detection; more than `len(masks)` in a partial result.
        window: where it lies: top, left, height, width, as shares of the picture.
    """

    query: RGBImage = field(repr=False)
    masks: npt.NDArray[np.bool_] = field(repr=False)
    pictures: npt.NDArray[np.float32] = field(repr=False)
    error_maps: npt.NDArray[np.float32] = field(repr=False)
    total: int
    window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def complete(self) -> bool:
        """Whether all masks have been evaluated."""
        return len(self.masks) == self.total


@dataclass(frozen=True)
class Matches:
    """What the patches of a picture were compared with.

    Attributes:
        query: uint8 (h', w', 3), the picture as the network saw it.
        distances: float32 (h, w), of each patch to the nearest ones.
        nearest: int (h, w, n), the most alike patches, the most alike first: their places among `crops`; for
            self-reference row * w + column, one in each field of the picture.
        crops: uint8 (patches, s, s, 3), what the patches of a memory bank look like; None if it is this picture itself.
    """

    query: RGBImage = field(repr=False)
    distances: FloatMap = field(repr=False)
    nearest: npt.NDArray[np.integer[Any]] = field(repr=False)
    crops: RGBImage | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Alone:
    """What a method says of a picture by itself, where its map was made to be added to that of another.

    Attributes:
        image_score: in the unit that it counts in alone.
        threshold: for it.
    """

    image_score: float
    threshold: Threshold


@dataclass(frozen=True)
class Detection:
    """What was found in one image, and how; the same for every method.

    Attributes:
        image_score: S, the highest value of `error_map`, as in the paper; of an ensemble the mean of its highest ones.
        error_map: E, float32, 0 or more, in `unit`: (H, W) of the query's own size or, of a query of over 4 megapixels,
            smaller, with at most so many; `strips` has it at the query's own size.
        unit: what the map counts in.
        threshold: the score that so many good pictures exceed as false alarms are wanted.
        seconds: from the decoded query to this result.
        made_by: what it depends on.
        seen: what it was read off: reconstructions, matches of patches, or the results that it adds.
        size: height and width of the query; None where they are those of the map.
        good: maps of the good parts, which the threshold rests on; None without them.
        alone: what the method says by itself, where `error_map` was made to be added; else None.
        ignored: bool, of the shape of the map, True where nothing counts and the map is 0; None where all counts.
    """

    image_score: float
    error_map: FloatMap
    unit: Unit
    threshold: Threshold
    seconds: float
    made_by: Provenance
    seen: Reconstructions | Matches | tuple[Detection, ...] = field(repr=False)
    size: tuple[int, int] | None = None
    good: GoodParts | None = field(default=None, repr=False)
    alone: Alone | None = None
    ignored: npt.NDArray[np.bool_] | None = field(default=None, repr=False)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the query."""
        height, width = self.size or self.error_map.shape
        return height, width

    def strips(self, rows: int | None = None) -> Iterator[FloatMap]:
        """E at the query's own size in strips of so many rows, from top to bottom: all at once may take 200 MB."""
        return strips(self.error_map, self.picture_size, rows)

    def save_map(self, path: Path) -> None:
        """Write E at the query's own size as `.npy`."""
        with path.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(self.error_map.dtype), "fortran_order": False}
            np.lib.format.write_array_header_1_0(file, header | {"shape": self.picture_size})
            for strip in self.strips():
                file.write(np.ascontiguousarray(strip).data)

    @property
    def verdict(self) -> Verdict:
        """What the score means under the threshold."""
        return self.threshold.verdict(self.image_score)

    @property
    def verdict_alone(self) -> Verdict:
        """What the method says by itself, also where the result is a part of a sum."""
        return self.alone.threshold.verdict(self.alone.image_score) if self.alone else self.verdict

    @property
    def parts(self) -> tuple[Detection, ...]:
        """The results that it adds; none where it is no sum."""
        return self.seen if isinstance(self.seen, tuple) else ()

    @property
    def reconstructions(self) -> Reconstructions | None:
        """Its reconstructions, or those of a part."""
        if isinstance(self.seen, Reconstructions):
            return self.seen
        return next((part.reconstructions for part in self.parts if part.reconstructions), None)

    @property
    def matches(self) -> Matches | None:
        """Its matches, or those of a part."""
        if isinstance(self.seen, Matches):
            return self.seen
        return next((part.matches for part in self.parts if part.matches), None)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be computed."""
        return self.reconstructions is None or self.reconstructions.complete
