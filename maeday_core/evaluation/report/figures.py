"""The paper's Figures 2 and 3: AUROC by the number of good parts and by the number of masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maeday_core.evaluation.records import Result
from maeday_core.evaluation.repetitions import COUNTS, ENOUGH, mean_curve
from maeday_core.evaluation.report.columns import TITLES, Column, categories_text, columns, shared_categories
from maeday_core.methods import Method, find
from maeday_core.model.masks import SAMPLINGS

SAMPLING_STYLES = {"random": ("#d55e00", "o-"), "balanced": ("#0072b2", "s--")}
DODGE = 0.02
"""Share of the width between the marks of two methods, so that none hides another."""


@dataclass(frozen=True)
class Drawing:
    """A figure with its name, for a file, and the caption to put under it."""

    name: str
    caption: str
    figure: Figure


def figure_2(results: Sequence[Result]) -> Iterator[Drawing]:
    """AUROC by shots, over the categories that every column was evaluated on; none with one number of shots only."""
    plain = [c for c in columns(results) if c.made_by.preset in (None, "default") and not c.variant]
    numbers = sorted({column.made_by.shots for column in plain})
    if len(numbers) < 2:
        return
    methods = list(dict.fromkeys(find(column.made_by.method) for column in plain))
    figure, panels = _panels("good parts (shots)")
    for metric, axes in panels.items():
        shared = shared_categories(plain, metric)
        for place, method in enumerate(methods):
            beside = DODGE * numbers[-1] * (place - (len(methods) - 1) / 2)
            _plot_method(axes, method, plain, metric, shared, beside)
        axes.set_xticks(numbers)
        axes.margins(x=0.08)
    _legend(figure, panels["image_auroc"])
    count, seeds = len(shared_categories(plain, "image_auroc")), len({result.made_by.seed for result in results})
    caption = f"Figure 2: AUROC by the number of good parts; mean of {count} categories, deviation over {seeds} seeds."
    yield Drawing("figure-2", caption, figure)


def _plot_method(
    axes: Axes, method: Method, columns: Sequence[Column], metric: str, categories: Sequence[str], beside: float
) -> None:
    points = [
        (column.made_by.shots + beside, fmean(means), pstdev(means))
        for column in columns
        if column.made_by.method == method.name and (means := column.seed_means(metric, categories))
    ]
    if points:
        x, y, deviations = zip(*sorted(points), strict=True)
        line, colour = f"{method.style.marker}-", method.style.colour
        axes.errorbar(x, y, deviations, fmt=line, color=colour, label=method.title, capsize=3, ms=5)


def figure_3(curves: Sequence[Result]) -> Iterator[Drawing]:
    """AUROC by the number of masks, with what is within half a point of the last value shaded."""
    if not curves:
        return
    figure, panels = _panels("masks N")
    for metric, axes in panels.items():
        for sampling in SAMPLINGS:
            colour, style = SAMPLING_STYLES[sampling]
            values = np.array(mean_curve(curves, sampling, metric), dtype=float)
            axes.plot(COUNTS, values, style, color=colour, label=sampling, ms=5)
            if np.isfinite(values[-1]):
                axes.axhspan(values[-1] - ENOUGH, values[-1] + ENOUGH, color=colour, alpha=0.1, lw=0)
        axes.set_xscale("log", base=2)
        axes.set_xticks(COUNTS, [str(n) for n in COUNTS])
        axes.minorticks_off()
    _legend(figure, panels["image_auroc"])
    seeds = len({result.made_by.seed for result in curves})
    caption = f"Figure 3: AUROC by repetitions, zero-shot; mean of {categories_text(curves)} and {seeds} seeds. "
    yield Drawing("figure-3", caption + f"Shaded: within {ENOUGH} points of the value with {COUNTS[-1]} masks.", figure)


def _panels(across: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for image and one for pixel AUROC."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = dict(zip(TITLES, figure.subplots(1, len(TITLES)), strict=True))
    for metric, axes in panels.items():
        axes.set_xlabel(across)
        axes.set_ylabel(f"{TITLES[metric]} (%)")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
