"""Data sets that list their pictures in files: VisA as it is unpacked, and Real-IAD."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from maeday_core.errors import DatasetError
from maeday_core.evaluation.category import Category, Sample

LISTS = "realiad_jsons"
SIZES = ("realiad_1024", "realiad_512", "realiad_256")
"""Folders of Real-IAD's pictures, the largest first."""


def visa(root: Path) -> dict[str, Callable[[], Category]] | None:
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

    return {name: partial(_checked, name, samples[name], normals.get(name, []), split) for name in samples}


def _checked(name: str, samples: list[Sample], normals: list[Path], split: Path) -> Category:
    for path in [*[path for sample in samples for path in (sample.path, sample.mask) if path], *normals]:
        if not path.is_file():
            raise DatasetError(f"{split} names {path}, which does not exist; unpack the whole archive there.")
    return Category(name, samples, normals)


def real_iad(root: Path) -> dict[str, Callable[[], Category]] | None:
    """Real-IAD: `realiad_jsons/<category>.json`, perhaps one folder deeper, and `realiad_1024/<category>`."""
    folder = next((path for path in (root / LISTS / LISTS, root / LISTS) if path.is_dir()), None)
    if folder is None:
        return None
    pictures = next((root / size for size in SIZES if (root / size).is_dir()), None)
    if pictures is None:
        raise DatasetError(f"{root} has Real-IAD's lists but no pictures: unpack {', '.join(SIZES)} beside {LISTS}.")
    lists = {path.stem: path for path in sorted(folder.glob("*.json")) if (pictures / path.stem).is_dir()}
    if not lists:
        raise DatasetError(
            f"{pictures} holds no category of the lists in {folder}: expected {pictures}/<category> for each "
            f"{folder}/<category>.json."
        )
    return {name: partial(_real_iad_category, name, path, pictures / name) for name, path in lists.items()}


def _real_iad_category(name: str, path: Path, pictures: Path) -> Category:
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
        good = read["meta"]["normal_class"]
        normals = [pictures / row["image_path"] for row in read["train"] if row["anomaly_class"] == good]
        samples = [_sample(row, pictures, good) for row in read["test"]]
        if not samples:
            raise ValueError("no test pictures")
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} is not Real-IAD's list of pictures: expected meta with normal_class, and train and test with "
            "image_path, mask_path and anomaly_class."
        ) from error
    return _checked(name, samples, normals, path)


def _sample(row: dict[str, Any], pictures: Path, good: str) -> Sample:
    anomalous = row["anomaly_class"] != good
    mask = pictures / row["mask_path"] if anomalous and row["mask_path"] else None
    return Sample(pictures / row["image_path"], row["anomaly_class"] if anomalous else "good", mask)
