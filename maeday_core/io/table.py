"""Tables as comma-separated values, in which a spreadsheet finds nothing to compute."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may take for a formula (OWASP, CSV Injection)."""


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Rows of cells as text; a text that begins like a formula, and is no number, gets a `'` before it."""
    text = io.StringIO()
    csv.writer(text).writerows([*map(_cell, row)] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str) or value == "-" or not value.startswith(FORMULA):
        return value
    with contextlib.suppress(ValueError):
        float(value)
        return value
    return f"'{value}"
