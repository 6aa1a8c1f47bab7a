"""A category of a data set: its pictures, their ground truth, and what cannot be measured with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maeday_core.errors import DatasetError
from maeday_core.io.folders import hidden
from maeday_core.io.images import SUFFIXES
from maeday_core.io.masks import load_mask

GOOD = frozenset({"good", "ok", "normal"})
"""Names of folders of good pictures, in any case."""
TRUTH = "ground_truth"


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
    """One product or surface of a data set.

    Attributes:
        name: of it.
        samples: the pictures to judge.
        normals: the good parts to learn from.
        told: sentences on how it was read that a person should know.
    """

    name: str
    samples: Sequence[Sample]
    normals: Sequence[Path] = ()
    told: Sequence[str] = ()

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


def ground_truth(sample: Sample, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Where a test image has its defects: boolean, of the image's own `shape` (H, W).

    Raises:
        DatasetError: its mask has another size.
    """
    if sample.mask is None:
        return np.zeros(shape, dtype=bool)
    files = pictures_in(sample.mask) if sample.mask.is_dir() else [sample.mask]
    parts = [load_mask(path) > 0 for path in files]
    if not parts:
        raise DatasetError(f"The folder {sample.mask} holds no masks.")
    for path, part in zip(files, parts, strict=True):
        if part.shape != shape:
            raise DatasetError(f"{path} is {part.shape[::-1]} pixels, its picture {shape[::-1]}; they must agree.")
    return np.any(parts, axis=0)


def pictures_in(folder: Path) -> list[Path]:
    """The picture files right in a folder, by name; none where it is no folder."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not hidden(Path(p.name)))
