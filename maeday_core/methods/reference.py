"""What is known about good parts: what each part of a method learned from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from maeday_core.detection.region import Region
from maeday_core.detection.windows import Tile
from maeday_core.fewshot.learned import Learned
from maeday_core.io.images import Photos, RGBImage, load_image, resize

KEPT = 8
"""Photos of good parts that are kept to be shown: as many as fine-tuning takes."""
KEPT_SIDE = 1024
"""The longer side of one, at most, in px: twice what the bundled model sees of it is not lost."""
QUALITY = 90
THUMB = 32


@dataclass(frozen=True)
class GoodPart:
    """A photo of a good part, kept to be shown beside a query.

    Attributes:
        name: of its file; empty where it has none.
        jpeg: the picture as a JPEG file, its longer side `KEPT_SIDE` px at most.
    """

    name: str
    jpeg: bytes = field(repr=False)

    @classmethod
    def of(cls, photo: RGBImage, name: str = "") -> GoodPart:
        """From a photo, uint8 (H, W, 3) of any size."""
        height, width = photo.shape[:2]
        shrink = min(1.0, KEPT_SIDE / max(height, width))
        small = resize(photo, max(1, round(width * shrink)), max(1, round(height * shrink)))
        _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        return cls(name, data.tobytes())

    @property
    def picture(self) -> RGBImage:
        """The photo, uint8 (h, w, 3)."""
        return load_image(self.jpeg, self.name or None)


def kept(shots: Iterable[RGBImage]) -> tuple[GoodPart, ...]:
    """The first photos of good parts, with their names where they come from files."""
    names = [Path(path).name for path in shots.paths] if isinstance(shots, Photos) else [""] * KEPT
    return tuple(GoodPart.of(shot, name) for shot, name in zip(islice(shots, KEPT), names, strict=False))


@dataclass(frozen=True)
class Reference:
    """What is known about good parts, by the name of the method that learned it.

    Attributes:
        learned: what each part of the method learned.
        method: the one that was asked to learn.
        name: what a person calls the good parts, or their file; empty where nobody named them.
        photos: the first of them, to be shown.
        region: what was ignored in them, and is in queries; None where all counts.
        joined: the hashes of the pictures that joined them later.
    """

    learned: Mapping[str, Learned] = field(default_factory=dict)
    method: str = ""
    name: str = ""
    photos: tuple[GoodPart, ...] = ()
    region: Region | None = None
    joined: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.learned)

    @property
    def tile(self) -> Tile:
        """How a query must be seen, `on` or `off`, for that is how the good parts were; `auto` where none are known."""
        return next((one.tile for one in self.learned.values()), "auto")

    @property
    def shots(self) -> int:
        """How many photos of good parts are known."""
        return max((one.shots for one in self.learned.values()), default=0) + len(self.joined)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the photos, as far as they are known."""
        return tuple(photo.name for photo in self.photos if photo.name)

    def most_alike(self, query: RGBImage) -> GoodPart | None:
        """The photo that looks most like a query, uint8 (H, W, 3), at a glance; None where no photo was kept."""
        return min(self.photos, key=lambda photo: _difference(photo.picture, query), default=None)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences on good parts that look unlike the others, or defective."""
        return tuple(doubt for one in self.learned.values() for doubt in one.doubts)

    def doubt_of(self, query: RGBImage) -> str | None:
        """A sentence if a query looks like none of the good parts."""
        return next((doubt for one in self.learned.values() if (doubt := one.doubt_of(query))), None)


def _difference(one: RGBImage, other: RGBImage) -> float:
    """Of two pictures of any size, brought to the same small one and the same mean: light counts for nothing."""
    small = (resize(picture, THUMB, THUMB).astype(np.float32) for picture in (one, other))
    first, second = (picture - picture.mean(axis=(0, 1)) for picture in small)
    return float(np.square(first - second).mean())
