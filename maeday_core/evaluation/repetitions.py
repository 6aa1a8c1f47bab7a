"""How many masks are enough: the metrics after each number of them, from one pass (the paper's Figure 3)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maeday_core.detection.reconstruction import Settings
from maeday_core.detection.windows import detect
from maeday_core.errors import SettingsError
from maeday_core.evaluation.datasets import Category, truth_of
from maeday_core.evaluation.metrics import auroc, rank, rank_scores
from maeday_core.io.images import load_image
from maeday_core.io.journal import append_rows, mend, read_rows
from maeday_core.model.mae import MaskedAutoencoder
from maeday_core.model.masks import SAMPLINGS

COUNTS = (1, 2, 4, 8, 16, 32, 64)
REPETITIONS = "repetitions.jsonl"
ENOUGH = 0.5


def repetitions(
    model: MaskedAutoencoder,
    categories: Sequence[Category],
    settings: Settings | None = None,
    seeds: Sequence[int] = (0,),
    out: Path | None = None,
    on_image: Callable[[str, str, int, int], None] = lambda category, sampling, done, total: None,
) -> Iterator[dict[str, Any]]:
    """Zero-shot metrics after 1, 2, 4 ... 64 masks of both samplings: a row per category, sampling, seed and number.

    The first masks of a longer draw are those of a shorter one, so that one detection with 64 holds all.

    Args:
        settings: all but the number of masks, the sampling and the seed.
        out: where `repetitions.jsonl` is written as it goes; what is there already is not done again.
        on_image: receives category, sampling, images done, images in all.
    """
    settings = settings or Settings()
    if settings.patches != "all":
        raise SettingsError(
            "The curve over the number of masks counts all patches, as the paper does: leave masked out."
        )
    path = out / REPETITIONS if out else None
    if path:
        mend(path)
    before = read_rows(path, "masks") if path else []
    for category in categories:
        for sampling in SAMPLINGS:
            for seed in seeds:
                run = {"category": category.name, "model_sha256": model.info.sha256, "sampling": sampling, "seed": seed}
                run |= {"images": len(category.samples), "mask_ratio": settings.mask_ratio}
                run |= {"error_space": settings.error_space, "tile": settings.tile}
                rows = [row for row in before if run.items() <= row.items()]
                if len(rows) < len(COUNTS):
                    wanted = replace(settings, masks=COUNTS[-1], sampling=sampling, seed=seed)
                    rows = [run | row for row in _measure(model, category, wanted, on_image)]
                    if path:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        append_rows(path, rows)
                yield from rows


def _measure(
    model: MaskedAutoencoder, category: Category, settings: Settings, on_image: Callable[[str, str, int, int], None]
) -> Iterator[dict[str, Any]]:
    scores: dict[int, list[float]] = {count: [] for count in COUNTS}
    total = len(category.samples)
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        for index, sample in enumerate(category.samples):
            image = load_image(sample.path)
            truth_of(sample, image.shape[:2])
            for count in COUNTS:
                result = detect(model, image, replace(settings, masks=count))
                scores[count].append(result.image_score)
                np.save(Path(folder) / f"{index}-{count}.npy", result.error_map)
            on_image(category.name, settings.sampling, index + 1, total)

        def pixels(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for index, sample in enumerate(category.samples):
                if sample.mask or not sample.anomalous:
                    error_map = np.load(Path(folder) / f"{index}-{count}.npy")
                    yield truth_of(sample, error_map.shape), error_map

        labels = np.array([sample.anomalous for sample in category.samples])
        known = any(sample.mask for sample in category.samples)
        for count in COUNTS:
            yield {
                "masks": count,
                "image_auroc": auroc(rank_scores(labels, np.array(scores[count]))),
                "pixel_auroc": auroc(rank(lambda count=count: pixels(count))) if known else None,  # type: ignore[misc]
            }


def enough(rows: Sequence[dict[str, Any]], metric: str) -> dict[str, int | None]:
    """The least number of masks from which on the mean over categories and seeds stays within half a point of 64 masks.

    Args:
        rows: of `repetitions`.
        metric: `image_auroc` or `pixel_auroc`.

    Returns:
        By sampling; None where the metric cannot be told.
    """
    found: dict[str, int | None] = {}
    for sampling in SAMPLINGS:
        means = [curve_mean(rows, sampling, count, metric) for count in COUNTS]
        near = [abs(mean - means[-1]) <= ENOUGH for mean in means]
        found[sampling] = next((count for i, count in enumerate(COUNTS) if all(near[i:])), None)
    return found


def curve_mean(rows: Sequence[dict[str, Any]], sampling: str, count: int, metric: str) -> float:
    """The mean over categories and seeds after `count` masks; not a number where there is none."""
    values = [
        row[metric] for row in rows if (row["sampling"], row["masks"]) == (sampling, count) and row[metric] is not None
    ]
    return float(np.mean(values)) if values else float("nan")
