"""What a person gets, and the paper's Tables 1 to 5 from results, beside the published numbers."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev

import torch

from maeday_core.evaluation.means import seed_means
from maeday_core.evaluation.records import METRICS, Result
from maeday_core.evaluation.repetitions import COUNTS, ENOUGH, masks_needed
from maeday_core.evaluation.report import published
from maeday_core.evaluation.report.columns import (
    TITLES,
    Column,
    categories_of,
    categories_text,
    columns,
    shared_categories,
)
from maeday_core.io.table import csv_text
from maeday_core.methods import MAEDAY
from maeday_core.model.masks import SAMPLINGS

GIVEN = {
    "balanced_accuracy": "balanced accuracy (best global)",
    "false_alarms": "false alarms",
    "hits": "hits",
    "good_looks": "look here, good",
    "defective_looks": "look here, defective",
    "outline_f1": "outline F1 (best global)",
}
"""What a person gets, and the titles of the columns."""
PRESETS_LIKE_THE_PAPERS = (None, "default", "paper")


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        name: of its files.
        title: above it.
        cells: rows of cells, the first row being the column titles.
        note: below it.
    """

    name: str
    title: str
    cells: list[list[str]]
    note: str = ""

    @property
    def markdown(self) -> str:
        lines = ["| " + " | ".join(row) + " |" for row in self.cells]
        lines.insert(1, "|" + " --- |" * len(self.cells[0]))
        return f"**{self.title}**\n\n" + "\n".join(lines) + (f"\n\n{self.note}" if self.note else "") + "\n"

    @property
    def csv(self) -> str:
        return csv_text(self.cells)


def tables(results: Sequence[Result], curves: Sequence[Result]) -> list[Table]:
    """Every table that can be made.

    Args:
        results: of `evaluate`.
        curves: of `repetitions`.
    """
    made = [
        _given(columns(results)) if results else None,
        *[_accuracy(number, metric, columns(results)) for number, metric in enumerate(TITLES, 1) if results],
        _quoted_methods() if results else None,
        _foreign_objects(results),
        _seconds(columns(results)) if results else None,
        _fine_tuning(columns(results)),
        _repetitions(curves),
    ]
    return [table for table in made if table]


def hardware() -> str:
    """The processor or GPU and the version of torch, in a line."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = [line.split(":")[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found else name
    return f"{os.cpu_count()} x {name}, torch {torch.__version__}"


def _given(columns: Sequence[Column]) -> Table:
    """What a person gets, who has no ground truth to choose a threshold by."""
    known = [{result.category for result in column.results} for column in columns]
    sets = list(dict.fromkeys(result.category for column in columns for result in column.results))
    shared = [name for name in sets if all(name in names for names in known)]
    groups = [*((name, [name]) for name in sets), ("mean", sets)]
    if 0 < len(shared) < len(sets):
        groups.append((f"mean of the {len(shared)} that all have", shared))
    cells = [["set", "method and shots", *GIVEN.values()]]
    for title, chosen in groups:
        for column, names in zip(columns, known, strict=True):
            if names.intersection(chosen):
                cells.append([title, column.title, *[_beside_best(column, metric, chosen) for metric in GIVEN]])
    note = (
        "Per cent, mean ± deviation over the seeds, at the automatic threshold of each picture, which knows no ground "
    )
    note += "truth. In brackets: the most that a global threshold, one for all pictures of a set, could give."
    return Table("given", "What a person gets", cells, note)


def _beside_best(column: Column, metric: str, categories: Sequence[str]) -> str:
    """Mean and deviation of a metric over some categories, and what the best global threshold would give."""
    best = column.seed_means(f"best_{metric}", categories) if f"best_{metric}" in METRICS else []
    return _beside(column.seed_means(metric, categories)) + (f" ({fmean(best):.1f})" if best else "")


def _accuracy(number: int, metric: str, columns: Sequence[Column]) -> Table:
    """Table 1 or 2; the published numbers stand beside the measured ones where the categories are MVTec-AD's."""
    categories = categories_of((result for column in columns for result in column.results), metric)
    quoted = [_quoted(metric, column) for column in columns]
    cells = [["", *[column.title for column in columns]]]
    for category in categories:
        paired = zip(columns, quoted, strict=True)
        cells.append([category, *[_beside(c.values(metric, category), theirs.get(category)) for c, theirs in paired]])
    paired = zip(columns, quoted, strict=True)
    cells.append(["mean", *[_beside(c.seed_means(metric), theirs.get("mean")) for c, theirs in paired]])
    shared = shared_categories(columns, metric)
    if shared and len(shared) < len(categories):
        means = [_beside(column.seed_means(metric, shared)) for column in columns]
        cells.append([f"mean of the {len(shared)} that all have", *means])
    if not any(quoted):
        means = [str(published.TABLES[metric]["mean"].get(column.published, "")) for column in columns]
        cells.append(["the paper's mean, MVTec-AD", *means])
    note = "Per cent, mean ± deviation over the seeds; the number in a column title is that of good parts, the shots. "
    note += f"Quoted, not measured here: the paper's ({published.PAPER})."
    return Table(f"table-{number}", f"Table {number}: {TITLES[metric]} by category", cells, note)


def _quoted(metric: str, column: Column) -> dict[str, float]:
    """The published numbers by category, if the column covers all of MVTec-AD and is fine-tuned as the paper does."""
    if not _covers_mvtec(column) or column.made_by.preset not in PRESETS_LIKE_THE_PAPERS:
        return {}
    rows = published.TABLES[metric].items()
    return {name: row[column.published] for name, row in rows if column.published in row}


def _covers_mvtec(column: Column) -> bool:
    return {result.category for result in column.results} == published.CATEGORIES


def _beside(values: Sequence[float], quoted: float | None = None) -> str:
    """Mean and deviation of some values, and a published number with the difference."""
    if not values:
        return "-"
    text = f"{fmean(values):.1f}" + (f" ± {pstdev(values):.1f}" if len(values) > 1 else "")
    return text + (f" (paper {quoted:.1f}, {fmean(values) - quoted:+.1f})" if quoted is not None else "")


def _quoted_methods() -> Table:
    cells = [["quoted", *TITLES.values(), "source"]]
    for name, image, pixel, source in published.OTHERS:
        cells.append([name, f"{image:.1f}", "-" if pixel is None else f"{pixel:.1f}", source])
    title = "Published by others on MVTec-AD: quoted, not measured here"
    return Table("published", title, cells, "The numbers of the paper itself stand in Tables 1 to 5.")


def _foreign_objects(results: Iterable[Result]) -> Table | None:
    """Table 3: the categories that have no good picture, frames with a foreign object each."""
    metric = "pixel_auroc"
    frames = [r for r in results if r.metrics.image_auroc is None and r.metrics.pixel_auroc is not None]
    if not frames:
        return None
    categories = categories_of(frames, metric)
    cells = [["pixel AUROC", *categories, "indoors", "outdoors", "mean"]]
    for column in columns(frames):
        by_category = [_beside(column.values(metric, category)) for category in categories]
        cells.append([column.title, *by_category, "-", "-", _beside(column.seed_means(metric))])
    for name, *quoted in published.FOREIGN_OBJECTS:
        cells.append([f"paper, its own frames: {name}", *["-"] * len(categories), *map(str, quoted)])
    note = (
        "Categories with no good picture to test on. The paper's frames are not published: quoted, not measured here."
    )
    return Table("table-3", "Table 3: foreign objects on the ground", cells, note)


def _seconds(columns: Sequence[Column]) -> Table:
    """Table 4."""
    cells = [["", "fine-tuning", "masks", "networks", "learning, s", "per image, s"]]
    for column in columns:
        by = column.made_by
        preset = f"preset {by.preset}" if by.preset else "-"
        masks = f"{by.masks} {by.sampling}" if by.masks else "-"
        networks = " + ".join(name for name in (by.model, by.backbone) if name) or "-"
        learning = f"{fmean(column.learn_seconds):.1f}" if column.learn_seconds else "-"
        cells.append([column.title, preset, masks, networks, learning, f"{column.seconds_per_image:.3f}"])
    for name, learn, image in published.SECONDS:
        cells.append([f"paper, A100: {name}", "-", "-", "-", f"{learn:.0f}", f"{image:.2f}"])
    note = "Each method's own seconds, though methods were judged together. The paper's are quoted, not measured here. "
    return Table("table-4", "Table 4: time", cells, note + f"This report was written on: {hardware()}.")


def _fine_tuning(columns: Sequence[Column]) -> Table | None:
    """Table 5: how to fine-tune, from no shots to the most, each preset in turn."""
    ours = [column for column in columns if column.made_by.method == MAEDAY.name]
    if not any(column.made_by.shots for column in ours):
        return None
    shared = {metric: shared_categories(ours, metric) for metric in TITLES}
    cells = [["MAEDAY", *TITLES.values()]]
    for column in sorted(ours, key=lambda column: (column.made_by.preset or "", column.made_by.shots)):
        shots, preset = column.made_by.shots, column.made_by.preset
        theirs = published.FINE_TUNING.get(str(preset)) if shots == 1 and _covers_mvtec(column) else None
        quoted: Sequence[float | None] = theirs or [None] * len(TITLES)
        name = f"preset {preset}, {shots} shot{'s' * (shots > 1)}" if shots else "zero-shot"
        values = [column.seed_means(metric, shared[metric]) for metric in TITLES]
        means = [_beside(found, number) for found, number in zip(values, quoted, strict=True)]
        cells.append([name + (f" ({column.variant})" if column.variant else ""), *means])
    for name, numbers in published.FINE_TUNING.items():
        cells.append([f"paper, MVTec-AD: {published.PRESETS[name]}, 1 shot", *map(str, numbers)])
    note = f"Means of the {len(shared['image_auroc'])} categories that all of them were evaluated on. "
    return Table("table-5", "Table 5: how to fine-tune", cells, note + "The paper's are quoted, not measured here.")


def _repetitions(curves: Sequence[Result]) -> Table | None:
    """The curve of Figure 3, and the number of masks from which on nothing changes by more than half a point."""
    if not curves:
        return None
    cells = [["sampling", "", *[f"N = {n}" for n in COUNTS], "N needed"]]
    for metric, title in TITLES.items():
        for sampling in SAMPLINGS:
            means = []
            for n in COUNTS:
                after = [r for r in curves if (r.made_by.sampling, r.made_by.masks) == (sampling, n)]
                means.append(_beside(seed_means(after, metric)))
            cells.append([sampling, title, *means, str(masks_needed(curves, sampling, metric) or "-")])
    seeds = len({result.made_by.seed for result in curves})
    note = f"MAEDAY zero-shot, mean of {categories_text(curves)}, deviation over {seeds} seeds. "
    note += f"From the number needed on, the mean stays within {ENOUGH} points of that with {COUNTS[-1]} masks."
    return Table("repetitions", "Masks needed", cells, note)
