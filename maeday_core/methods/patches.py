"""Patches of good parts: how they look, and the few that represent them all, chosen as a greedy coreset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maeday_core.detection.region import Mask, cells_that_count
from maeday_core.io.images import RGBImage, resize
from maeday_core.methods.memory_bank import LIMITS
from maeday_core.model.backbone import Backbone


@dataclass(frozen=True)
class Patches:
    """Features (n, C), crops (n, 24, 24, 3), and the number of the shot that each comes from (n,).

    Those of a single view know how they lie: (h, w).
    """

    features: Tensor
    crops: RGBImage
    shots: npt.NDArray[np.int64]
    shape: tuple[int, int] = (0, 0)

    @property
    def grid(self) -> Tensor:
        """The features of a single view as they lie: (h, w, C)."""
        return self.features.unflatten(0, self.shape)

    def where(self, kept: npt.NDArray[np.bool_]) -> Patches:
        """Some of them, (n,)."""
        return Patches(self.features[torch.from_numpy(kept)], self.crops[kept], self.shots[kept])

    @classmethod
    def none(cls) -> Patches:
        return cls(torch.empty(0), np.empty((0, LIMITS.crop, LIMITS.crop, 3), np.uint8), np.empty(0, np.int64))

    @classmethod
    def of(cls, backbone: Backbone, view: RGBImage, shot: int) -> Patches:
        features = backbone(view)
        crops = crops_of(view, *features.shape[:2])
        shape = features.shape[0], features.shape[1]
        return cls(features.flatten(0, 1).cpu(), crops, np.full(len(crops), shot), shape)


def rotations_and_reflections(shot: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """A square picture or mask in its eight rotations and reflections, itself first."""
    return [np.ascontiguousarray(np.rot90(side, turns)) for side in (shot, shot[:, ::-1]) for turns in range(4)]


def crops_of(picture: RGBImage, rows: int, columns: int, places: Sequence[int] | None = None) -> RGBImage:
    """What the patches of a picture look like, or those at `places`, at half size: uint8 (patches, 24, 24, 3)."""
    size = LIMITS.crop
    height, width = (max(1, side // 2) for side in picture.shape[:2])
    half = np.pad(resize(picture, width, height), [(size // 2, size // 2)] * 2 + [(0, 0)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(half, (size, size), axis=(0, 1))
    tops, lefts = (((np.arange(n) + 0.5) * side / n).astype(int) for n, side in ((rows, height), (columns, width)))
    row, column = np.divmod(np.arange(rows * columns) if places is None else np.asarray(places), columns)
    crops: RGBImage = windows[tops[row], lefts[column]].transpose(0, 2, 3, 1)
    return crops


def counted(views: list[Patches], ignored: Mask | None) -> list[Patches]:
    """The patches of a shot's views, as `rotations_and_reflections` gives them, that are not ignored in the shot."""
    if ignored is None:
        return views
    rows, columns = views[0].shape
    counting = cells_that_count(ignored, rows, columns)
    kept = rotations_and_reflections(counting) if views[1:] else [counting]
    return [view.where(one.ravel()) for view, one in zip(views, kept, strict=True)]


def reduced(parts: list[Patches], seed: int) -> Patches:
    """As many of all of them as a bank keeps."""
    features = torch.cat([part.features for part in parts if part.features.numel()])
    crops = np.concatenate([part.crops for part in parts])
    shots = np.concatenate([part.shots for part in parts])
    if len(features) <= LIMITS.patches:
        return Patches(features, crops, shots)
    chosen = coreset(features, LIMITS.patches, seed)
    return Patches(features[chosen], crops[chosen], shots[chosen])


def coreset(features: Tensor, size: int, seed: int = 0) -> Tensor:
    """Greedy k-centre selection: each next one is the farthest from all chosen so far (Algorithm 1 of PatchCore).

    Args:
        features: (n, C); distances are taken in a random projection to 64 dimensions, as in the paper.
        size: how many to choose, at most n.
        seed: of the projection and the first one.

    Returns:
        Indices (size,), in the order they were chosen.
    """
    generator = torch.Generator().manual_seed(seed)
    if features.shape[1] > LIMITS.projection:
        projection = torch.randn(features.shape[1], LIMITS.projection, generator=generator)
        features = features @ projection / LIMITS.projection**0.5
    chosen = [int(torch.randint(len(features), (1,), generator=generator))]
    squares, doubled = features.square().sum(dim=1), 2 * features
    nearest = torch.full((len(features),), torch.inf)
    distances, products = torch.empty_like(squares), torch.empty_like(squares)
    for _ in range(size - 1):  # in place: what is small is done by one thread, and waits for no other
        latest = chosen[-1]
        torch.mv(doubled, features[latest], out=products)
        torch.add(squares, squares[latest], out=distances)
        torch.minimum(nearest, distances.sub_(products), out=nearest)
        nearest[latest] = -torch.inf
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)
