"""JSON Lines files that are written as a long run goes and survive its being killed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from maeday_core.errors import DatasetError


def read_rows(path: Path, *keys: str) -> list[dict[str, Any]]:
    """The whole rows of a JSON Lines file, none if there is no file.

    Raises:
        DatasetError: it is not one, or a row lacks one of `keys`.
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


def append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows at the end of a JSON Lines file, all at once."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def mend(path: Path) -> None:
    """Remove a last line that was cut off, so that the next one can be written after it."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs.

    Raises:
        DatasetError: one is writing there.
    """
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise DatasetError(f"Another run is writing to {folder}; wait for it, or give another folder.") from error
