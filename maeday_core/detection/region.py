"""What does not count in pictures: a region that is ignored, or all outside of a region of interest.

A method looks at the whole picture. What is ignored is then left out wherever something is read off a map: the score,
the threshold, what is outlined, and the maps of good parts that the threshold rests on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from maeday_core.detection.decision import GoodParts
from maeday_core.detection.scale import map_size
from maeday_core.detection.windows import FloatMap
from maeday_core.errors import SettingsError
from maeday_core.io import masks
from maeday_core.io.images import RGBImage, load_image

Mask = npt.NDArray[np.bool_]
"""(h, w), of any size: True where nothing counts."""
SIDE = 1280
"""A mask is kept at most so many pixels a side."""
BRIGHT = 127
"""Above this level a mask is bright."""
ID_LENGTH = 12


@dataclass(frozen=True)
class Registration:  # docs/decisions.md#ignored-regions
    """How a mask follows a part.

    Attributes:
        side: pixels; pictures are compared so large, squeezed into a square.
        least: below such a peak of the phase correlation the part is not found again, and the mask stays where it is.
    """

    side: int = 256
    least: float = 0.1


REGISTRATION = Registration()


@dataclass(frozen=True, eq=False)
class Region:
    """What is ignored in pictures.

    Attributes:
        ignored: bool (h, w), laid over a picture of any size.
        anchor: float32 (s, s), grey and small, the picture that it was painted on, where the mask follows what that
            shows; None where it stays in its place.
    """

    ignored: Mask = field(repr=False)
    anchor: FloatMap | None = field(default=None, repr=False)

    @classmethod
    def of(cls, mask: Mask, painted_on: RGBImage | None = None) -> Region:
        """From a mask (h, w) and, where it follows the part, the picture that it was painted on.

        Raises:
            SettingsError: it leaves nothing that counts.
        """
        if mask.all():
            raise SettingsError("All of the picture is ignored, so that nothing would be judged; leave some of it out.")
        shrink = min(1.0, SIDE / max(mask.shape))
        small = scaled(mask, *(max(1, round(side * shrink)) for side in mask.shape))
        return cls(small, None if painted_on is None else _seen(painted_on))

    @property
    def id(self) -> str:
        """A name that no other region has."""
        anchor = b"" if self.anchor is None else self.anchor.tobytes()
        return hashlib.sha256(repr(self.ignored.shape).encode() + self.ignored.tobytes() + anchor).hexdigest()[
            :ID_LENGTH
        ]

    def over(self, picture: RGBImage) -> Mask:
        """Where a picture, uint8 (H, W, 3), is ignored, at the size of its map."""
        height, width = map_size(picture.shape)
        mask = scaled(self.ignored, height, width)
        if self.anchor is None:
            return mask
        x, y = shift_of(self.anchor, _seen(picture))
        moved = np.array([[1, 0, x * width], [0, 1, y * height]])
        levels = cv2.warpAffine(
            mask.astype(np.uint8), moved, (width, height), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(levels > 0)


def ignored_in(picture: RGBImage, regions: Iterable[Region | None]) -> Mask | None:
    """Where any of some regions ignores a picture, at the size of its map; None without regions."""
    found = [region.over(picture) for region in regions if region]
    return np.logical_or.reduce(found) if found else None


def load_mask(path: str | os.PathLike[str]) -> Mask:
    """What a picture file marks: where it is at least half as strongly marked as where it is most.

    Raises:
        ImageError: the file is no picture.
    """
    levels = masks.load_mask(path)
    return (levels > 0) & (levels >= levels.max() / 2)


def load_region(
    ignore: str | os.PathLike[str] | None,
    interest: str | os.PathLike[str] | None = None,
    painted_on: str | os.PathLike[str] | None = None,
) -> Region | None:
    """The region that picture files mark; None where none is given.

    Args:
        ignore: bright where nothing counts.
        interest: bright where something counts, and nowhere else.
        painted_on: the picture that they were made for, where they follow the part that it shows.

    Raises:
        ImageError: a file is no picture.
        SettingsError: nothing would count, or there is a picture without a mask.
    """
    found = united(load_mask(ignore) if ignore else None, ~load_mask(interest) if interest else None)
    if found is None:
        if painted_on:
            raise SettingsError("There is no mask to align: give the region to ignore, or the one of interest.")
        return None
    return Region.of(found, load_image(painted_on) if painted_on else None)


def united(one: Mask | None, other: Mask | None) -> Mask | None:
    """What either of two masks ignores, at the larger one's size."""
    if one is None or other is None:
        return other if one is None else one
    height, width = max(one.shape, other.shape)
    return scaled(one, height, width) | scaled(other, height, width)


def scaled(mask: Mask, rows: int, columns: int) -> Mask:
    """A mask at another size: a cell is ignored if half of it is."""
    if mask.shape == (rows, columns):
        return mask
    plane = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(plane.resize((columns, rows), Image.Resampling.BILINEAR)) > BRIGHT


def cells_that_count(ignored: Mask, rows: int, columns: int) -> npt.NDArray[np.bool_]:
    """Which cells of a picture count, bool (rows, columns).

    Raises:
        SettingsError: none does.
    """
    counting = ~scaled(ignored, rows, columns)
    if not counting.any():
        raise SettingsError(
            "What is not ignored is smaller than a patch, so that nothing can be compared; ignore less."
        )
    return counting


def blank(error_map: FloatMap, ignored: Mask | None) -> FloatMap:
    """A map (h, w) that is 0 where it is ignored."""
    return error_map if ignored is None else np.where(scaled(ignored, *error_map.shape), np.float32(0), error_map)


def counted(maps: FloatMap, ignored: Mask | None) -> FloatMap:
    """The values of maps (..., h, w) that count, (..., 1, n), of which scores and levels are read as of a map."""
    if ignored is None:
        return maps
    values = maps[..., ~scaled(ignored, *maps.shape[-2:])]
    return values[..., None, :] if values.size else np.zeros((*maps.shape[:-2], 1, 1), np.float32)


def counted_of(good: GoodParts, ignored: Mask | None) -> GoodParts:
    """The same maps of good parts without what is ignored."""
    mirrored = None if good.mirrored is None else counted(good.mirrored, ignored)
    return replace(good, left_out=counted(good.left_out, ignored), mirrored=mirrored)


def shift_of(one: FloatMap, other: FloatMap) -> tuple[float, float]:
    """How far what one picture shows has moved in another, across and down, as shares of the picture.

    By phase correlation; nothing where the two show nothing in common.

    Args:
        one, other: float32 (s, s), grey.
    """
    window = cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F)
    (x, y), peak = cv2.phaseCorrelate(one, other, window)
    return (x / one.shape[1], y / one.shape[0]) if peak >= REGISTRATION.least else (0.0, 0.0)


def _seen(picture: RGBImage) -> FloatMap:
    """A picture, uint8 (H, W, 3), grey and small."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    side = REGISTRATION.side
    return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
