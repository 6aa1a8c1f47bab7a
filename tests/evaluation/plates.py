"""Categories of small grey plates on disk; the defective ones carry a white spot of known place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from maeday_core.detection.result import Provenance
from maeday_core.evaluation.records import METRICS, Metrics, Result


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def draw_category(
    folder: Path, good: int = 2, spotted: int = 2, normals: int = 2, size: tuple[int, int] = (40, 56), seed: int = 0
) -> None:
    """A category in MVTec-AD's layout, with so many test pictures of either kind and so many to learn from."""
    rng = np.random.default_rng(seed)
    for name, count in (("train/good", normals), ("test/good", good), ("test/spot", spotted)):
        for i in range(count):
            plate, mask = rng.integers(90, 110, (*size, 3), dtype=np.uint8), np.zeros(size, np.uint8)
            if name == "test/spot":
                mask[10:20, 20 + i : 34 + i] = 255
                plate[mask > 0] = 255
                save(folder / "ground_truth" / "spot" / f"{i}_mask.png", mask)
            save(folder / name / f"{i}.png", plate)


def made_up(category: str = "plate", run: str = "x", **values: object) -> Result:
    """A result with the metrics and the facts of the provenance that are given, the others None."""
    metrics = {name: values.pop(name, None) for name in METRICS}
    made_by = Provenance(**{"method": "maeday", "seed": 0, **values})  # type: ignore[arg-type]
    return Result(category, made_by, run, 4, Metrics(**metrics), 0.1, None)  # type: ignore[arg-type]
