"""The tables of a run: `frames.jsonl`, `frames.csv`, `boxes.csv` and `left_out.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maeday_core.frames.triage import NOT_JUDGED, Judgements, ranks
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.io.files import replacing, writing
from maeday_core.io.remote import is_remote
from maeday_core.io.table import csv_text

ROWS = "frames.jsonl"
TABLE = "frames.csv"
BOXES = "boxes.csv"
LEFT_OUT = "left_out.jsonl"
CHOSEN = ("method", "shots", "model", "masks", "mask_ratio", "sampling", "seed", "tile", "preset", "backbone")
"""Settings that are the same in every row: a line above the header would break what reads the table."""
COLUMNS = ("rank", "path", "time", "image_score", "threshold", "factor", "verdict", "objects", "judged", *CHOSEN)
BOX = ("x", "y", "width", "height", "area", "peak")
BOX_COLUMNS = ("rank", "path", "time", "box", *BOX, "centre_x", "centre_y")
DIGITS = 4
"""Significant ones in the tables; JSON Lines has all."""

Row = dict[str, Any]


def row_of(verdict: Verdict, rank: int | None = None, judged: str | None = None) -> Row:
    """`Verdict.row`, with the frame's place in the order of the scores, what a person said of it, and the settings."""
    settings = {name: value for name, value in verdict.record.settings.items() if name != "alarm_rate"}
    return verdict.row | {"rank": rank, "judged": judged, "settings": settings}


def rows_of(judgement: Judgement, judged: Judgements = NOT_JUDGED) -> list[Row]:
    """The rows of all frames, in their order."""
    places = ranks(judgement)
    numbered = [(verdict.record.number, verdict) for verdict in judgement.verdicts]
    return [row_of(verdict, places[number], judged.get(number)) for number, verdict in numbered]


def write_tables(folder: Path, rows: Sequence[Row]) -> None:
    """Write all tables, each at once: JSON Lines in the order of the frames, the others worst first."""
    worst = sorted(rows, key=lambda row: row["rank"])
    tables = {
        ROWS: _jsonl(rows),
        TABLE: csv_text([COLUMNS, *map(_cells, worst)]),
        BOXES: csv_text([BOX_COLUMNS, *(cells for row in worst for cells in _box_cells(row))]),
    }
    for name, text in tables.items():
        with replacing(folder / name) as path:
            path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def append_to_tables(folder: Path, verdict: Verdict) -> None:
    """Add the row of one verdict, without a rank yet; an object store appends to no file, and gets the final rows."""
    if is_remote(folder):
        return
    row = row_of(verdict)
    tables = {ROWS: _jsonl([row]), TABLE: csv_text([_cells(row)]), BOXES: csv_text(_box_cells(row))}
    for name, text in tables.items():
        path = folder / name
        with writing(path), path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)


def _jsonl(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _cells(row: Row) -> list[Any]:
    limit = row["threshold"]
    factor = row["image_score"] / limit if limit else None
    told: Mapping[str, Any] = row | {"objects": len(row["boxes"]), "factor": factor} | row["settings"]
    return [_short(told.get(name)) if name not in ("time", "seed") else told.get(name) for name in COLUMNS]


def _box_cells(row: Row) -> list[list[Any]]:
    return [
        [row["rank"], row["path"], row["time"], number, *(_short(box[name]) for name in BOX), *box["centre"]]
        for number, box in enumerate(row["boxes"], 1)
    ]


def _short(value: Any) -> Any:
    """A number with fewer digits."""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value
