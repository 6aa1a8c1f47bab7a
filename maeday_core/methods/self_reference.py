"""Self-reference: a patch is anomalous if nothing elsewhere in the same picture looks like it.

Zero-shot, from one picture, of any size and shape (the idea: Aota et al., WACV 2023). A surface repeats itself, so its
own patches are the memory bank; those next to a patch are left out, for a defect is larger than one patch.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from maeday_core.detection.maps import to_map
from maeday_core.detection.reconstruction import Detection, Match, upper
from maeday_core.detection.windows import LARGE_SIDE, scale_of
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.backbone import DISTANCE, Backbone

NEIGHBOURS = 5
APART = 2
MAX_BANK = 2048
MAX_PIXELS = 8_000_000
MAX_SIDE = 16384
LEVEL = 0.7
STEP = 0.15


def seen_size(height: int, width: int, side: int, tiled: bool = False) -> tuple[int, int]:
    """The size at which a picture is looked at: its shorter side `side` px, or half of it if that is a large one.

    Never more than `MAX_PIXELS`, nor a side beyond `MAX_SIDE`, which a picture of a few rows would reach otherwise.

    Args:
        tiled: as large as the windows of `tiling` see it, instead.
    """
    shorter = min(height, width)
    scale = scale_of(height, width, side) if tiled else 0.5 if shorter > LARGE_SIDE else side / shorter
    scale = min(scale, (MAX_PIXELS / (height * width)) ** 0.5)
    rows, columns = (min(max(8, round(length * scale)), MAX_SIDE) for length in (height, width))
    return rows, columns


def match_itself(features: Tensor, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Compare the patches of a picture (h, w, C) with each other; a sample of at most `MAX_BANK` is the bank.

    So time and memory grow linearly with the pixels. Patches up to two cells away are left out.

    Args:
        seed: of the sample, where the picture has more patches.

    Returns:
        Mean distance to the five nearest patches elsewhere, float32 (h, w), 0 where there are none; and the place of
        the nearest one, row * w + column, int (h, w).
    """
    rows, columns = features.shape[:2]
    patches = features.flatten(0, 1)
    at = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
    bank = torch.arange(len(patches))
    if len(patches) > MAX_BANK:
        bank = torch.randperm(len(patches), generator=torch.Generator().manual_seed(seed))[:MAX_BANK].sort().values
    known = patches[bank.to(patches.device)]
    distances, nearest = [], []
    for part, places in zip(patches.split(MAX_BANK), at.split(MAX_BANK), strict=True):
        between = torch.cdist(part, known).cpu()
        between[(places[:, None] - at[bank][None]).abs().amax(dim=-1) <= APART] = torch.inf
        found = between.topk(min(NEIGHBOURS, len(bank)), largest=False)
        finite = torch.where(found.values.isinf(), torch.nan, found.values)
        distances.append(finite.nanmean(dim=1).nan_to_num(0))
        nearest.append(bank[found.indices[:, 0]])
    return torch.cat(distances).view(rows, columns).numpy(), torch.cat(nearest).view(rows, columns).numpy()


def self_reference(backbone: Backbone, query: RGBImage, seed: int = 0, tiled: bool = False) -> Detection:
    """Judge a picture, uint8 (H, W, 3), by itself alone.

    Args:
        seed: of the sample of a large picture's patches.
        tiled: look at it as closely as the windows of `tiling` do.
    """
    start = time.perf_counter()
    height, width = query.shape[:2]
    seen_height, seen_width = seen_size(height, width, backbone.side, tiled)
    seen = resize(query, seen_width, seen_height)
    distances, nearest = match_itself(backbone(seen), seed)
    error_map = to_map(distances, height, width)
    return Detection(
        image_score=float(error_map.max()),
        error_map=error_map,
        seconds=time.perf_counter() - start,
        settings={"method": "self", "backbone": backbone.name, "seed": seed, "tile": "on" if tiled else "off"},
        query=seen,
        first_threshold=halfway(error_map, LEVEL, STEP),
        unit=DISTANCE,
        match=Match(distances, nearest),
    )


def halfway(error_map: np.ndarray, level: float, step: float) -> float:
    """A threshold where no good part tells one: a guess, halfway between two.

    One is `level`, which few ordinary pictures reach; the other is `step` above what 95 % of this picture stays below.
    """
    return (level + upper(error_map) + step) / 2
