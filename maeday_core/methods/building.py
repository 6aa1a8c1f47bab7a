"""Building a memory bank: from photos of good parts, or by one more of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maeday_core.detection.calibration import GRID
from maeday_core.detection.region import Region, ignored_in
from maeday_core.detection.windows import FloatMap, Seen
from maeday_core.errors import SettingsError
from maeday_core.fewshot.augment import copy_of
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.io.images import RGBImage
from maeday_core.methods.memory_bank import LIMITS, MemoryBank, as_compared, map_of
from maeday_core.methods.patches import Patches, counted, reduced, rotations_and_reflections
from maeday_core.model.backbone import Backbone


def build_bank(
    backbone: Backbone,
    shots: Iterable[RGBImage],
    seed: int = 0,
    tile: Seen = "off",
    augment: bool | None = None,
    region: Region | None = None,
) -> MemoryBank:
    """The memory bank of some good parts, reduced by a greedy coreset as they come.

    Args:
        backbone: the network that makes features of patches.
        shots: photos of good parts, uint8 (H, W, 3); any number, taken one at a time.
        seed: of the coreset.
        tile: how they, and the queries to come, are seen.
        augment: each in its eight rotations and reflections, as few-shot work does; else as it is. By default the
            first eight, but not large ones that are seen as windows see them.
        region: patches that lie there are left out.

    Raises:
        SettingsError: there are no shots.
    """
    count, kept, judged = 0, Patches.none(), []
    waiting: list[Patches] = []
    mirrored: list[Tensor] = []
    for shot in shots:
        small = as_compared(shot, backbone.side, tile)
        if count < (MAX_SHOTS if tile == "on" else LIMITS.judged):
            judged.append(small)
        few = count < MAX_SHOTS and tile == "off" if augment is None else augment
        views = [Patches.of(backbone, view, count) for view in (rotations_and_reflections(small) if few else [small])]
        if tile == "off" and len(mirrored) < LIMITS.mirrored:
            mirrored.append(torch.stack([view.grid for view in views]))
        waiting += counted(views, ignored_in(shot, [region]))
        if sum(len(part.crops) for part in waiting) >= LIMITS.chunk:
            kept, waiting = reduced([kept, *waiting], seed), []
        count += 1
    if not count:
        raise SettingsError("PatchCore needs photos of good parts: give at least one.")
    kept = reduced([kept, *waiting], seed)
    known = kept.features.half().float()
    left_out, alone = _left_out(backbone, known, kept.shots, judged, seed)
    turned = torch.stack(mirrored).half().float() if mirrored else torch.empty(0, 1, 1, 1, known.shape[1])
    own = np.stack([map_of(views[0], known) for views in turned]) if mirrored else np.empty((0, GRID, GRID), np.float32)
    return MemoryBank(known, kept.crops, left_out, alone, own, turned, count, backbone.name, seed, tile)


def joined(bank: MemoryBank, backbone: Backbone, photo: RGBImage, region: Region | None = None) -> MemoryBank:
    """A memory bank that knows the patches of one more good part; what the threshold rests on stays as it was.

    Args:
        bank: what was learned before; it is not changed.
        backbone: its network.
        photo: uint8 (H, W, 3).
        region: patches that lie there are left out.
    """
    small = as_compared(photo, backbone.side, bank.tile)
    seen = rotations_and_reflections(small) if bank.tile == "off" and bank.views.shape[1] > 1 else [small]
    views = counted([Patches.of(backbone, view, 1) for view in seen], ignored_in(photo, [region]))
    known = Patches(bank.features, bank.crops, np.zeros(len(bank.crops), np.int64))
    kept = reduced([known, *views], bank.seed)
    return replace(bank, features=kept.features.half().float(), crops=kept.crops)


def _left_out(
    backbone: Backbone, known: Tensor, origins: npt.NDArray[np.int64], shots: list[RGBImage], seed: int
) -> tuple[FloatMap, bool]:
    """Maps of the shots, each judged by the patches of the others; or those of copies of the first one, where the
    others tell less: it is alone, or given several times, or they are very much alike. And which of the two."""
    rng = np.random.default_rng([seed, 1])
    copies = [copy_of(shots[0], (shots[0].shape[0], shots[0].shape[1]), rng) for _ in range(LIMITS.copies)]
    copied = np.stack([map_of(backbone(copy), known) for copy in copies])
    others = [
        map_of(backbone(shot), known[torch.from_numpy(origins != i)])
        for i, shot in enumerate(shots)
        if (origins != i).any()
    ]
    differ = [np.mean([one.max() for one in maps]) for maps in (others, copied)] if others else [0.0, 1.0]
    return (np.stack(others), False) if differ[0] > LIMITS.differ * differ[1] else (copied, True)
