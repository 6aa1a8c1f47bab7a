"""The report on an evaluation: the paper's tables and figures as files, as one Markdown text and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from maeday_core.drawing.html import render
from maeday_core.errors import DatasetError
from maeday_core.evaluation.records import Result, Score, read
from maeday_core.evaluation.repetitions import REPETITIONS
from maeday_core.evaluation.report.columns import last_curves, latest
from maeday_core.evaluation.report.examples import example_figures
from maeday_core.evaluation.report.figures import Drawing, figure_2, figure_3
from maeday_core.evaluation.report.tables import Table, hardware, tables
from maeday_core.evaluation.store import RESULTS, SCORES
from maeday_core.model.mae import MaskedAutoencoder


def report(folder: Path, out: Path, model: MaskedAutoencoder | None = None) -> list[Path]:
    """Write tables (Markdown, CSV), figures (PNG, SVG), and all of them as `report.md` and as one HTML page.

    Args:
        folder: where `evaluate` and `repetitions` wrote.
        out: where to write.
        model: draws what it saw of the pictures that were found, missed, and taken for defective, if it is the one
            that was evaluated and the pictures are still there.

    Returns:
        What was written.

    Raises:
        DatasetError: there are no results, or they are of another version.
    """
    results, curves = latest(read(folder / RESULTS, Result)), last_curves(read(folder / REPETITIONS, Result))
    if not results and not curves:
        raise DatasetError(f"{folder} holds no results; run evaluate with --out {folder} first.")
    out.mkdir(parents=True, exist_ok=True)
    made = tables(results, curves)
    drawn = [*figure_2(results), *figure_3(curves)]
    if model:
        drawn += example_figures(results, read(folder / SCORES, Score), model)
    return [*_write_figures(drawn, out), *_write_texts(made, drawn, out)]


def _write_figures(drawn: Sequence[Drawing], out: Path) -> Iterator[Path]:
    for drawing in drawn:
        for suffix in ("png", "svg"):
            path = out / f"{drawing.name}.{suffix}"
            drawing.figure.savefig(path, dpi=200, bbox_inches="tight", pad_inches=0.05)
            yield path


def _write_texts(made: Sequence[Table], drawn: Sequence[Drawing], out: Path) -> Iterator[Path]:
    """Write the tables, and all with the figures, whose PNG files are there already, as one text and one page."""
    pictures = [(drawing.caption, (out / f"{drawing.name}.png").read_bytes()) for drawing in drawn]
    contents = {f"{table.name}.md": table.markdown for table in made}
    contents |= {f"{table.name}.csv": table.csv for table in made}
    contents["report.md"] = "\n".join(
        [table.markdown for table in made]
        + [f"![{drawing.name}]({drawing.name}.png)\n\n{drawing.caption}\n" for drawing in drawn]
    )
    contents["report.html"] = render("evaluation", hardware=hardware(), tables=made, pictures=pictures)
    for name, content in contents.items():
        (out / name).write_text(content, encoding="utf-8", errors="backslashreplace")
        yield out / name
