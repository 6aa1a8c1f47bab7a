"""The figures of a benchmark as files: JSON for programs, a table in Markdown, a plot of its lines."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.timing import Row
from maeday_core.io.files import replacing


def write(name: str, rows: Sequence[Row], folder: Path) -> None:
    """Write `NAME.json` and `NAME.md`, and `NAME.png` where rows are points of a line.

    Raises:
        OutputError: they cannot be written.
    """
    facts = {"benchmark": name, "processor": processor(), "python": platform.python_version(), "rows": rows}
    with replacing(folder / f"{name}.json") as path:
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / f"{name}.md") as path:
        path.write_text(markdown(rows), encoding="utf-8")
    if any("line" in row for row in rows):
        with replacing(folder / f"{name}.png") as path:
            plot(rows).savefig(path, format="png", dpi=150)


def markdown(rows: Sequence[Row]) -> str:
    """The figures as a table, beneath the processor."""
    table = [f"| {row['what']} | {row['value']:.4g} {row['unit']} |" for row in rows]
    return "\n".join([processor(), "", "| | measured |", "| --- | --- |", *table, ""])


def plot(rows: Sequence[Row]) -> Figure:
    """Seconds against size, a panel a line, both scales logarithmic, beside the line of a cost in proportion."""
    names = list(dict.fromkeys(row["line"] for row in rows if "line" in row))
    figure = Figure(figsize=(3.4 * len(names), 3.4), layout="constrained")
    for name, axes in zip(names, figure.subplots(1, len(names), squeeze=False)[0], strict=True):
        sizes, seconds = zip(*[(row["x"], row["value"]) for row in rows if row.get("line") == name], strict=True)
        axes.loglog(sizes, seconds, "o-", color="#0072b2", label="measured")
        last = seconds[-1] / sizes[-1]
        axes.loglog(sizes, [last * size for size in sizes], "--", color="#767676", label="in proportion")
        axes.set_xticks(sizes, [f"{size:.3g}" for size in sizes])
        axes.set_yticks(seconds, [f"{one:.2g}" for one in seconds])
        axes.minorticks_off()
        axes.set_xlabel(name)
        axes.set_ylabel("seconds")
        axes.legend(frameon=False)
    return figure


def processor() -> str:
    """What the system calls its processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # of Linux; elsewhere Python knows
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
