"""Evaluation over a folder in the MVTec-AD layout."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from maeday_core.detector import Settings
from maeday_core.embeddings import LITE0
from maeday_core.errors import DatasetError
from maeday_core.images import SUFFIXES, hidden, load_image
from maeday_core.methods import Reference, detector, learn
from maeday_core.metrics import aupro, auroc, f1_max
from maeday_core.model import MaskedAutoencoder

METRICS = ("image_auroc", "pixel_auroc", "aupro", "f1_max")


@dataclass(frozen=True)
class Sample:
    """One test image; `mask` is None for a good one and where there is no ground truth."""

    path: Path
    defect: str
    mask: Path | None

    @property
    def anomalous(self) -> bool:
        return self.defect != "good"


@dataclass(frozen=True)
class Category:
    """One product or surface of a data set."""

    name: str
    samples: Sequence[Sample]
    normals: Sequence[Path] = ()


def find_categories(root: str | os.PathLike[str], names: Iterable[str] = ()) -> list[Category]:
    """The categories below `root`, which is one category or a folder of them.

    The layout: `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>/<stem>_mask.png`.

    Raises:
        DatasetError: there is none, one named is missing, or an image with a defect has no mask where others do.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}.")
    folders = [root] if (root / "test").is_dir() else sorted(p for p in root.iterdir() if (p / "test").is_dir())
    found = {folder.name or folder.resolve().name: folder for folder in folders}
    if not found:
        raise DatasetError(f"{root} holds no category: expected {root}/test or {root}/<category>/test.")
    wanted = list(dict.fromkeys(names)) or list(found)
    for name in wanted:
        if name not in found:
            raise DatasetError(f"{root} holds no category {name!r}; it has {', '.join(found)}.")
    return [Category(name, _samples(found[name]), _pictures(found[name] / "train" / "good")) for name in wanted]


def evaluate(
    model: MaskedAutoencoder | None,
    categories: Sequence[Category],
    settings: Settings | None = None,
    seeds: Sequence[int] = (0,),
    shots: int = 0,
    preset: str = "default",
    method: str = "maeday",
    backbone: str = LITE0,
    raw_sum: bool = False,
    on_image: Callable[[str, int, int], None] = lambda category, done, total: None,
    on_score: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Iterator[dict[str, Any]]:
    """Evaluate a method, zero-shot or few-shot: yields a row per category and seed, then the mean over the categories.

    Pixel metrics are computed at each image's own size, over all pixels of a category together. Metrics are per cent,
    None where there is no ground truth or only one class.

    Args:
        seeds: of the masks, the choice of shots and the adaptation; one row each.
        shots: good parts, drawn from `train/good`, to adapt to.
        preset: how; a name in `adaptation.PRESETS`.
        method, backbone, raw_sum: as in `methods.detector`; `model` may be None where the method does not reconstruct.
        on_image: receives category, images done, images in all.
        on_score: receives `category`, `seed`, `path`, `defect` and `image_score` of each image.
    """
    settings = settings or Settings()
    for category in categories:
        if len(category.normals) < shots:
            raise DatasetError(
                f"{category.name} has {len(category.normals)} pictures in train/good, fewer than the {shots} shots "
                "asked for; take fewer, or leave the category out."
            )
    runs = [replace(settings, seed=seed) for seed in seeds]
    rows = []
    for category in categories:
        for run in runs:
            seed = run.seed
            scores, labels, maps, masks = [], [], [], []
            seconds = []
            reference = Reference()
            if shots:
                drawn = np.random.default_rng(seed).permutation(len(category.normals))[:shots]
                good = (load_image(category.normals[i]) for i in drawn)
                reference = learn(method, model, backbone, good, preset, seed, settings=run)
            judge = detector(method, model, backbone, run, reference, raw_sum=raw_sum)
            for done, sample in enumerate(category.samples, 1):
                image = load_image(sample.path)
                *_, result = judge(image)
                scores.append(result.image_score)
                labels.append(sample.anomalous)
                seconds.append(result.seconds)
                if not sample.anomalous or sample.mask:
                    maps.append(result.error_map)
                    masks.append(_load_mask(sample, image.shape[:2]))
                on_score(
                    {
                        "category": category.name,
                        "seed": seed,
                        "path": str(sample.path),
                        "defect": sample.defect,
                        "image_score": result.image_score,
                    }
                )
                on_image(category.name, done, len(category.samples))
            row = _row(category.name, method, model.info.name if model else None, run, shots, seed)
            row["images"] = len(scores)
            label_array, score_array = np.array(labels), np.array(scores)
            row["image_auroc"] = auroc(label_array, score_array)
            row["f1_max"] = f1_max(label_array, score_array)
            row["pixel_auroc"] = row["aupro"] = None
            if masks:
                pixels = np.concatenate([m.ravel() for m in masks])
                row["pixel_auroc"] = auroc(pixels, np.concatenate([m.ravel() for m in maps]))
                row["aupro"] = aupro(masks, maps)
            row["seconds_per_image"] = fmean(seconds)
            rows.append(row)
            yield row
    mean = _row("mean", method, model.info.name if model else None, settings, shots, None)
    mean["images"] = sum(len(category.samples) for category in categories)
    for metric in (*METRICS, "seconds_per_image"):
        values = [row[metric] for row in rows if row[metric] is not None]
        mean[metric] = fmean(values) if values else None
    yield mean


def _row(
    category: str, method: str, model: str | None, settings: Settings, shots: int, seed: int | None
) -> dict[str, Any]:
    how = asdict(settings) if model else {"masks": None}
    return {"category": category, "method": method, "shots": shots, **how, "seed": seed, "model": model}


def _samples(folder: Path) -> list[Sample]:
    samples = []
    for kind in sorted(p for p in (folder / "test").iterdir() if p.is_dir() and not hidden(Path(p.name))):
        truth = folder / "ground_truth" / kind.name
        for path in _pictures(kind):
            mask = truth / f"{path.stem}_mask.png"
            if kind.name != "good" and truth.is_dir() and not mask.is_file():
                raise DatasetError(f"{path} has no mask: expected {mask}.")
            samples.append(Sample(path, kind.name, mask if mask.is_file() else None))
    if not samples:
        raise DatasetError(f"{folder / 'test'} holds no pictures.")
    return samples


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not hidden(Path(p.name)))


def _load_mask(sample: Sample, shape: tuple[int, ...]) -> np.ndarray:
    if sample.mask is None:
        return np.zeros(shape, dtype=bool)
    mask = load_image(sample.mask).max(axis=2) > 0
    if mask.shape != shape:
        raise DatasetError(f"{sample.mask} is {mask.shape[::-1]} pixels, its picture {shape[::-1]}; they must agree.")
    return mask
