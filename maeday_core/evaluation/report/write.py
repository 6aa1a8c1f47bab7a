"""The report on an evaluation: the paper's tables and figures as files, as one Markdown text and as one HTML page."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from maeday_core.errors import DatasetError
from maeday_core.evaluation.evaluate import RESULTS, SCORES
from maeday_core.evaluation.repetitions import REPETITIONS
from maeday_core.evaluation.report.figures import Drawing, figures
from maeday_core.evaluation.report.runs import latest, whole
from maeday_core.evaluation.report.tables import Table, machine, tables
from maeday_core.io.journal import read_rows
from maeday_core.model.mae import MaskedAutoencoder


def report(folder: Path, out: Path, model: MaskedAutoencoder | None = None) -> list[Path]:
    """Write tables (Markdown, CSV), figures (PNG, SVG), and all of them as `report.md` and as one HTML page.

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
    rows, curves = latest(read_rows(folder / RESULTS, "run")), whole(read_rows(folder / REPETITIONS, "model_sha256"))
    if not rows and not curves:
        raise DatasetError(f"{folder} holds no results; run evaluate with --out {folder} first.")
    out.mkdir(parents=True, exist_ok=True)
    made = tables(rows, curves)
    contents = {f"{table.name}.md": table.markdown for table in made} | {
        f"{table.name}.csv": table.csv for table in made
    }
    drawn, written = [], []
    for drawing in figures(rows, curves, read_rows(folder / SCORES, "run", "path"), model):
        for suffix in ("png", "svg"):
            written.append(out / f"{drawing.name}.{suffix}")
            drawing.figure.savefig(written[-1], dpi=200, bbox_inches="tight", pad_inches=0.05)
        drawn.append(drawing)
    contents |= {"report.md": _markdown(made, drawn), "report.html": _page(made, drawn, out)}
    for name, content in contents.items():
        written.append(out / name)
        written[-1].write_text(content, encoding="utf-8")
    return written


def _markdown(made: list[Table], drawn: list[Drawing]) -> str:
    pictures = [f"![{drawing.name}]({drawing.name}.png)\n\n{drawing.caption}\n" for drawing in drawn]
    return "\n".join([*[table.markdown for table in made], *pictures])


def _page(made: list[Table], drawn: list[Drawing], out: Path) -> str:
    pictures = ""
    for drawing in drawn:
        data = base64.b64encode((out / f"{drawing.name}.png").read_bytes()).decode()
        pictures += f'<figure><div><img alt="{drawing.name}" src="data:image/png;base64,{data}"></div>'
        pictures += f"<figcaption>{html.escape(drawing.caption)}</figcaption></figure>"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>MAEDAY: evaluation</title><style>{STYLE}</style>"
        f"<h1>MAEDAY: evaluation</h1><p>{html.escape(machine())}</p>"
        f"{''.join(table.page for table in made)}{pictures}</html>"
    )


STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1300px;margin:2rem auto;padding:0 1rem;color:#1c1c1e}
h2{font-size:1.1rem;margin:2rem 0 .4rem}p,figcaption{color:#555;max-width:60rem}
table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{padding:.25rem .6rem;border-bottom:1px solid #d8dbe0;text-align:right;font-weight:400}td{white-space:nowrap}
th{border-bottom:2px solid #8a8f98;font-weight:600;vertical-align:bottom}
td:first-child,th:first-child{text-align:left;white-space:normal;min-width:8rem;position:sticky;left:0;background:#fff}
figure{margin:2.5rem 0;max-width:1100px}figure div{overflow-x:auto}img{width:100%;min-width:640px}"""
