"""How large a picture is looked at, through windows or by a network that compares patches, and how large its map is."""

from __future__ import annotations

from dataclasses import dataclass

from maeday_core.io.images import RGBImage, resize


@dataclass(frozen=True)
class ScaleLimits:  # docs/decisions.md#windows
    """When a picture is looked at at half its size, and how far sizes may go.

    Attributes:
        large_side: px; a picture whose shorter side is longer is halved.
        largest_scale: a picture of a few rows would need thousands of windows otherwise.
        pixels, side: the most that is compared patch by patch.
        map_pixels: the most that a map has; the map of a larger picture is smaller than it.
    """

    large_side: int = 900
    largest_scale: float = 4.0
    pixels: int = 4_000_000
    side: int = 16384
    map_pixels: int = 4_000_000


LIMITS = ScaleLimits()


def window_scale(height: int, width: int, size: int) -> float:
    """The scale at which windows of `size` px see a picture.

    Half its size if it is large; its own if two windows fit into it; else its shorter side becomes as long as a window.
    """
    shorter = min(height, width)
    if shorter > LIMITS.large_side:
        return 0.5
    return 1.0 if shorter >= 2 * size else min(size / shorter, LIMITS.largest_scale)


def own_scale(height: int, width: int, side: int) -> float:
    """The scale at which the shorter side is `side` px long, or half as long as it is if the picture is large."""
    shorter = min(height, width)
    return 0.5 if shorter > LIMITS.large_side else side / shorter


def map_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the map of a picture, (H, W, 3) or (H, W): its own if it is no larger than maps are."""
    height, width = shape[:2]
    shrink = min(1.0, (LIMITS.map_pixels / (height * width)) ** 0.5)
    return max(1, int(height * shrink)), max(1, int(width * shrink))


def resize_by(picture: RGBImage, scale: float) -> RGBImage:
    """A picture (H, W, 3) at `scale`, or at the largest one below it that is within the limits."""
    height, width = picture.shape[:2]
    scale = min(scale, (LIMITS.pixels / (height * width)) ** 0.5)
    rows, columns = (min(max(8, round(length * scale)), LIMITS.side) for length in (height, width))
    return resize(picture, columns, rows)
