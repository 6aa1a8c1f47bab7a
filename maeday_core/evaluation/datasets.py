"""Data sets with ground truth, in the layout of MVTec-AD or of VisA."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maeday_core.errors import DatasetError
from maeday_core.io.images import SUFFIXES, hidden, load_image


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

    @property
    def lacks(self) -> list[str]:
        """A sentence on each group of metrics that cannot be computed for it."""
        sentences = []
        if all(sample.anomalous for sample in self.samples):
            sentences.append(f"{self.name} has no good test pictures: its image metrics cannot be computed.")
        if not any(sample.anomalous for sample in self.samples):
            sentences.append(f"{self.name} has no test pictures with a defect: its metrics cannot be computed.")
        elif not any(sample.mask for sample in self.samples):
            sentences.append(f"{self.name} has no ground truth: its pixel metrics cannot be computed.")
        return sentences


Reader = Callable[[Path], dict[str, Callable[[], Category]] | None]
"""Reads the layout of a data set: by name, what gives each category; None where the folder has another layout."""


def find_categories(root: str | os.PathLike[str], names: Iterable[str] = ()) -> list[Category]:
    """The categories below `root`: one category, a folder of them, or VisA as it is unpacked.

    The layout: `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>/<stem>_mask.png` (MVTec-AD's); or
    `split_csv/1cls.csv`, which names VisA's pictures and masks.

    Raises:
        DatasetError: there is none, one named is missing, or an image with a defect has no mask where others do.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}.")
    found = next(categories for read in READERS if (categories := read(root)) is not None)
    wanted = list(dict.fromkeys(names)) or list(found)
    for name in wanted:
        if name not in found:
            raise DatasetError(f"{root} holds no category {name!r}; it has {', '.join(found)}.")
    return [found[name]() for name in wanted]


def _mvtec(root: Path) -> dict[str, Callable[[], Category]]:
    folders = [root] if (root / "test").is_dir() else sorted(p for p in root.iterdir() if (p / "test").is_dir())
    if not folders:
        raise DatasetError(f"{root} holds no category: expected {root}/test or {root}/<category>/test.")
    named = {folder.name or folder.resolve().name: folder for folder in folders}
    return {name: partial(_mvtec_category, name, folder) for name, folder in named.items()}


def _mvtec_category(name: str, folder: Path) -> Category:
    return Category(name, _samples(folder), _pictures(folder / "train" / "good"))


def _visa(root: Path) -> dict[str, Callable[[], Category]] | None:
    split = root / "split_csv" / "1cls.csv"
    if not split.is_file():
        return None
    samples: dict[str, list[Sample]] = {}
    normals: dict[str, list[Path]] = {}
    try:
        with split.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                path = root / row["image"]
                good = row["label"] == "normal"
                if row["split"] == "train":
                    normals.setdefault(row["object"], []).append(path)
                else:
                    mask = None if good else root / row["mask"]
                    samples.setdefault(row["object"], []).append(Sample(path, "good" if good else "anomaly", mask))
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{split} is not VisA's list of pictures (object,split,label,image,mask).") from error

    return {name: partial(_visa_category, name, samples[name], normals.get(name, []), split) for name in samples}


def _visa_category(name: str, samples: list[Sample], normals: list[Path], split: Path) -> Category:
    for path in [*[path for sample in samples for path in (sample.path, sample.mask) if path], *normals]:
        if not path.is_file():
            raise DatasetError(f"{split} names {path}, which does not exist; unpack the whole archive there.")
    return Category(name, samples, normals)


READERS: tuple[Reader, ...] = (_visa, _mvtec)
"""Tried in this order; the last one says what was expected."""


def _samples(folder: Path) -> list[Sample]:
    samples = []
    for defect in sorted(p for p in (folder / "test").iterdir() if p.is_dir() and not hidden(Path(p.name))):
        masks = folder / "ground_truth" / defect.name
        for path in _pictures(defect):
            mask = masks / f"{path.stem}_mask.png"
            if defect.name != "good" and masks.is_dir() and not mask.is_file():
                raise DatasetError(f"{path} has no mask: expected {mask}.")
            samples.append(Sample(path, defect.name, mask if mask.is_file() else None))
    if not samples:
        raise DatasetError(f"{folder / 'test'} holds no pictures.")
    return samples


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not hidden(Path(p.name)))


def ground_truth(sample: Sample, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Where a test image has its defects: boolean, of the image's own `shape` (H, W).

    Raises:
        DatasetError: its mask has another size.
    """
    if sample.mask is None:
        return np.zeros(shape, dtype=bool)
    mask: npt.NDArray[np.bool_] = load_image(sample.mask).max(axis=2) > 0
    if mask.shape != shape:
        raise DatasetError(f"{sample.mask} is {mask.shape[::-1]} pixels, its picture {shape[::-1]}; they must agree.")
    return mask
