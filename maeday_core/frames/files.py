"""The tables of a run: `frames.jsonl`, `frames.csv` and `left_out.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maeday_core.frames.verdict import Verdict
from maeday_core.io.files import replacing
from maeday_core.io.table import csv_text

ROWS = "frames.jsonl"
TABLE = "frames.csv"
LEFT_OUT = "left_out.jsonl"
COLUMNS = ("path", "time", "image_score", "threshold", "verdict", "objects", "boxes")

Row = dict[str, Any]


def write_tables(folder: Path, verdicts: Iterable[Verdict]) -> None:
    """Write the rows of all verdicts as JSON Lines and CSV, each file at once."""
    rows = [verdict.row for verdict in verdicts]
    for name, text in ((ROWS, _jsonl(rows)), (TABLE, csv_text([COLUMNS, *map(_cells, rows)]))):
        with replacing(folder / name) as path:
            path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def append_to_tables(folder: Path, verdict: Verdict) -> None:
    """Add the row of one verdict to both files."""
    for name, text in ((ROWS, _jsonl([verdict.row])), (TABLE, csv_text([_cells(verdict.row)]))):
        with (folder / name).open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)


def _jsonl(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _cells(row: Row) -> list[Any]:
    return [*(row[name] for name in COLUMNS[:5]), len(row["boxes"]), json.dumps(row["boxes"])]
