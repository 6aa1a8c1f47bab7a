"""Hostile files of corrections: false facts, lines of other kinds, damaged text."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.fuzz.damage import damaged
from tests.fuzz.saved import VALUES

MORE: tuple[Any, ...] = (
    10**400,
    float("-inf"),
    [float("inf")] * 4,
    [1, 2, 3],
    [[1], 2, 3, 4],
    ["1", "2", "3", "4"],
    "0x" + "1" * 62,
    "1_" * 32,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "yesterday",
    "defect",
    "\ud800",
)
LINES = ("null", "[]", "5", '"text"', "{", "{}", "[" * 100_000, "9" * 1_000_000, "\x00", "﻿{}")


def corrections(rng: random.Random) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that is, or pretends to be, what an inspector said."""
    rows = [_row(rng) for _ in range(rng.randint(1, 5))]
    if rng.random() < 0.7:
        for _ in range(rng.choice((1, 1, 3))):
            row, name = rng.choice(rows), rng.choice(("picture", "label", "time", "box", "path", "at"))
            if rng.random() < 0.15:
                row.pop(name, None)
            else:
                row[name] = rng.choice(VALUES + MORE)
    lines = [json.dumps(row) for row in rows]
    if rng.random() < 0.2:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(LINES))
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return ".jsonl", damaged(content, rng) if rng.random() < 0.2 else content


def _row(rng: random.Random) -> dict[str, Any]:
    return {
        "picture": f"{rng.getrandbits(256):064x}",
        "label": rng.choice(("normal", "defect")),
        "time": f"2026-01-{rng.randint(1, 28):02}T10:00:00+00:00",
        "box": rng.choice((None, [1, 2, 30, 40])),
        "path": rng.choice(("", "part.png")),
        "at": rng.choice((None, 1.5)),
    }
