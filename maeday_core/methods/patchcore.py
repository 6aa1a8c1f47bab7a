"""PatchCore: a patch is anomalous if no patch of the good parts looks like it (Roth et al., CVPR 2022)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.detection.maps import to_map
from maeday_core.detection.reconstruction import Detection, Match
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, varied
from maeday_core.io.images import RGBImage, resize
from maeday_core.methods.self_reference import seen_size
from maeday_core.model.backbone import DISTANCE, Backbone

MAX_PATCHES = 2048
PROJECTION = 64
NEIGHBOURS = 9
CHUNK = 8 * MAX_PATCHES
CROP = 24  # px of a picture at half size: about what a feature has seen
JUDGED = 32
COPIES = 8
MARGIN_ALONE = 0.3  # a shot's copies are more like it than other good parts will be


@dataclass(frozen=True)
class MemoryBank:
    """The patches of the good parts that represent them all: a value to pass on, save and load.

    Attributes:
        features: float32 (patches, C), of unit length, on the CPU.
        crops: uint8 (patches, 24, 24, 3), what they look like.
        scores: image scores of good parts, each judged by the others; of one photo, those of its copies.
        threshold: the highest of them; with one photo, clearly above it.
        backbone: the name of the network they come from.
        shots: how many photos they come from.
        seed: of the coreset.
        tiled: whether pictures are looked at as closely as the windows of `tiling` do; else brought to 224 x 224.
    """

    features: Tensor = field(repr=False)
    crops: np.ndarray = field(repr=False)
    scores: tuple[float, ...]
    threshold: float
    backbone: str
    shots: int
    seed: int = 0
    tiled: bool = False

    def tensors(self) -> dict[str, Tensor]:
        """What to write into a safetensors file; `facts` is the rest."""
        return {"bank.features": self.features.half(), "bank.crops": torch.from_numpy(self.crops)}

    def facts(self) -> dict[str, Any]:
        """What to write into the header of the file, as JSON."""
        facts = {"scores": self.scores, "threshold": self.threshold, "backbone": self.backbone}
        return facts | {"shots": self.shots, "seed": self.seed, "tiled": self.tiled}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as safetensors; `load_bank` reads it."""
        safetensors.torch.save_file(self.tensors(), path, {"format": "pt", "maeday_bank": json.dumps(self.facts())})
        os.chmod(path, 0o644)


def load_bank(path: str | os.PathLike[str]) -> MemoryBank:
    """Read a file that `MemoryBank.save` wrote, or one that holds a bank beside an adapter.

    Raises:
        WeightsError: it cannot be read, or holds no memory bank.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["maeday_bank"])
            features, crops = file.get_tensor("bank.features").float(), file.get_tensor("bank.crops").numpy()
        bank = MemoryBank(
            features,
            crops,
            tuple(map(float, facts["scores"])),
            float(facts["threshold"]),
            str(facts["backbone"]),
            int(facts["shots"]),
            int(facts["seed"]),
            bool(facts["tiled"]),
        )
        if (
            features.ndim != 2
            or not 1 <= len(features) <= MAX_PATCHES
            or crops.shape != (len(features), CROP, CROP, 3)
            or crops.dtype != np.uint8
            or not (
                bank.scores
                and bank.shots > 0
                and np.isfinite([*bank.scores, bank.threshold, features.abs().max().item()]).all()
            )
        ):
            raise ValueError(features.shape)
    except OSError as error:
        raise WeightsError(f"The memory bank {path.name} cannot be read; check its name and permissions.") from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise WeightsError(
            f"{path.name} holds no memory bank of this program, or is damaged; build it again."
        ) from error
    return bank


def build_bank(
    backbone: Backbone, shots: Iterable[RGBImage], seed: int = 0, augment: bool | None = None, tiled: bool = False
) -> MemoryBank:
    """The memory bank of some good parts, reduced to `MAX_PATCHES` by a greedy coreset as they come.

    Args:
        shots: photos of good parts, uint8 (H, W, 3); any number, taken one at a time.
        seed: of the coreset.
        augment: each in its eight rotations and reflections, as few-shot work does; else as it is. By default the
            first eight, but not large ones that are `tiled`.
        tiled: look at them, and at the queries to come, as closely as the windows of `tiling` do.

    Raises:
        SettingsError: there are no shots.
    """
    count, kept, judged = 0, _Patches.none(), []
    waiting: list[_Patches] = []
    for shot in shots:
        small = looked_at(shot, backbone.side, tiled)
        if count < (MAX_SHOTS if tiled else JUDGED):
            judged.append(small)
        few = count < MAX_SHOTS and not tiled if augment is None else augment
        for view in views(small) if few else [small]:
            features = backbone(view)
            crops = crops_of(view, *features.shape[:2])
            waiting.append(_Patches(features.flatten(0, 1).cpu(), crops, np.full(len(crops), count)))
        if sum(len(part.crops) for part in waiting) >= CHUNK:
            kept, waiting = _reduced([kept, *waiting], seed), []
        count += 1
    if not count:
        raise SettingsError("PatchCore needs photos of good parts: give at least one.")
    kept = _reduced([kept, *waiting], seed)
    known = kept.features.half().float()
    scores, threshold = _judged(backbone, known, kept.shots, judged, seed)
    return MemoryBank(known, kept.crops, scores, threshold, backbone.name, count, seed, tiled)


def looked_at(picture: RGBImage, side: int, tiled: bool) -> RGBImage:
    """A picture at the size its patches are compared at: `side` x `side`, or, tiled, of its own shape and detail."""
    if not tiled:
        return resize(picture, side, side)
    height, width = seen_size(picture.shape[0], picture.shape[1], side, tiled=True)
    return resize(picture, width, height)


def views(shot: RGBImage) -> list[RGBImage]:
    """A square picture in its eight rotations and reflections, itself first."""
    return [np.ascontiguousarray(np.rot90(side, turns)) for side in (shot, shot[:, ::-1]) for turns in range(4)]


def crops_of(picture: RGBImage, rows: int, columns: int, places: Sequence[int] | None = None) -> np.ndarray:
    """What the patches of a picture look like, or those at `places`, at half size: uint8 (patches, 24, 24, 3)."""
    height, width = (max(1, side // 2) for side in picture.shape[:2])
    half = np.pad(resize(picture, width, height), [(CROP // 2, CROP // 2)] * 2 + [(0, 0)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(half, (CROP, CROP), axis=(0, 1))
    tops, lefts = (((np.arange(n) + 0.5) * side / n).astype(int) for n, side in ((rows, height), (columns, width)))
    row, column = np.divmod(np.arange(rows * columns) if places is None else np.asarray(places), columns)
    return windows[tops[row], lefts[column]].transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class _Patches:
    features: Tensor
    crops: np.ndarray
    shots: np.ndarray

    @classmethod
    def none(cls) -> _Patches:
        return cls(torch.empty(0), np.empty((0, CROP, CROP, 3), np.uint8), np.empty(0, int))


def _reduced(parts: list[_Patches], seed: int) -> _Patches:
    features = torch.cat([part.features for part in parts if part.features.numel()])
    crops, shots = (np.concatenate([getattr(part, name) for part in parts]) for name in ("crops", "shots"))
    if len(features) <= MAX_PATCHES:
        return _Patches(features, crops, shots)
    chosen = coreset(features, MAX_PATCHES, seed)
    return _Patches(features[chosen], crops[chosen], shots[chosen])


def coreset(features: Tensor, size: int, seed: int = 0) -> Tensor:
    """Greedy k-centre selection: each next one is the farthest from all chosen so far (Algorithm 1 of PatchCore).

    Args:
        features: (n, C); distances are taken in a random projection to `PROJECTION` dimensions, as in the paper.
        size: how many to choose, at most n.
        seed: of the projection and the first one.

    Returns:
        Indices (size,), in the order they were chosen.
    """
    generator = torch.Generator().manual_seed(seed)
    if features.shape[1] > PROJECTION:
        features = features @ torch.randn(features.shape[1], PROJECTION, generator=generator) / PROJECTION**0.5
    chosen = [int(torch.randint(len(features), (1,), generator=generator))]
    squares = features.square().sum(dim=1)
    nearest = torch.full((len(features),), torch.inf)
    for _ in range(size - 1):
        last = chosen[-1]
        nearest = torch.minimum(nearest, squares + squares[last] - 2 * features @ features[last])
        nearest[last] = -torch.inf
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen)


def _judged(
    backbone: Backbone, known: Tensor, origins: np.ndarray, shots: list[RGBImage], seed: int
) -> tuple[tuple[float, ...], float]:
    """Image scores of the shots, each judged by the patches of the others, and the threshold.

    Of one photo, or of one given several times, the scores of its copies, and a threshold clearly above them.
    """
    rng = np.random.default_rng([seed, 1])
    copies = [varied(shots[0], shots[0].shape[:2], rng, degrees=3, crop=0.05) for _ in range(COPIES)]
    alone = tuple(_score(backbone(copy), known) for copy in copies)
    others = tuple(
        _score(backbone(shot), known[torch.from_numpy(origins != i)])
        for i, shot in enumerate(shots)
        if (origins != i).any()
    )
    if max(others, default=0.0) <= max(alone):
        return alone, max(alone) + MARGIN_ALONE
    return others, max(others)


def _score(features: Tensor, known: Tensor) -> float:
    distances, _ = compare(features, known)
    return float(to_map(distances, *(8 * side for side in distances.shape)).max())


def compare(features: Tensor, known: Tensor) -> tuple[np.ndarray, np.ndarray]:
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
    parts = patches.split(CHUNK)
    nearest = torch.cat([torch.addmm(squares, part, known.T, alpha=-2).argmin(dim=1) for part in parts])
    distances = torch.linalg.vector_norm(patches - known[nearest], dim=1)
    worst = distances.argmax()
    weight = 1.0
    if len(known) > 1:
        between = torch.cdist(known[nearest[worst]][None], known)[0]
        around = known[between.topk(min(NEIGHBOURS, len(known)), largest=False).indices]
        others = torch.linalg.vector_norm(patches[worst] - around, dim=1).double()
        weight = float(1 - torch.softmax(others, dim=0)[0])
    return (weight * distances).view(shape).cpu().numpy(), nearest.view(shape).cpu().numpy()


def patchcore(backbone: Backbone, bank: MemoryBank, query: RGBImage) -> Detection:
    """Judge a picture, uint8 (H, W, 3), by a memory bank.

    Raises:
        SettingsError: the bank comes from another backbone.
    """
    if bank.backbone != backbone.name:
        raise SettingsError(f"This memory bank belongs to the backbone {bank.backbone}, not to {backbone.name}.")
    start = time.perf_counter()
    seen = looked_at(query, backbone.side, bank.tiled)
    distances, nearest = compare(backbone(seen), bank.features)
    error_map = to_map(distances, *query.shape[:2])
    return Detection(
        image_score=float(error_map.max()),
        error_map=error_map,
        seconds=time.perf_counter() - start,
        settings={"method": "patchcore", "backbone": bank.backbone, "shots": bank.shots, "seed": bank.seed}
        | {"tile": "on" if bank.tiled else "off"},
        query=seen,
        first_threshold=bank.threshold,
        unit=DISTANCE,
        good_scores=bank.scores,
        shots=bank.shots,
        match=Match(distances, nearest, bank.crops),
    )
