"""The memory bank: patches that represent all good parts, and what looks like none of them (Roth et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maeday_core.detection.calibration import GRID
from maeday_core.detection.decision import GoodParts
from maeday_core.detection.maps import to_map
from maeday_core.detection.region import Mask, scaled
from maeday_core.detection.scale import resize_by, window_scale
from maeday_core.detection.windows import FloatMap, Seen
from maeday_core.fewshot.facts import flag, tensor, text, whole
from maeday_core.io.images import RGBImage, resize


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
        differ: the least share of what copies score that shots, judged by the others, score if they tell more.
        mirrored: the most shots that a query judges, for the same.
    """

    patches: int = 2048
    projection: int = 64
    neighbours: int = 9
    chunk: int = 8 * 2048
    crop: int = 24
    judged: int = 32
    copies: int = 8
    differ: float = 0.85
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
        alone: whether they are of copies: there is one photo, or the others tell less than they do.
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
        shots = 1 if self.alone else self.shots
        return GoodParts(self.left_out, shots, np.stack(mirrored) if mirrored else None, self.shots)

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


def map_of(features: Tensor, known: Tensor) -> FloatMap:
    """The map (g, g) of a picture of features (h, w, C) judged by the patches (n, C) of a bank."""
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
