"""Which rows of results belong together: the columns of the report's tables and the curves of its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from statistics import fmean
from typing import Any

from maeday_core.detection.reconstruction import Settings
from maeday_core.evaluation.report import published
from maeday_core.methods.base import METHODS, NAMES

Rows = Sequence[dict[str, Any]]
Group = tuple[str, int, str | None, str]
"""Method, shots, preset, and what else tells it from others of the same: a column of a table."""
SETTINGS = tuple(field.name for field in fields(Settings) if field.name != "seed")  # means are taken over the seeds
VARIES = ("model", "model_sha256", *SETTINGS, "backbone", "sum")
TITLES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC"}


def latest(rows: Rows) -> Rows:
    """The last row of those that say the same of the same category and seed."""
    facts = ("category", "seed", "method", "shots", "preset", *VARIES)
    return list({tuple(row.get(fact) for fact in facts): row for row in rows}.values())


def whole(curves: Rows) -> Rows:
    """The rows of `repetitions` of its last model, without the categories that it is still measuring."""
    ours = [row for row in curves if row["model_sha256"] == curves[-1]["model_sha256"]]
    counts = Counter(row["category"] for row in ours)
    return [row for row in ours if counts[row["category"]] == max(counts.values())]


def grouped(rows: Rows) -> dict[Group, Rows]:
    """Rows by column: the paper's first and in its order, then the others. Runs of other settings are other columns."""
    alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        alike.setdefault((row["method"], row["shots"], row["preset"]), []).append(row)
    groups: dict[Group, list[dict[str, Any]]] = {}
    for (method, shots, preset), found in alike.items():
        differ = [fact for fact in VARIES if len({row.get(fact) for row in found}) > 1]
        for row in found:
            variant = ", ".join(f"{fact} {str(row.get(fact))[:12]}" for fact in differ)
            groups.setdefault((method, shots, preset, variant), []).append(row)
    order = {column: i for i, column in enumerate(published.COLUMNS)}

    def place(group: Group) -> tuple[int, int, int, str]:
        return order.get(group[:2], len(order)), group[1], METHODS.index(group[0]), str(group)

    return {group: groups[group] for group in sorted(groups, key=place)}


def head(group: Group) -> str:
    """What a column is called: the method, the number of shots, and what is not the default."""
    method, shots, preset, variant = group
    told = ", ".join(name for name in ("" if preset == "default" else preset, variant) if name)
    return f"{NAMES[method]} {shots}" + (f" ({told})" if told else "")


def categories_of(rows: Rows, metric: str) -> list[str]:
    """The categories where a metric could be told."""
    return list(dict.fromkeys(row["category"] for row in rows if row[metric] is not None))


def over(rows: Rows) -> str:
    """Over how many categories a mean is, in words; where an image metric cannot be told in all, for each metric."""
    image, pixel = (len(categories_of(rows, metric)) for metric in TITLES)
    return f"{pixel} categories" if image == pixel else f"{image} (image) and {pixel} (pixel) categories"


def shared_by(groups: Iterable[Rows], metric: str) -> list[str]:
    """The categories where a metric could be told by every one of some groups."""
    told = [categories_of(rows, metric) for rows in groups]
    return [category for category in told[0] if all(category in others for others in told)] if told else []


def means_by_seed(rows: Rows, metric: str, categories: Sequence[str] | None = None) -> list[float]:
    """The mean over the categories, or some of them, for each seed."""
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row[metric] is not None and (categories is None or row["category"] in categories):
            by_seed.setdefault(row["seed"], []).append(row[metric])
    return [fmean(values) for values in by_seed.values()]
