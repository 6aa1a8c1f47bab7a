"""The memory bank: the patches that represent all good parts, chosen as a greedy coreset (Roth et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maeday_core.detection.calibration import GRID
from maeday_core.detection.decision import GoodParts
from maeday_core.detection.maps import to_map
from maeday_core.detection.region import Mask, Region, cells_that_count, ignored_in, scaled
from maeday_core.detection.scale import resize_by, window_scale
from maeday_core.detection.windows import FloatMap, Seen
from maeday_core.errors import SettingsError
from maeday_core.fewshot.augment import copy_of
from maeday_core.fewshot.facts import flag, tensor, text, whole
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.backbone import Backbone


@dataclass(frozen=True)
class BankLimits:  # docs/decisions.md#memory-bank
    """How a bank is built and searched.

    Attributes:
        patches: the most that a bank keeps.
        projection: dimensions in which the coreset is chosen (the paper of PatchCore).
        neighbours: of the nearest patch, by which a distance is weighed (Eq. 7 there).
        chunk: patches that are searched for, or reduced, at once.
        crop: px of a picture at half size: about what a feature has seen.
        judged: the most shots that are judged by the others, for the threshold.
        copies: of a single shot, for the same.
        mirrored: the most shots that a query judges, for the same.
    """

    patches: int = 2048
    projection: int = 64
    neighbours: int = 9
    chunk: int = 8 * 2048
    crop: int = 24
    judged: int = 32
    copies: int = 8
    mirrored: int = 2


LIMITS = BankLimits()
VIEWS = (1, 8)
"""A shot is seen as it is, or in all its rotations and reflections."""
MANY = 1_000_000
"""More shots than anybody takes."""


@dataclass(frozen=True)
class MemoryBank:
    """The patches of the good parts that represent them all.

    Attributes:
        features: float32 (patches, C), of unit length, on the CPU.
        crops: uint8 (patches, 24, 24, 3), what they look like.
        left_out: float32 (k, g, g), maps of the first shots, each judged by the others, or of copies of a single one.
        alone: whether they are of copies: there is one photo, or the others tell no more than it does.
        own: float32 (m, g, g), maps of the shots in `views`, judged by the whole bank: so far is a good part from the
            patches that represent it, and no query can be expected to come nearer.
        views: float32 (m, v, h, w, C), features of the first shots in each of their v rotations and reflections, so
            that a query can judge them; no shots where pictures are seen as windows see them.
        shots: how many good parts there were.
        backbone: the name of the network they come from.
        seed: of the coreset.
        tile: whether pictures are seen at the scale of windows, `on`, or brought to 224 x 224.
    """

    features: Tensor = field(repr=False)
    crops: RGBImage = field(repr=False)
    left_out: FloatMap = field(repr=False)
    alone: bool
    own: FloatMap = field(repr=False)
    views: Tensor = field(repr=False)
    shots: int
    backbone: str
    seed: int = 0
    tile: Seen = "off"

    def good(self, query: Tensor) -> GoodParts:
        """Maps of the good parts under the conditions of a query, whose features are (h, w, C)."""
        mirrored = [
            np.maximum(mirrored_map(views, query), own) for views, own in zip(self.views, self.own, strict=True)
        ]
        return GoodParts(self.left_out, 1 if self.alone else self.shots, np.stack(mirrored) if mirrored else None)

    @property
    def summary(self) -> str:
        return f"{len(self.features)} patches to compare with"

    @property
    def doubts(self) -> tuple[str, ...]:
        return ()

    def doubt_of(self, query: RGBImage) -> str | None:
        return None

    def describe(self) -> dict[str, Any]:
        return {
            "backbone": self.backbone,
            "patches": len(self.features),
            "shots": self.shots,
        }

    def tensors(self) -> dict[str, Tensor]:
        return {
            "features": self.features.half(),
            "crops": torch.from_numpy(self.crops),
            "left_out": torch.from_numpy(self.left_out),
            "own": torch.from_numpy(self.own),
            "views": self.views.half(),
        }

    def facts(self) -> dict[str, Any]:
        return {
            "shots": self.shots,
            "alone": self.alone,
            "backbone": self.backbone,
            "seed": self.seed,
            "tile": self.tile,
        }

    @classmethod
    def restore(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> MemoryBank:
        """The bank that gave these facts and tensors.

        Raises:
            KeyError, TypeError, ValueError: they are not a bank's.
        """
        features = tensor(tensors["features"], None, None).float()
        channels, crops = features.shape[1], tensors["crops"].numpy()
        left_out = tensor(tensors["left_out"], None, GRID, GRID, least=0).float().numpy()
        views = tensor(tensors["views"], None, None, None, None, channels).float()
        own = tensor(tensors["own"], len(views), GRID, GRID, least=0).float().numpy()
        if (
            not (1 <= len(features) <= LIMITS.patches and channels)
            or crops.shape != (len(features), LIMITS.crop, LIMITS.crop, 3)
            or crops.dtype != np.uint8
            or not 1 <= len(left_out) <= LIMITS.judged
            or not (len(views) <= LIMITS.mirrored and views.shape[1] in VIEWS)
            or not 1 <= views.shape[2] == views.shape[3]
            or facts["tile"] not in get_args(Seen)
        ):
            raise ValueError(f"no memory bank has features {tuple(features.shape)} and crops {crops.shape}")
        return cls(
            features=features,
            crops=crops,
            left_out=left_out,
            alone=flag(facts["alone"]),
            own=own,
            views=views,
            shots=whole(facts["shots"], 1, MANY),
            backbone=text(facts["backbone"]),
            seed=whole(facts["seed"]),
            tile=facts["tile"],
        )


def as_compared(picture: RGBImage, side: int, tile: Seen) -> RGBImage:
    """A picture at the size at which its patches are compared: `side` x `side`, or as windows see it, of its shape."""
    if tile == "off":
        return resize(picture, side, side)
    return resize_by(picture, window_scale(picture.shape[0], picture.shape[1], side))


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
    count, kept, judged = 0, _Patches.none(), []
    waiting: list[_Patches] = []
    mirrored: list[Tensor] = []
    for shot in shots:
        small = as_compared(shot, backbone.side, tile)
        if count < (MAX_SHOTS if tile == "on" else LIMITS.judged):
            judged.append(small)
        few = count < MAX_SHOTS and tile == "off" if augment is None else augment
        views = [_Patches.of(backbone, view, count) for view in (rotations_and_reflections(small) if few else [small])]
        if tile == "off" and len(mirrored) < LIMITS.mirrored:
            mirrored.append(torch.stack([view.grid for view in views]))
        waiting += _counted(views, ignored_in(shot, [region]))
        if sum(len(part.crops) for part in waiting) >= LIMITS.chunk:
            kept, waiting = _reduced([kept, *waiting], seed), []
        count += 1
    if not count:
        raise SettingsError("PatchCore needs photos of good parts: give at least one.")
    kept = _reduced([kept, *waiting], seed)
    known = kept.features.half().float()
    left_out, alone = _left_out(backbone, known, kept.shots, judged, seed)
    turned = torch.stack(mirrored).half().float() if mirrored else torch.empty(0, 1, 1, 1, known.shape[1])
    own = np.stack([_map(views[0], known) for views in turned]) if mirrored else np.empty((0, GRID, GRID), np.float32)
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
    views = _counted([_Patches.of(backbone, view, 1) for view in seen], ignored_in(photo, [region]))
    known = _Patches(bank.features, bank.crops, np.zeros(len(bank.crops), np.int64))
    kept = _reduced([known, *views], bank.seed)
    return replace(bank, features=kept.features.half().float(), crops=kept.crops)


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


@dataclass(frozen=True)
class _Patches:
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

    def where(self, kept: npt.NDArray[np.bool_]) -> _Patches:
        """Some of them, (n,)."""
        return _Patches(self.features[torch.from_numpy(kept)], self.crops[kept], self.shots[kept])

    @classmethod
    def none(cls) -> _Patches:
        return cls(torch.empty(0), np.empty((0, LIMITS.crop, LIMITS.crop, 3), np.uint8), np.empty(0, np.int64))

    @classmethod
    def of(cls, backbone: Backbone, view: RGBImage, shot: int) -> _Patches:
        features = backbone(view)
        crops = crops_of(view, *features.shape[:2])
        shape = features.shape[0], features.shape[1]
        return cls(features.flatten(0, 1).cpu(), crops, np.full(len(crops), shot), shape)


def _counted(views: list[_Patches], ignored: Mask | None) -> list[_Patches]:
    """The patches of a shot's views, as `rotations_and_reflections` gives them, that are not ignored in the shot."""
    if ignored is None:
        return views
    rows, columns = views[0].shape
    counting = cells_that_count(ignored, rows, columns)
    kept = rotations_and_reflections(counting) if views[1:] else [counting]
    return [view.where(one.ravel()) for view, one in zip(views, kept, strict=True)]


def _reduced(parts: list[_Patches], seed: int) -> _Patches:
    features = torch.cat([part.features for part in parts if part.features.numel()])
    crops = np.concatenate([part.crops for part in parts])
    shots = np.concatenate([part.shots for part in parts])
    if len(features) <= LIMITS.patches:
        return _Patches(features, crops, shots)
    chosen = coreset(features, LIMITS.patches, seed)
    return _Patches(features[chosen], crops[chosen], shots[chosen])


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
    squares = features.square().sum(dim=1)
    nearest = torch.full((len(features),), torch.inf)
    for _ in range(size - 1):
        latest = chosen[-1]
        nearest = torch.minimum(nearest, squares + squares[latest] - 2 * features @ features[latest])
        nearest[latest] = -torch.inf
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


def _left_out(
    backbone: Backbone, known: Tensor, origins: npt.NDArray[np.int64], shots: list[RGBImage], seed: int
) -> tuple[FloatMap, bool]:
    """Maps of the shots, each judged by the patches of the others; or those of copies of the first one, where the
    others tell no more: it is alone, or given several times. And which of the two."""
    rng = np.random.default_rng([seed, 1])
    copies = [copy_of(shots[0], (shots[0].shape[0], shots[0].shape[1]), rng) for _ in range(LIMITS.copies)]
    copied = np.stack([_map(backbone(copy), known) for copy in copies])
    others = [
        _map(backbone(shot), known[torch.from_numpy(origins != i)])
        for i, shot in enumerate(shots)
        if (origins != i).any()
    ]
    return (np.stack(others), False) if others and np.max(others) > copied.max() else (copied, True)


def _map(features: Tensor, known: Tensor) -> FloatMap:
    distances, _ = compare(features, known)
    return to_map(distances, GRID, GRID)


def mirrored_map(views: Tensor, query: Tensor) -> FloatMap:
    """How a good part looks to a query: the map (g, g) of the distances of its patches to those of the query.

    A good query differs from a good part as much as the good part differs from it, so this is what a good query would
    score. A defect is in the query only: hardly any patch of the good part looks for it. Turning the good part does for
    it what turning it does for the memory bank.

    Args:
        views: features of the good part in its eight rotations and reflections (8, h, w, C), or as it is (1, h, w, C).
        query: of the query (h', w', C).
    """
    distances, _ = compare(views.flatten(0, 1), query.flatten(0, 1))
    each = distances.reshape(views.shape[:3])
    back = [turned_back(one, number) for number, one in enumerate(each)]
    return to_map(np.min(back, axis=0), GRID, GRID)


def turned_back(values: FloatMap, number: int) -> FloatMap:
    """The values (n, n) of one of `rotations_and_reflections` as they lie in the picture itself."""
    reflected, turns = divmod(number, 4)
    upright = np.rot90(values, -turns)
    return upright[:, ::-1] if reflected else upright


def compare(features: Tensor, known: Tensor, ignored: Mask | None = None) -> tuple[FloatMap, npt.NDArray[np.int64]]:
    """Compare the patches of a picture (h, w, C) with those of a memory bank (patches, C).

    The largest distance is the paper's image score, weighted by 1 - softmax of it among the distances from the same
    patch to the bank's neighbours of its nearest one (Eq. 7): a match that is rare itself counts more. The others are
    weighted likewise, so that the peak of the map is the score.

    Returns:
        Weighted distances, float32 (h, w), and which patch of the bank is the nearest, int (h, w).
    """
    shape, patches = features.shape[:2], features.flatten(0, 1)
    known = known.to(patches.device)
    squares = known.square().sum(dim=1)
    parts = torch.split(patches, LIMITS.chunk)
    nearest = torch.cat([torch.addmm(squares, part, known.T, alpha=-2).argmin(dim=1) for part in parts])
    distances = torch.linalg.vector_norm(patches - known[nearest], dim=1)
    judged = distances
    if ignored is not None:
        judged = distances.masked_fill(torch.from_numpy(scaled(ignored, *shape).ravel()).to(distances.device), -1)
    worst = judged.argmax()
    weight = 1.0
    if len(known) > 1:
        between = torch.cdist(known[nearest[worst]][None], known)[0]
        around = known[between.topk(min(LIMITS.neighbours, len(known)), largest=False).indices]
        others = torch.linalg.vector_norm(patches[worst] - around, dim=1).double()
        weight = float(1 - torch.softmax(others, dim=0)[0])
    return (weight * distances).view(shape).cpu().numpy(), nearest.view(shape).cpu().numpy()
