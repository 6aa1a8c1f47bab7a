"""JSON Lines files that grow during a long run and survive its being killed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from maeday_core.errors import DatasetError
from maeday_core.io.files import replacing

Row = dict[str, Any]
"""One line of a journal: a JSON object."""


def read_rows(path: Path, *keys: str) -> list[Row]:
    """The rows of a journal; none if the file does not exist.

    A last line without its line break was cut off and is left out.

    Args:
        path: the journal.
        keys: the keys that every row must have.

    Raises:
        DatasetError: the file is no journal, or a row lacks one of `keys`.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    try:
        rows = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        if not all(isinstance(row, dict) and row.keys() >= set(keys) for row in rows):
            raise ValueError(keys)
    except ValueError as error:
        raise DatasetError(f"{path} is not what such a run writes; give another folder for the results.") from error
    return rows


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add rows at the end of a journal, which is created if it does not exist."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def rewrite(path: Path, rows: Iterable[Row]) -> None:
    """Put these rows in place of all others: whoever reads the journal finds the old ones or the new ones."""
    with replacing(path) as temporary:
        append_rows(temporary, rows)


def mend(path: Path) -> None:
    """Remove a last line that was cut off, so that rows can be appended again."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs.

    Raises:
        DatasetError: another run is writing there.
    """
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise DatasetError(f"Another run is writing to {folder}; wait for it, or give another folder.") from error
