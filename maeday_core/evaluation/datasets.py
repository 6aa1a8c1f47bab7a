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
from maeday_core.io.folders import hidden
from maeday_core.io.images import SUFFIXES
from maeday_core.io.masks import load_mask

GOOD = frozenset({"good", "ok", "normal"})
"""Names of folders of good pictures, in any case."""
TEST = ("test", "test_public")
TRUTH = "ground_truth"
MASK = "_mask"
"""How the stem of a mask ends, in any case; without it, it is its picture's."""


@dataclass(frozen=True)
class Sample:
    """One test image; `mask` is None for a good one and where there is no ground truth.

    It is a file, or a folder of files that mark one defect each.
    """

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
            there = ", ".join(sorted({sample.defect for sample in self.samples}))
            sentences.append(
                f"{self.name} has no good test pictures (a folder {', '.join(sorted(GOOD))}; there are {there}): its "
                "image metrics cannot be computed."
            )
        if not any(sample.anomalous for sample in self.samples):
            sentences.append(f"{self.name} has no test pictures with a defect: its metrics cannot be computed.")
        without = sorted({sample.defect for sample in self.samples if sample.anomalous and not sample.mask})
        if without and not any(sample.mask for sample in self.samples):
            sentences.append(
                f"{self.name} has no ground truth ({TRUTH}/{without[0]}): its pixel metrics cannot be computed."
            )
        elif without:
            sentences.append(
                f"{self.name} has no ground truth of {', '.join(without)}: its pixel metrics are of the other defects."
            )
        return sentences


Reader = Callable[[Path], dict[str, Callable[[], Category]] | None]
"""Reads the layout of a data set: by name, what gives each category; None where the folder has another layout."""


def find_categories(root: str | os.PathLike[str], names: Iterable[str] = ()) -> list[Category]:
    """The categories below `root`: one category, a folder of them, or VisA as it is unpacked.

    The layout is MVTec-AD's: `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>/<stem>_mask.png`; or
    `split_csv/1cls.csv` names VisA's pictures and masks. Of the first, varieties are known: `test_public`, perhaps with
    `ground_truth` inside (MVTec AD 2); `ok` or `normal` for `good`, in any case; a mask that has its picture's name
    (anomalib, VisA's 1cls), with the suffix of any picture; a folder of masks, `<stem>/` (MVTec LOCO).

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
    folders = [root] if _test(root) else sorted(p for p in root.iterdir() if _test(p))
    if not folders:
        raise DatasetError(
            f"{root} holds no category: expected {root}/test or {root}/<category>/test; {_folders_in(root)}."
        )
    named = {folder.name or folder.resolve().name: folder for folder in folders}
    return {name: partial(_mvtec_category, name, folder) for name, folder in named.items()}


def _mvtec_category(name: str, folder: Path) -> Category:
    train = _folders(_child(folder, "train") or folder / "train")
    return Category(name, _samples(folder), [path for good in train if _is_good(good) for path in _pictures(good)])


def _visa(root: Path) -> dict[str, Callable[[], Category]] | None:
    split = root / "split_csv" / "1cls.csv"
    if not split.is_file():
        return None
    columns = "no text"
    samples: dict[str, list[Sample]] = {}
    normals: dict[str, list[Path]] = {}
    try:
        with split.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = ", ".join(rows.fieldnames or ["nothing"])
            for row in rows:
                path = root / row["image"]
                good = row["label"] == "normal"
                if row["split"] == "train":
                    normals.setdefault(row["object"], []).append(path)
                else:
                    mask = None if good or not row["mask"] else root / row["mask"]
                    samples.setdefault(row["object"], []).append(Sample(path, "good" if good else "anomaly", mask))
            if not samples:
                raise ValueError("no test pictures")
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DatasetError(
            f"{split} is not VisA's list of pictures: expected object, split, label, image and mask, found {columns}."
        ) from error

    return {name: partial(_visa_category, name, samples[name], normals.get(name, []), split) for name in samples}


def _visa_category(name: str, samples: list[Sample], normals: list[Path], split: Path) -> Category:
    for path in [*[path for sample in samples for path in (sample.path, sample.mask) if path], *normals]:
        if not path.is_file():
            raise DatasetError(f"{split} names {path}, which does not exist; unpack the whole archive there.")
    return Category(name, samples, normals)


READERS: tuple[Reader, ...] = (_visa, _mvtec)
"""Tried in this order; the last one says what was expected."""


def _samples(folder: Path) -> list[Sample]:
    test = _test(folder) or folder
    truth = _child(folder, TRUTH) or _child(test, TRUTH) or folder / TRUTH
    samples = []
    for defect in _folders(test):
        if defect.name.casefold() == TRUTH:
            continue
        good, marked = _is_good(defect), _child(truth, defect.name) or truth / defect.name
        masks, pictures = {} if good else _masks(marked), _pictures(defect)
        if not pictures and _folders(defect):
            raise DatasetError(f"{defect} holds no pictures, but folders; put its pictures right into it.")
        for path in pictures:
            if not good and marked.is_dir() and path.stem not in masks:
                expected = f"{marked / path.stem}_mask.png, or {path.stem}.png or a folder {path.stem} beside it"
                raise DatasetError(f"{path} has no mask: expected {expected}.")
            samples.append(Sample(path, "good" if good else defect.name, masks.get(path.stem)))
    if not samples:
        raise DatasetError(f"{test} holds no pictures in folders of its own, such as good; {_folders_in(test)}.")
    return samples


def _test(folder: Path) -> Path | None:
    return _child(folder, *TEST)


def _child(folder: Path, *names: str) -> Path | None:
    """The folder in another one that has the first of these names, in any case."""
    there = {path.name.casefold(): path for path in _folders(folder)} | {path.name: path for path in _folders(folder)}
    return next((there[name] for one in names for name in (one, one.casefold()) if name in there), None)


def _is_good(folder: Path) -> bool:
    return folder.name.casefold() in GOOD


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not hidden(Path(p.name)))


def _folders_in(folder: Path, most: int = 10) -> str:
    """What is there, for an error that says what is not."""
    names = [path.name for path in _folders(folder)]
    return f"its folders are {', '.join(names[:most])}{', ...' * (len(names) > most)}" if names else "it has no folders"


def _masks(folder: Path) -> dict[str, Path]:
    """The masks in a folder by the stems of their pictures; one that is called a mask goes before its namesake."""
    marks = [*_folders(folder), *_pictures(folder)]
    plain = {path.name if path.is_dir() else path.stem: path for path in marks}
    called = {stem[: -len(MASK)]: path for stem, path in plain.items() if stem.casefold().endswith(MASK)}
    return plain | called


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
    files = _pictures(sample.mask) if sample.mask.is_dir() else [sample.mask]
    parts = [load_mask(path) > 0 for path in files]
    if not parts:
        raise DatasetError(f"The folder {sample.mask} holds no masks.")
    for path, part in zip(files, parts, strict=True):
        if part.shape != shape:
            raise DatasetError(f"{path} is {part.shape[::-1]} pixels, its picture {shape[::-1]}; they must agree.")
    return np.any(parts, axis=0)
