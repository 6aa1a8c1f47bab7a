"""What tells the frames of a batch apart: their own names, less what all of these share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from maeday_core.frames.records import FrameRecord
from maeday_core.io.files import printable

TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]")
"""A number, a word, or one sign: what two names share is told in these, so that no number is cut."""
MOMENT, MOMENT_OF = "{time:g} s", "{time:g} s of {name}"


def labels(records: Sequence[FrameRecord]) -> dict[int, str]:
    """A short name for each frame by its number: its time in a video, else its path less what all paths share."""
    paths = list(dict.fromkeys(record.path for record in records))
    names = dict(zip(paths, short_names(paths), strict=True))
    moment = MOMENT if len(paths) == 1 else MOMENT_OF
    return {
        record.number: names[record.path]
        if record.time is None
        else moment.format(time=record.time, name=names[record.path])
        for record in records
    }


def short_names(paths: Sequence[str]) -> list[str]:
    """Paths less what all begin and end with; the files' names, or the paths, where too little would be left."""
    tokens = [TOKEN.findall(path) for path in paths]
    start = _shared(tokens)
    rest = [found[start:] for found in tokens]
    end = _shared([found[::-1] for found in rest])
    short = ["".join(found[: len(found) - end]).strip(" _-./") for found in rest]
    for names in (short, [Path(path).name for path in paths]):
        if all(names) and len(set(names)) == len(paths):
            return [printable(name) for name in names]
    return [printable(path) for path in paths]


def _shared(lists: Sequence[Sequence[str]]) -> int:
    """With how many equal items all lists begin."""
    shortest = min(map(len, lists), default=0)
    return next((at for at in range(shortest) if len({one[at] for one in lists}) > 1), shortest)
