"""Tiling: a large or long picture through overlapping windows of the model's own size, at the picture's own detail.

Squeezed into 224 x 224, a bolt of 40 px in a frame of 1536 x 1024 is six pixels wide. A model for larger pictures is no
way out: the position embedding knows 14 x 14 patches. So windows slide over the picture, every window sees the same
masks, and their error maps are blended by a weight that falls to nothing at a window's border, so that no seam shows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from maeday_core.detection import reconstruction as detector
from maeday_core.detection.calibration import Calibration
from maeday_core.detection.perceptual import perceptual_error
from maeday_core.detection.reconstruction import MICRO_BATCH, Detection, Settings, micro_batches, smooth, stands_out
from maeday_core.io.images import RGBImage, resize, resize_map
from maeday_core.model.mae import MaskedAutoencoder, normalise
from maeday_core.model.masks import draw_masks

OVERLAP = 0.25
LARGE_PIXELS = 1_200_000
LONG = 1.6
LARGE_SIDE = 900
LARGEST_SCALE = 4.0  # a picture of a few rows would need thousands of windows otherwise


@dataclass(frozen=True)
class Tiling:
    """Where the windows lie.

    Attributes:
        size: S, the side of a window.
        height, width: of the picture as the windows see it, each S or more.
        scale: that size over the picture's own.
        tops, lefts: the first row and column of the windows; every top goes with every left.
    """

    size: int
    height: int
    width: int
    scale: float
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    @property
    def windows(self) -> list[tuple[int, int]]:
        """Top and left of every window, row by row."""
        return [(top, left) for top in self.tops for left in self.lefts]

    def __str__(self) -> str:
        return f"{len(self.windows)} windows of {self.size} px at {self.scale:.0%} of the picture's size"

    def cut(self, picture: RGBImage, windows: Sequence[tuple[int, int]]) -> RGBImage:
        """Windows of a picture of `height` x `width`: uint8 (n, S, S, 3)."""
        return np.stack([picture[top : top + self.size, left : left + self.size] for top, left in windows])

    def blend(self, maps: np.ndarray) -> np.ndarray:
        """One map (height, width) of the windows' maps (n, S, S), each weighed by a Hann window; weights sum to 1."""
        weight = np.square(np.sin(np.pi * (np.arange(self.size) + 0.5) / self.size)).astype(np.float32)
        down, across = np.zeros(self.height, np.float32), np.zeros(self.width, np.float32)
        for starts, total in ((self.tops, down), (self.lefts, across)):
            for start in starts:
                total[start : start + self.size] += weight
        blended = np.zeros((self.height, self.width), np.float32)
        for (top, left), error_map in zip(self.windows, maps, strict=True):
            rows, columns = slice(top, top + self.size), slice(left, left + self.size)
            share = (weight / down[rows])[:, None] * (weight / across[columns])
            blended[rows, columns] += share * error_map
        return blended


def tiling(shape: tuple[int, ...], tile: str, size: int) -> Tiling | None:
    """The windows for a picture, or None where it is seen whole.

    Args:
        shape: of the picture, (H, W, 3) or (H, W).
        tile: `off`; `on`; or `auto`, on where the picture has over 1.2 million pixels or one side over 1.6 times the
            other.
        size: S, the side of a window.

    A large picture is looked at at half its size, one too small for two windows with its shorter side as long as one.
    """
    height, width = shape[:2]
    shorter, longer = sorted((height, width))
    if tile == "off" or (tile == "auto" and height * width <= LARGE_PIXELS and longer <= LONG * shorter):
        return None
    scale = scale_of(height, width, size)
    seen_height, seen_width = (max(size, round(side * scale)) for side in (height, width))
    return Tiling(size, seen_height, seen_width, scale, _starts(seen_height, size), _starts(seen_width, size))


def scale_of(height: int, width: int, size: int) -> float:
    """How large a picture is looked at: at half its size, its own, or its shorter side as long as a window."""
    shorter = min(height, width)
    if shorter > LARGE_SIDE:
        return 0.5
    return 1.0 if shorter >= 2 * size else min(size / shorter, LARGEST_SCALE)


def _starts(length: int, size: int) -> tuple[int, ...]:
    count = math.ceil((length - size) / (size * (1 - OVERLAP))) + 1
    return tuple(np.linspace(0, length - size, count).round().astype(int).tolist())


def stream(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    calibration: Calibration | None = None,
    *,
    partial: bool = True,
) -> Iterator[Detection]:
    """Like `detector.stream`, through windows where `settings.tile` says so.

    Memory grows with the picture, not with the number of masks. Masks and reconstructions of a result are those of the
    window with the highest value.
    """
    settings = settings or Settings()
    size = model.config.image_size
    tiles = tiling(query.shape, settings.tile, size)
    if tiles is None:
        yield from detector.stream(model, query, settings, calibration, partial=partial)
        return
    start = time.perf_counter()
    seen = resize(query, tiles.width, tiles.height)
    masks = draw_masks(settings.masks, model.config.num_patches, settings.mask_ratio, settings.seed, settings.sampling)
    counted = detector.counted(masks, model.config.grid_size, size, settings.patches)
    hidden = detector.counted(masks, model.config.grid_size, size, "masked")
    looks = calibration is not None and calibration.looks
    sums = np.zeros((len(tiles.windows), size, size), np.float32)
    guesses = np.zeros((*sums.shape, 3), np.float32) if looks else np.empty(0)
    done = 0
    for count in micro_batches(settings.masks):
        batch, weights = masks[done : done + count], counted[done : done + count]
        done += count
        together = max(1, MICRO_BATCH // count)
        for first in range(0, len(sums), together):
            windows = tiles.windows[first : first + together]
            images = torch.from_numpy(tiles.cut(seen, windows)).to(model.device).permute(0, 3, 1, 2).float() / 255
            found, errors = _look(model, normalise(images), batch.to(model.device), settings.error_space)
            sums[first : first + together] += (errors.cpu().numpy() * weights).sum(axis=1)
            if looks:
                total = np.einsum("tnchw,nhw->thwc", found.cpu().numpy(), hidden[done - count : done])
                guesses[first : first + together] += total
        if partial or done == settings.masks:
            means = sums / np.maximum(counted[:done].sum(axis=0), 1)
            maps = np.stack([smooth(mean) for mean in means])
            if calibration:
                kinds = maps[:, None]
                if looks:
                    cuts, times = tiles.cut(seen, tiles.windows), hidden[:done].sum(axis=0)
                    perceptual = [perceptual_error(cut, guesses[i], times, model.device) for i, cut in enumerate(cuts)]
                    kinds = np.stack([maps, perceptual], axis=1)
                maps = np.stack([calibration(errors, done) for errors in kinds])
            error_map = resize_map(tiles.blend(maps), *query.shape[:2])
            top, left = _around(tiles, error_map)
            (window,) = tiles.cut(seen, [(top, left)])
            peak = detector.detect(model, window, replace(settings, masks=done, tile="off"), calibration)
            yield replace(
                peak,
                image_score=float(error_map.max()),
                error_map=error_map,
                seconds=time.perf_counter() - start,
                settings=peak.settings | {"masks": settings.masks, "tile": settings.tile, "tiles": str(tiles)},
                first_threshold=calibration.threshold if calibration else stands_out(error_map),
                total=settings.masks,
                window=(top / tiles.height, left / tiles.width, size / tiles.height, size / tiles.width),
            )


def sample_windows(pictures: Sequence[RGBImage], size: int, count: int, seed: int) -> list[RGBImage]:
    """`count` windows (S, S, 3) at random places of some pictures, each as `tiling` looks at it, in turn."""
    rng = np.random.default_rng(seed)
    windows: list[RGBImage] = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        tiles = tiling(picture.shape, "on", size)
        assert tiles
        place = int(rng.integers(tiles.height - size + 1)), int(rng.integers(tiles.width - size + 1))
        windows.extend(tiles.cut(resize(picture, tiles.width, tiles.height), [place]))
    return windows


def detect(
    model: MaskedAutoencoder,
    query: RGBImage,
    settings: Settings | None = None,
    calibration: Calibration | None = None,
) -> Detection:
    """The last result of `stream`: the whole one."""
    *_, result = stream(model, query, settings, calibration, partial=False)
    return result


def _look(
    model: MaskedAutoencoder, images: torch.Tensor, masks: torch.Tensor, space: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstructions (n, N, 3, S, S) and squared errors (n, N, S, S) of n windows (n, 3, S, S) under masks (N, L)."""
    with torch.inference_mode():
        tokens = model.embed(images).repeat_interleave(len(masks), 0)
        found, errors = detector.reconstruct(
            model, images.repeat_interleave(len(masks), 0), tokens, masks.repeat(len(images), 1), space
        )
    of_each = (len(images), len(masks))
    return found.view(*of_each, *found.shape[1:]), errors.view(*of_each, *errors.shape[1:])


def _around(tiles: Tiling, error_map: np.ndarray) -> tuple[int, int]:
    """Top and left of the window in whose middle the highest value lies, as far as the borders allow."""
    peak = np.unravel_index(error_map.argmax(), error_map.shape)
    lengths = (tiles.height, tiles.width)
    starts = (
        min(max(round((at + 0.5) / own * length - tiles.size / 2), 0), length - tiles.size)
        for at, own, length in zip(peak, error_map.shape, lengths, strict=True)
    )
    top, left = starts
    return top, left
