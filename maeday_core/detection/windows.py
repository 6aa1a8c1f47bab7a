"""Windows: a large or long picture is seen through overlapping windows of the model's size, at its own detail.

Squeezed into 224 x 224, a bolt of 40 px in a frame of 1536 x 1024 is six pixels wide. A model for larger pictures is no
way out: the position embedding knows 14 x 14 patches. So windows slide over the picture, every window sees the same
masks, and their error maps are blended by a weight that falls to zero at a window's border, so that no seam shows. A
picture that is seen whole is a tiling of one window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt

from maeday_core.detection.scale import window_scale
from maeday_core.io.images import RGBImage, resize

Tile = Literal["auto", "off", "on"]
Seen = Literal["off", "on"]
"""How a picture is seen: whole, or through windows."""
FloatMap = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WindowRule:  # docs/decisions.md#windows
    """How windows lie, and which pictures `auto` sees through them.

    Attributes:
        overlap: share of a window that the next one sees too, at least.
        large_pixels: a picture of more pixels is seen through windows.
        long: so is one whose longer side is more than so many times the shorter one.
        most: windows; where there would be more, the picture is seen smaller.
    """

    overlap: float = 0.25
    large_pixels: int = 1_200_000
    long: float = 1.6
    most: int = 240


RULE = WindowRule()


@dataclass(frozen=True)
class Tiling:
    """Where the windows lie.

    Attributes:
        size: S, the side of a window.
        height, width: of the picture as the windows see it, each S or more.
        tops, lefts: the first row and column of the windows; every top goes with every left.
        scale: that size over the picture's own; None where the whole picture is squeezed into one window.
    """

    size: int
    height: int
    width: int
    tops: tuple[int, ...] = (0,)
    lefts: tuple[int, ...] = (0,)
    scale: float | None = None

    @classmethod
    def of(cls, shape: tuple[int, ...], tile: Tile, size: int) -> Tiling:
        """The windows for a picture, at most `RULE.most`.

        Args:
            shape: of the picture, (H, W, 3) or (H, W).
            tile: `off`, one window for the whole picture, as in the paper; `on`; or `auto`, which is `on` where the
                picture is large or long by `RULE`.
            size: S, the side of a window.
        """
        height, width = shape[:2]
        long = max(height, width) > RULE.long * min(height, width)
        if tile == "off" or (tile == "auto" and not (long or is_large(shape))):
            return cls(size, size, size)
        scale = window_scale(height, width, size)
        while True:
            down, across = (max(size, round(side * scale)) for side in (height, width))
            if _count(down, size) * _count(across, size) <= RULE.most:
                return cls(size, down, across, _starts(down, size), _starts(across, size), scale)
            scale *= 0.98

    @property
    def whole(self) -> bool:
        """Whether the picture is squeezed into one window, whatever its shape."""
        return self.scale is None

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Top and left of every window, row by row."""
        return [(top, left) for top in self.tops for left in self.lefts]

    def __str__(self) -> str:
        if self.scale is None:
            return f"whole, at {self.size} x {self.size} px"
        return f"{len(self.corners)} windows of {self.size} px at {self.scale:.0%} of the picture's size"

    def fit(self, picture: RGBImage) -> RGBImage:
        """A picture brought to `height` x `width`, from which windows are cut."""
        return resize(picture, self.width, self.height)

    def cut(self, fitted: RGBImage, corners: Sequence[tuple[int, int]]) -> RGBImage:
        """The windows at some corners of a picture from `fit`: uint8 (n, S, S, 3)."""
        return np.stack([fitted[top : top + self.size, left : left + self.size] for top, left in corners])

    def blend(self, maps: Iterable[FloatMap]) -> FloatMap:
        """One map (height, width) of the windows' maps (S, S), each weighed by a Hann window; weights sum to 1.

        Of several maps of each window (n, S, S), as many maps (n, height, width).
        """
        weight = self._hann(np.arange(self.size))
        down, across = np.zeros(self.height, np.float32), np.zeros(self.width, np.float32)
        for starts, total in ((self.tops, down), (self.lefts, across)):
            for start in starts:
                total[start : start + self.size] += weight
        windows = iter(maps)
        first = next(windows)
        blended = np.zeros((*first.shape[:-2], self.height, self.width), np.float32)
        for (top, left), error_map in zip(self.corners, chain([first], windows), strict=True):
            rows, columns = slice(top, top + self.size), slice(left, left + self.size)
            share = (weight / down[rows])[:, None] * (weight / across[columns])
            blended[..., rows, columns] += share * error_map
        return blended

    def around(self, y: float, x: float) -> int:
        """The number of the window in whose middle a place lies best, given as shares of height and width."""
        down = [self._hann(y * self.height - 0.5 - top) for top in self.tops]
        across = [self._hann(x * self.width - 0.5 - left) for left in self.lefts]
        return int(np.argmax(down)) * len(self.lefts) + int(np.argmax(across))

    def place(self, number: int) -> tuple[float, float, float, float]:
        """Where a window lies: top, left, height and width as shares of the picture."""
        top, left = self.corners[number]
        return top / self.height, left / self.width, self.size / self.height, self.size / self.width

    def _hann(self, place: npt.ArrayLike) -> FloatMap:
        """The weight of a place within a window, in pixels from its first; 0 outside."""
        turn = (np.asarray(place, np.float64) + 0.5) / self.size
        return np.where((turn >= 0) & (turn <= 1), np.square(np.sin(np.pi * turn)), 0).astype(np.float32)


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a picture, (H, W, 3) or (H, W), is large by `RULE`: nearly all of such a picture is surface."""
    return shape[0] * shape[1] > RULE.large_pixels


def area_of_a_window(shape: tuple[int, ...], size: int = 224) -> float:
    """The pixels of a large picture that a window of `size` px covers; all of a small one, (H, W, 3) or (H, W)."""
    height, width = shape[:2]
    if not is_large(shape):
        return height * width
    return min(height * width, (size / window_scale(height, width, size)) ** 2)


def seen_as(shape: tuple[int, ...], tile: Tile, size: int) -> Seen:
    """How a picture of this shape is seen; arguments are those of `Tiling.of`."""
    return "off" if Tiling.of(shape, tile, size).whole else "on"


def _count(length: int, size: int) -> int:
    return math.ceil((length - size) / (size * (1 - RULE.overlap))) + 1


def _starts(length: int, size: int) -> tuple[int, ...]:
    return tuple(np.linspace(0, length - size, _count(length, size)).round().astype(int).tolist())


def sample_windows(pictures: Sequence[RGBImage], size: int, count: int, seed: int) -> list[RGBImage]:
    """`count` windows (S, S, 3) at random places of some pictures, in turn, at the scale at which windows see them."""
    rng = np.random.default_rng(seed)
    windows: list[RGBImage] = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        view = Tiling.of(picture.shape, "on", size)
        place = int(rng.integers(view.height - size + 1)), int(rng.integers(view.width - size + 1))
        windows.extend(view.cut(view.fit(picture), [place]))
    return windows
