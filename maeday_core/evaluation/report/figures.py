"""The paper's Figures 2 to 6: AUROC by shots and by repetitions, and what the model saw of some pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from maeday_core.detection.reconstruction import Settings
from maeday_core.detection.windows import detect
from maeday_core.drawing.pictures import COLOUR_MAP, COLOUR_SCALE, difference, heat_map, masked_input, reconstruction
from maeday_core.evaluation.datasets import Sample, truth_of
from maeday_core.evaluation.repetitions import COUNTS, ENOUGH, curve_mean
from maeday_core.evaluation.report.runs import TITLES, Rows, grouped, means_by_seed, over, shared_by
from maeday_core.io.images import RGBImage, load_image, resize
from maeday_core.methods.base import NAMES
from maeday_core.model.mae import MaskedAutoencoder
from maeday_core.model.masks import SAMPLINGS

STYLES = {
    "maeday": ("#d55e00", "o"),
    "self": ("#cc79a7", "D"),
    "patchcore": ("#0072b2", "s"),
    "2xpatchcore": ("#56b4e9", "v"),
    "ensemble": ("#009e73", "^"),
}
"""Colours that the colour-blind tell apart (Okabe and Ito's), and marks for those who print in grey."""
SAMPLING_STYLES = {"random": ("#d55e00", "o-"), "balanced": ("#0072b2", "s--")}
DODGE = 0.02
"""Share of the width between the marks of two methods, so that none hides another."""
SHOWN = 6
HEADS = ("Query", "Masked", "Recovered", "Difference", "Total score", "Ground truth")


@dataclass(frozen=True)
class Drawing:
    """A figure with its name, for a file, and the caption to put under it."""

    name: str
    caption: str
    figure: Figure


def figures(rows: Rows, curves: Rows, scores: Rows, model: MaskedAutoencoder | None) -> Iterator[Drawing]:
    """Every figure that can be drawn.

    Args:
        rows, scores: of `evaluate`.
        curves: of `repetitions`.
        model: draws what it saw, where it is the one that was evaluated and the pictures are still there.
    """
    yield from _by_shots(rows)
    yield from _by_repetitions(curves)
    if model:
        yield from _pictures(rows, scores, model)


def _panels(across: str) -> tuple[Figure, dict[str, Any]]:
    """A figure with a panel for image and one for pixel AUROC."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = dict(zip(TITLES, figure.subplots(1, len(TITLES)), strict=True))
    for metric, axes in panels.items():
        axes.set_xlabel(across)
        axes.set_ylabel(f"{TITLES[metric]} (%)")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _by_shots(rows: Rows) -> Iterator[Drawing]:
    """Figure 2: over the categories that every number of shots was evaluated on."""
    groups = {group: found for group, found in grouped(rows).items() if group[2] in (None, "default") and not group[3]}
    numbers = sorted({group[1] for group in groups})
    if len(numbers) < 2:
        return
    figure, panels = _panels("good parts (shots)")
    for metric, axes in panels.items():
        shared = shared_by(groups.values(), metric)
        for place, (method, (colour, mark)) in enumerate(STYLES.items()):
            beside = DODGE * numbers[-1] * (place - len(STYLES) // 2)
            points = [
                (group[1] + beside, fmean(means), pstdev(means))
                for group, found in groups.items()
                if group[0] == method and (means := means_by_seed(found, metric, shared))
            ]
            if points:
                across, up, deviations = zip(*sorted(points), strict=True)
                axes.errorbar(
                    across, up, deviations, fmt=f"{mark}-", color=colour, label=NAMES[method], capsize=3, ms=5
                )
        axes.set_xticks(numbers)
        axes.margins(x=0.08)
    handles, labels = panels["image_auroc"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    count, seeds = len(shared_by(groups.values(), "image_auroc")), len({row["seed"] for row in rows})
    caption = f"Figure 2: AUROC by the number of good parts; mean of {count} categories, deviation over {seeds} seeds."
    yield Drawing("figure-2", caption, figure)


def _by_repetitions(curves: Rows) -> Iterator[Drawing]:
    """Figure 3, with what is within half a point of the last value shaded."""
    if not curves:
        return
    figure, panels = _panels("masks N")
    for metric, axes in panels.items():
        for sampling in SAMPLINGS:
            colour, style = SAMPLING_STYLES[sampling]
            values = [curve_mean(curves, sampling, count, metric) for count in COUNTS]
            axes.plot(COUNTS, values, style, color=colour, label=sampling, ms=5)
            if np.isfinite(values[-1]):
                axes.axhspan(values[-1] - ENOUGH, values[-1] + ENOUGH, color=colour, alpha=0.1, lw=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
        axes.minorticks_off()
    handles, labels = panels["image_auroc"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    seeds = len({row["seed"] for row in curves})
    caption = f"Figure 3: AUROC by repetitions, zero-shot; mean of {over(curves)} and {seeds} seeds. "
    yield Drawing("figure-3", caption + f"Shaded: within {ENOUGH} points of the value with {COUNTS[-1]} masks.", figure)


def _pictures(rows: Rows, scores: Rows, model: MaskedAutoencoder) -> Iterator[Drawing]:
    """Figures 4 to 6, by this model's zero-shot scores with the first seed: of each category the defective picture that
    scores highest and, where the order of the two is wrong, the one that scores lowest and the highest good one."""
    ours = {
        r["run"]: r for r in rows if (r["method"], r["shots"], r["model_sha256"]) == ("maeday", 0, model.info.sha256)
    }
    first: dict[str, str] = {}
    for run, row in ours.items():
        first.setdefault(row["category"], run)
    found, missed, mistaken = [], [], []
    for run in list(first.values())[:SHOWN]:
        judged = [row for row in scores if row["run"] == run and Path(row["path"]).is_file()]
        judged.sort(key=lambda row: row["image_score"])
        bad = [row for row in judged if row["defect"] != "good"]
        good = [row for row in judged if row["defect"] == "good"]
        found += bad[-1:]
        if bad and good and bad[0]["image_score"] < good[-1]["image_score"]:
            missed.append(bad[0])
            mistaken.append(good[-1])
    captions = {
        "figure-4": "Figure 4, found: the defective picture of each category that scores highest.",
        "figure-5": "Figure 5, missed: the defective picture of each category that scores lowest, below a good one.",
        "figure-6": "Figure 6, mistaken: the good picture of each category that scores highest, above a defective one.",
    }
    for (name, caption), chosen in zip(captions.items(), (found, missed, mistaken), strict=True):
        if chosen:
            facts = ours[chosen[0]["run"]]
            settings = Settings(**{field.name: facts[field.name] for field in fields(Settings)})
            samples = {f"{row['category']}\n{row['defect']}": _sample(row) for row in chosen}
            yield Drawing(name, f"{caption} {SEEN}", what_it_saw(model, samples, settings))


SEEN = "Masked, recovered and difference are those of the first mask; the total score is the mean over all masks."


def _sample(row: dict[str, Any]) -> Sample:
    mask = Path(row["mask"]) if row["mask"] and Path(row["mask"]).is_file() else None
    return Sample(Path(row["path"]), row["defect"], mask)


def what_it_saw(model: MaskedAutoencoder, samples: dict[str, Sample], settings: Settings | None = None) -> Figure:
    """Query, masked input, recovered, difference, total score and ground truth: a row per picture.

    Args:
        samples: by what to write beside each.
    """
    width, height = 1.5 * len(HEADS) + 0.4, 1.62 * len(samples) + 0.8
    close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0.01)
    figure = Figure(figsize=(width, height), layout=close)
    grid = figure.subplots(len(samples), len(HEADS), squeeze=False)
    for axes, (label, sample) in zip(grid, samples.items(), strict=True):
        score, pictures = _seen(model, sample, settings)
        for axis, picture in zip(axes, pictures, strict=True):
            axis.set_xticks([])
            axis.set_yticks([])
            if picture is None:
                axis.set_axis_off()  # its title stays
                axis.text(0.5, 0.5, "not known", ha="center", va="center", fontsize=8, transform=axis.transAxes)
            else:
                axis.imshow(picture)
        axes[0].set_ylabel(label, fontsize=9)
        axes[4].set_xlabel(f"S = {score:.2f}", fontsize=8, labelpad=2)
    for axis, title in zip(grid[0], HEADS, strict=True):
        axis.set_title(title, fontsize=10)
    colours = ScalarMappable(Normalize(0, COLOUR_SCALE), COLOUR_MAP)
    bar = figure.colorbar(colours, ax=grid, location="bottom", shrink=0.35, aspect=30, pad=0.01, extend="max")
    bar.set_label("squared error of R, G and B in [0, 1]", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def _seen(
    model: MaskedAutoencoder, sample: Sample, settings: Settings | None
) -> tuple[float, Sequence[RGBImage | None]]:
    image = load_image(sample.path)
    result = detect(model, image, settings)
    side, scale = result.query.shape[0], (0.0, COLOUR_SCALE)
    total = resize(heat_map(result.error_map, scale), side, side)
    truth = None
    if sample.mask or not sample.anomalous:
        white = truth_of(sample, image.shape[:2])[..., None] * np.uint8(255)
        truth = resize(np.repeat(white, 3, axis=2), side, side)
    seen = (result.query, masked_input(result, 0), reconstruction(result, 0), difference(result, 0, scale))
    return result.image_score, (*seen, total, truth)
