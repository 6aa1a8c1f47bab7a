"""The paper's tables and figures from the results of an evaluation, beside the published numbers."""

from __future__ import annotations

import base64
import csv
import html
import io
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from maeday_core import published
from maeday_core.datasets import Sample, truth_of
from maeday_core.detector import Settings, detect
from maeday_core.errors import DatasetError
from maeday_core.evaluation import RESULTS, SCORES
from maeday_core.images import load_image, resize
from maeday_core.journal import read_rows
from maeday_core.masks import SAMPLINGS
from maeday_core.methods import NAMES
from maeday_core.model import MaskedAutoencoder
from maeday_core.pictures import colour_scale, difference, heat_map, masked_input, reconstruction
from maeday_core.repetitions import COUNTS, REPETITIONS, curve_mean, enough

COLOURS = {
    "maeday": "#d9480f",
    "self": "#0b7285",
    "patchcore": "#364fc7",
    "2xpatchcore": "#748ffc",
    "ensemble": "#2b8a3e",
}
MARKS = {"image_auroc": "o", "pixel_auroc": "s"}
TITLES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC"}
SHOWN = 6

Group = tuple[str, int, str | None, str]
"""Method, shots, preset, and what else tells it from others of the same: a column of a table."""
VARIES = ("model", "model_sha256", "masks", "mask_ratio", "sampling", "patches", "error_space", "backbone", "sum")


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
    def page(self) -> str:
        rows = [
            "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th"] + ["td"] * len(self.cells), self.cells, strict=False)
        ]
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<h2>{html.escape(self.title)}</h2><table><tr>{'</tr><tr>'.join(rows)}</tr></table>{note}"


def report(folder: Path, out: Path, model: MaskedAutoencoder | None = None) -> list[Path]:
    """Write tables (Markdown, CSV), figures (PNG, SVG) and one HTML page that holds them all.

    Args:
        folder: where `evaluate` wrote.
        out: where to write.
        model: draws what it saw of the pictures that were found, missed, and taken for defective, where it is the one
            that was evaluated and the pictures are still there.

    Returns:
        What was written.

    Raises:
        DatasetError: there are no results.
    """
    rows, curves = _latest(read_rows(folder / RESULTS, "run")), read_rows(folder / REPETITIONS, "model_sha256")
    curves = [row for row in curves if row["model_sha256"] == curves[-1]["model_sha256"]]
    if not rows and not curves:
        raise DatasetError(f"{folder} holds no results; run evaluate with --out {folder} first.")
    out.mkdir(parents=True, exist_ok=True)
    tables = [
        t for t in (*_accuracy(rows), _foreign(rows), _seconds(rows), _fine_tuning(rows), _repetitions(curves)) if t
    ]
    written = []
    for table in tables:
        for path, content in ((out / f"{table.name}.md", table.markdown), (out / f"{table.name}.csv", _csv(table))):
            path.write_text(content, encoding="utf-8")
            written.append(path)
    figures = {"figure-2": _by_shots(rows), "figure-3": _by_repetitions(curves)}
    if model:
        for name, title, samples, settings in _chosen(
            read_rows(folder / SCORES, "run", "path"), rows, model.info.sha256
        ):
            figures[name] = what_it_saw(model, samples, title, settings)
    pictures = ""
    for name, figure in figures.items():
        if figure is None:
            continue
        for suffix in ("png", "svg"):
            figure.savefig(out / f"{name}.{suffix}", dpi=150)
            written.append(out / f"{name}.{suffix}")
        data = base64.b64encode((out / f"{name}.png").read_bytes()).decode()
        pictures += f'<figure><img alt="{name}" src="data:image/png;base64,{data}"></figure>'
    page = out / "report.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>MAEDAY: evaluation</title><style>{STYLE}</style>'
        f"<h1>MAEDAY: evaluation</h1><p>{html.escape(machine())}</p>"
        + "".join(table.page for table in tables)
        + f"{pictures}</html>",
        encoding="utf-8",
    )
    return [*written, page]


def machine() -> str:
    """What this was measured on, in a line."""
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        found = [line.split(":")[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
        name = found[0] if found else name
    return f"{os.cpu_count()} x {name}, torch {torch.__version__}"


def _latest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last row of those that say the same of the same category and seed."""
    facts = ("category", "seed", "method", "shots", "preset", *VARIES)
    return list({tuple(row.get(fact) for fact in facts): row for row in rows}.values())


def _groups(rows: Sequence[dict[str, Any]]) -> dict[Group, list[dict[str, Any]]]:
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
    return dict(sorted(groups.items(), key=lambda item: (order.get(item[0][:2], 99), item[0][1], str(item[0]))))


def _head(group: Group) -> str:
    method, shots, preset, variant = group
    told = ", ".join(name for name in ("" if preset == "default" else preset, variant) if name)
    return f"{NAMES[method]} {shots}" + (f" ({told})" if told else "")


def _quoted(metric: str, group: Group, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The published numbers by category, where they are of the same: all of MVTec-AD, fine-tuned alike."""
    column = group[:2]
    same = {row["category"] for row in rows} == published.CATEGORIES and group[2] in (None, "default", "paper")
    table = published.TABLES[metric]
    return {name: row[column] for name, row in table.items() if column in row} if same else {}


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f}" + (f" ± {pstdev(values):.1f}" if len(values) > 1 else "")


def _accuracy(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """Tables 1 and 2; what is published stands beside what is measured where all categories are MVTec-AD's."""
    tables = []
    groups = _groups(rows)
    categories = list(dict.fromkeys(row["category"] for row in rows))
    for number, metric in enumerate(TITLES, 1):
        quoted = {group: _quoted(metric, group, found) for group, found in groups.items()}
        cells = [["", *[_head(group) for group in groups]]]
        for category in categories:
            line = [category]
            for group, found in groups.items():
                values = [row[metric] for row in found if row["category"] == category and row[metric] is not None]
                line.append(_beside(values, quoted[group].get(category)))
            cells.append(line)
        means = [_beside(_means_by_seed(rows, metric), quoted[group].get("mean")) for group, rows in groups.items()]
        cells.append(["mean", *means])
        if not any(quoted.values()):
            theirs = published.TABLES[metric]["mean"]
            cells.append(["the paper's mean, MVTec-AD", *[str(theirs.get(group[:2], "")) for group in groups]])
        if number == 1:
            others = "; ".join(
                f"{name} {image} / {pixel or '-'} ({source})" for name, image, pixel, source in published.OTHERS
            )
            note = f"Published by others on MVTec-AD, image / pixel AUROC, quoted and not measured here: {others}."
        else:
            note = f"Per cent, mean ± deviation over the seeds. Quoted: {published.PAPER}."
        tables.append(Table(f"table-{number}", f"Table {number}: {TITLES[metric]} by category", cells, note))
    return tables if rows else []


def _means_by_seed(rows: Sequence[dict[str, Any]], metric: str) -> list[float]:
    """The mean over the categories for each seed."""
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row[metric] is not None:
            by_seed.setdefault(row["seed"], []).append(row[metric])
    return [fmean(values) for values in by_seed.values()]


def _beside(values: Sequence[float], quoted: float | None) -> str:
    if not values:
        return "-"
    return _spread(values) + (f" (paper {quoted:.1f}, {fmean(values) - quoted:+.1f})" if quoted is not None else "")


def _foreign(rows: Sequence[dict[str, Any]]) -> Table | None:
    """Table 3: the categories that have no good picture, frames with a foreign object each."""
    frames = [row for row in rows if row["image_auroc"] is None and row["pixel_auroc"] is not None]
    if not frames:
        return None
    categories = list(dict.fromkeys(row["category"] for row in frames))
    cells = [["pixel AUROC", *categories]]
    for group, found in _groups(frames).items():
        line = [_head(group)]
        for category in categories:
            values = [row["pixel_auroc"] for row in found if row["category"] == category]
            line.append(_spread(values) if values else "-")
        cells.append(line)
    told = "; ".join(f"{name} {a} indoors, {b} outdoors, mean {c}" for name, a, b, c in published.FOREIGN_OBJECTS)
    note = f"The paper, on frames of its own: {told}."
    return Table("table-3", "Table 3: foreign objects on the ground", cells, note)


def _seconds(rows: Sequence[dict[str, Any]]) -> Table | None:
    """Table 4."""
    if not rows:
        return None
    cells = [["", "learning, s", "per image, s"]]
    for group, found in _groups(rows).items():
        learning = [row["learn_seconds"] for row in found if row["learn_seconds"] is not None]
        images = fmean(row["seconds_per_image"] for row in found)
        cells.append([_head(group), f"{fmean(learning):.1f}" if learning else "-", f"{images:.3f}"])
    cells += [[f"paper, A100: {name}", f"{learn:.0f}", f"{image:.2f}"] for name, learn, image in published.SECONDS]
    return Table("table-4", "Table 4: time", cells, f"Measured on: {machine()}.")


def _fine_tuning(rows: Sequence[dict[str, Any]]) -> Table | None:
    """Table 5: how to fine-tune, with one shot."""
    one = {g: found for g, found in _groups(rows).items() if g[:2] == ("maeday", 1)}
    if not one:
        return None
    cells = [["MAEDAY, 1 shot", "image AUROC", "pixel AUROC"]]
    for group, found in one.items():
        cells.append(
            [
                f"preset {group[2]}" + (f" ({group[3]})" if group[3] else ""),
                *[_beside(_means_by_seed(found, metric), None) for metric in TITLES],
            ]
        )
    cells += [[f"paper: {name}", str(image), str(pixel)] for name, image, pixel in published.FINE_TUNING]
    return Table("table-5", "Table 5: how to fine-tune", cells)


def _repetitions(curves: Sequence[dict[str, Any]]) -> Table | None:
    """The number of masks from which on nothing changes by more than half a point."""
    if not curves:
        return None
    found = {metric: enough(curves, metric) for metric in TITLES}
    cells = [["masks needed", *TITLES.values()]]
    cells += [[sampling, *[str(found[metric][sampling] or "-") for metric in TITLES]] for sampling in SAMPLINGS]
    note = "From this number on the mean over categories and seeds stays within 0.5 points of that with 64 masks."
    return Table("repetitions", "Masks needed", cells, note)


def _axes(title: str, across: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=12)
    axes.set_xlabel(across)
    axes.set_ylabel("AUROC, %")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _by_shots(rows: Sequence[dict[str, Any]]) -> Figure | None:
    """Figure 2: over the categories that every number of shots was evaluated on."""
    groups = {g: found for g, found in _groups(rows).items() if g[2] in (None, "default") and not g[3]}
    if len({group[1] for group in groups}) < 2:
        return None
    common = set.intersection(*({row["category"] for row in found} for found in groups.values()))
    figure, axes = _axes(f"AUROC by good parts, mean of {len(common)} categories", "good parts")
    for method in NAMES:
        for metric, mark in MARKS.items():
            points = []
            for (m, shots, *_), found in groups.items():
                means = _means_by_seed([row for row in found if row["category"] in common], metric)
                if m == method and means:
                    points.append((shots, fmean(means), pstdev(means)))
            if points:
                shots_, means_, deviations = zip(*sorted(points), strict=True)
                style = "-" if metric == "image_auroc" else "--"
                label = f"{NAMES[method]}, {TITLES[metric].split()[0]}"
                axes.errorbar(
                    shots_, means_, deviations, fmt=mark + style, color=COLOURS[method], label=label, capsize=3, ms=5
                )
    axes.set_xticks(sorted({group[1] for group in groups}))
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _by_repetitions(curves: Sequence[dict[str, Any]]) -> Figure | None:
    """Figure 3."""
    if not curves:
        return None
    figure, axes = _axes("AUROC by masks, zero-shot", "masks N")
    for sampling, colour in zip(SAMPLINGS, ("#d9480f", "#0b7285"), strict=True):
        for metric, mark in MARKS.items():
            values = [curve_mean(curves, sampling, count, metric) for count in COUNTS]
            style = "-" if metric == "image_auroc" else "--"
            axes.plot(
                COUNTS, values, mark + style, color=colour, label=f"{sampling}, {TITLES[metric].split()[0]}", ms=5
            )
    axes.set_xscale("log", base=2)
    axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
    axes.minorticks_off()
    axes.legend(fontsize=9, frameon=False)
    return figure


def _chosen(
    scores: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]], model_sha256: str
) -> list[tuple[str, str, list[Sample], Settings]]:
    """Pictures for Figures 4 to 6, by this model's zero-shot scores with the first seed: of each category one that was
    found, one that was missed, and a good one that stands out."""
    runs = {r["run"]: r for r in rows if (r["method"], r["shots"], r["model_sha256"]) == ("maeday", 0, model_sha256)}
    first = {row["category"]: run for run, row in reversed(runs.items())}
    found, missed, stands_out = [], [], []
    for run in list(first.values())[:SHOWN]:
        ours = [row for row in scores if row["run"] == run and Path(row["path"]).is_file()]
        ours.sort(key=lambda row: row["image_score"])
        bad = [row for row in ours if row["defect"] != "good"]
        found += bad[-1:]
        missed += bad[:1]
        stands_out += [row for row in ours if row["defect"] == "good"][-1:]
    if not found + stands_out:
        return []
    facts = runs[next(iter(first.values()))]
    settings = Settings(**{field.name: facts[field.name] for field in fields(Settings)})
    titles = (
        ("figure-4", "Found: the defective picture of each category that scores highest", found),
        ("figure-5", "Missed: the defective picture of each category that scores lowest", missed),
        ("figure-6", "Mistaken: the good picture of each category that scores highest", stands_out),
    )
    return [
        (name, title, [Sample(Path(row["path"]), row["defect"], _mask_of(row)) for row in chosen], settings)
        for name, title, chosen in titles
        if chosen
    ]


def _mask_of(row: dict[str, Any]) -> Path | None:
    return Path(row["mask"]) if row["mask"] and Path(row["mask"]).is_file() else None


def what_it_saw(
    model: MaskedAutoencoder, samples: Sequence[Sample], title: str, settings: Settings | None = None
) -> Figure:
    """Figures 4 to 6: query, masked input, recovered, difference, total score and ground truth, a row per picture."""
    heads = ("Query", "Masked", "Recovered", "Difference", "Total score", "Ground truth")
    figure = Figure(figsize=(1.7 * len(heads), 1.75 * len(samples) + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.subplots(len(samples), len(heads), squeeze=False)
    for axes, sample in zip(grid, samples, strict=True):
        image = load_image(sample.path)
        result = detect(model, image, settings)
        side = result.query.shape[0]
        scale = colour_scale(result)
        truth = truth_of(sample, image.shape[:2])
        white = resize(np.repeat(truth[..., None] * np.uint8(255), 3, axis=2), side, side)
        total = resize(heat_map(result.error_map, scale), side, side)
        shown = (
            result.query,
            masked_input(result, 0),
            reconstruction(result, 0),
            difference(result, 0, scale),
            total,
            white,
        )
        for axis, picture in zip(axes, shown, strict=True):
            axis.imshow(picture)
            axis.set_xticks([])
            axis.set_yticks([])
        if sample.anomalous and sample.mask is None:
            axes[-1].images[0].remove()
            axes[-1].set_axis_off()  # its title stays
        axes[4].set_xlabel(f"score {result.image_score:.2f}", fontsize=8)
    for axis, head in zip(grid[0], heads, strict=True):
        axis.set_title(head, fontsize=9)
    return figure


def _csv(table: Table) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table.cells)
    return text.getvalue()


STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem;color:#1c1c1e}
h2{font-size:1.1rem;margin:2rem 0 .4rem}table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{padding:.25rem .8rem;border-bottom:1px solid #d8dbe0;text-align:right;white-space:nowrap;font-weight:400}
th{border-bottom:2px solid #8a8f98;font-weight:600}td:first-child,th:first-child{text-align:left}
figure{margin:2rem 0}figure img{max-width:100%}p{color:#555}"""
