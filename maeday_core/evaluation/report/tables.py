"""The paper's Tables 1 to 5 from rows of results, beside the published numbers."""

from __future__ import annotations

import csv
import html
import io
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev

import torch

from maeday_core.evaluation.repetitions import COUNTS, curve_mean, enough
from maeday_core.evaluation.report import published
from maeday_core.evaluation.report.runs import (
    TITLES,
    Group,
    Rows,
    categories_of,
    grouped,
    head,
    means_by_seed,
    over,
    shared_by,
)
from maeday_core.model.masks import SAMPLINGS


@dataclass(frozen=True)
class Table:
    """A table: its title, what it says beneath, and its cells as text, the first row being the heads."""

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
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self.cells)
        return text.getvalue()

    @property
    def page(self) -> str:
        rows = [
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th"] + ["td"] * len(self.cells), self.cells, strict=False)
        ]
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<h2>{html.escape(self.title)}</h2><table><tr>{'</tr><tr>'.join(rows)}</tr></table>{note}"


def tables(rows: Rows, curves: Rows) -> list[Table]:
    """Every table that can be made.

    Args:
        rows: of `evaluate`.
        curves: of `repetitions`.
    """
    made = [*_accuracy(rows), _quoted_methods(), _foreign(rows), _seconds(rows), _fine_tuning(rows)] if rows else []
    return [table for table in (*made, _repetitions(curves)) if table]


def machine() -> str:
    """What this runs on, in a line."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = [line.split(":")[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found else name
    return f"{os.cpu_count()} x {name}, torch {torch.__version__}"


def _accuracy(rows: Rows) -> list[Table]:
    """Tables 1 and 2; what is published stands beside what is measured where all categories are MVTec-AD's."""
    made = []
    groups = grouped(rows)
    for number, (metric, title) in enumerate(TITLES.items(), 1):
        quoted = {group: _quoted(metric, group, found) for group, found in groups.items()}
        cells = [["", *[head(group) for group in groups]]]
        for category in categories_of(rows, metric):
            line = [category]
            for group, found in groups.items():
                values = [row[metric] for row in found if row["category"] == category and row[metric] is not None]
                line.append(_beside(values, quoted[group].get(category)))
            cells.append(line)
        means = [_beside(means_by_seed(found, metric), quoted[group].get("mean")) for group, found in groups.items()]
        cells.append(["mean", *means])
        shared = shared_by(groups.values(), metric)
        if shared and len(shared) < len(categories_of(rows, metric)):
            means = [_beside(means_by_seed(found, metric, shared)) for found in groups.values()]
            cells.append([f"mean of the {len(shared)} that all have", *means])
        if not any(quoted.values()):
            theirs = published.TABLES[metric]["mean"]
            cells.append(["the paper's mean, MVTec-AD", *[str(theirs.get(group[:2], "")) for group in groups]])
        note = "Per cent, mean ± deviation over the seeds; the number in a head is that of good parts, the shots. "
        note += f"Quoted, not measured here: the paper's ({published.PAPER})."
        made.append(Table(f"table-{number}", f"Table {number}: {title} by category", cells, note))
    return made


def _quoted(metric: str, group: Group, rows: Rows) -> dict[str, float]:
    """The published numbers by category, where they are of the same: all of MVTec-AD, fine-tuned alike."""
    column = group[:2]
    same = _all_of_mvtec(rows) and group[2] in (None, "default", "paper")
    table = published.TABLES[metric]
    return {name: row[column] for name, row in table.items() if column in row} if same else {}


def _all_of_mvtec(rows: Rows) -> bool:
    return {row["category"] for row in rows} == published.CATEGORIES


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f}" + (f" ± {pstdev(values):.1f}" if len(values) > 1 else "")


def _beside(values: Sequence[float], quoted: float | None = None) -> str:
    if not values:
        return "-"
    return _spread(values) + (f" (paper {quoted:.1f}, {fmean(values) - quoted:+.1f})" if quoted is not None else "")


def _quoted_methods() -> Table:
    cells = [["quoted", *TITLES.values(), "source"]]
    for name, image, pixel, source in published.OTHERS:
        cells.append([name, f"{image:.1f}", "-" if pixel is None else f"{pixel:.1f}", source])
    title = "Published by others on MVTec-AD: quoted, not measured here"
    return Table("published", title, cells, "The numbers of the paper itself stand in Tables 1 to 5.")


def _foreign(rows: Rows) -> Table | None:
    """Table 3: the categories that have no good picture, frames with a foreign object each."""
    frames = [row for row in rows if row["image_auroc"] is None and row["pixel_auroc"] is not None]
    if not frames:
        return None
    categories = categories_of(frames, "pixel_auroc")
    cells = [["pixel AUROC", *categories, "indoors", "outdoors", "mean"]]
    for group, found in grouped(frames).items():
        by_category = [_beside([r["pixel_auroc"] for r in found if r["category"] == name]) for name in categories]
        cells.append([head(group), *by_category, "-", "-", _beside(means_by_seed(found, "pixel_auroc"))])
    for name, *quoted in published.FOREIGN_OBJECTS:
        cells.append([f"paper, its own frames: {name}", *["-"] * len(categories), *map(str, quoted)])
    note = (
        "Categories with no good picture to test on. The paper's frames are not published: quoted, not measured here."
    )
    return Table("table-3", "Table 3: foreign objects on the ground", cells, note)


def _seconds(rows: Rows) -> Table:
    """Table 4."""
    cells = [["", "fine-tuning", "masks", "networks", "learning, s", "per image, s"]]
    for group, found in grouped(rows).items():
        first, preset = found[0], group[2]
        masks = f"{first['masks']} {first['sampling']}" if first.get("masks") else "-"
        networks = " + ".join(name for name in (first.get("model"), first.get("backbone")) if name)
        learning = [row["learn_seconds"] for row in found if row["learn_seconds"] is not None]
        told = [f"{fmean(learning):.1f}" if learning else "-", f"{fmean(r['seconds_per_image'] for r in found):.3f}"]
        cells.append([head(group), f"preset {preset}" if preset else "-", masks, networks or "-", *told])
    for name, learn, image in published.SECONDS:
        cells.append([f"paper, A100: {name}", "-", "-", "-", f"{learn:.0f}", f"{image:.2f}"])
    note = "Each method's own seconds, though methods were judged together. The paper's are quoted, not measured here. "
    return Table("table-4", "Table 4: time", cells, note + f"This report was written on: {machine()}.")


def _fine_tuning(rows: Rows) -> Table | None:
    """Table 5: how to fine-tune, from no shots to the most, each preset in turn."""
    by_preset = {group: found for group, found in grouped(rows).items() if group[0] == "maeday"}
    if not any(shots for _, shots, _, _ in by_preset):
        return None
    cells = [["MAEDAY", *TITLES.values()]]
    shared = {metric: shared_by(by_preset.values(), metric) for metric in TITLES}
    for group, found in sorted(by_preset.items(), key=lambda item: (str(item[0][2] or ""), item[0][1])):
        _, shots, preset, variant = group
        quoted = published.FINE_TUNING.get(str(preset)) if shots == 1 and _all_of_mvtec(found) else None
        told = f"preset {preset}, {shots} shot{'s' * (shots > 1)}" if shots else "zero-shot"
        line = [told + (f" ({variant})" if variant else "")]
        for i, metric in enumerate(TITLES):
            line.append(_beside(means_by_seed(found, metric, shared[metric]), quoted[i] if quoted else None))
        cells.append(line)
    cells += [
        [f"paper, MVTec-AD: {published.PRESETS[name]}, 1 shot", str(image), str(pixel)]
        for name, (image, pixel) in published.FINE_TUNING.items()
    ]
    note = f"Means of the {len(shared['image_auroc'])} categories that all of them were evaluated on. "
    return Table("table-5", "Table 5: how to fine-tune", cells, note + "The paper's are quoted, not measured here.")


def _repetitions(curves: Rows) -> Table | None:
    """The curve of Figure 3, and the number of masks from which on nothing changes by more than half a point."""
    if not curves:
        return None
    cells = [["sampling", "", *[f"N = {count}" for count in COUNTS], "N needed"]]
    by_seed = [[row for row in curves if row["seed"] == seed] for seed in dict.fromkeys(row["seed"] for row in curves)]
    for metric, title in TITLES.items():
        needed = enough(curves, metric)
        for sampling in SAMPLINGS:
            line = [sampling, title]
            for count in COUNTS:
                means = [curve_mean(rows, sampling, count, metric) for rows in by_seed]
                line.append(_beside([mean for mean in means if not math.isnan(mean)]))
            cells.append([*line, str(needed[sampling] or "-")])
    note = f"MAEDAY zero-shot, mean of {over(curves)}, deviation over {len(by_seed)} seeds. "
    note += "From the number needed on, the mean stays within 0.5 points of that with 64 masks."
    return Table("repetitions", "Masks needed", cells, note)
