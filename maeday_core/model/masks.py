"""Masks: which patches each masked view of an image hides."""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch
from torch import Tensor

from maeday_core.errors import SettingsError
from maeday_core.model.sampling import Sampling

SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)


def visible_count(patches: int, ratio: float) -> int:
    """Patches that stay visible at a mask ratio: `int(patches * (1 - ratio))`, as in the MAE code.

    Raises:
        SettingsError: all patches would be visible, or none.
    """
    count = int(patches * (1 - ratio))
    if not 0 < count < patches:
        raise SettingsError(
            f"A mask ratio of {ratio:g} leaves {max(count, 0)} of {patches} patches visible; choose another."
        )
    return count


def mask_from_noise(noise: Tensor, ratio: float) -> Tensor:
    """Hide all but the patches with the smallest noise.

    Args:
        noise: (N, L), any real values.
        ratio: share of the patches to hide.

    Returns:
        (N, L) boolean, True where hidden: the masks that the original code and transformers derive from this noise.
    """
    visible = noise.argsort(dim=1, stable=True)[:, : visible_count(noise.shape[1], ratio)]
    return torch.ones_like(noise, dtype=torch.bool).scatter_(1, visible, False)


def draw_masks(count: int, patches: int, ratio: float, seed: int, sampling: Sampling = "random") -> Tensor:
    """Draw the masks of one image. The first masks of a longer draw are those of a shorter one.

    Args:
        count: N, the number of masks.
        patches: L, the patches of one image.
        ratio: share of the patches each mask hides (the paper: 0.75).
        seed: the same seed gives the same masks on every machine.
        sampling: see `Sampling`; a group has `patches // visible` masks.

    Returns:
        (N, L) boolean, True where hidden.

    Raises:
        SettingsError: an unknown sampling, or a ratio that hides all patches or none.
    """
    if sampling not in SAMPLINGS:
        raise SettingsError(f"The sampling is one of {', '.join(SAMPLINGS)}, not {sampling!r}.")
    rng = np.random.default_rng(seed)
    if sampling == "random":
        return mask_from_noise(torch.from_numpy(rng.random((count, patches))), ratio)
    visible = visible_count(patches, ratio)
    group = patches // visible
    masks = torch.ones(count, patches, dtype=torch.bool)
    for part in torch.split(masks, group):
        shown = torch.from_numpy(rng.permutation(patches))[: group * visible].view(group, visible)
        part.scatter_(1, shown[: len(part)], False)
    return masks
