"""JSON Lines files that grow during a long run and survive its being killed.

An object store appends to no file: there, what is added lies in parts beside the journal until it is rewritten.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from maeday_core.errors import DatasetError
from maeday_core.io import remote
from maeday_core.io.files import replacing, writing
from maeday_core.io.lease import leased

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
    if remote.is_remote(path):
        content = b"".join(remote.contents([*_whole(path), *_parts(path)]))
    elif path.exists():
        content = path.read_bytes()
    else:
        return []
    try:
        rows = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        if not all(isinstance(row, dict) and row.keys() >= set(keys) for row in rows):
            raise ValueError(keys)
    except ValueError as error:
        raise DatasetError(f"{path} is not what such a run writes; give another folder for the results.") from error
    return rows


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add rows at the end of a journal, which is created if it does not exist."""
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if remote.is_remote(path):
        with replacing(_folder(path) / f"{time.time_ns():020}-{uuid.uuid4().hex}.jsonl") as part:
            part.write_text(text, encoding="utf-8")
        return
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


def rewrite(path: Path, rows: Iterable[Row]) -> None:
    """Put these rows in place of all others: whoever reads the journal finds the old ones or the new ones."""
    parts = _parts(path) if remote.is_remote(path) else []
    with replacing(path) as temporary:
        append_rows(temporary, rows)
    for part in parts:
        part.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a journal, if there is one."""
    for old in (path, *(_parts(path) if remote.is_remote(path) else ())):
        old.unlink(missing_ok=True)


def gather(path: Path) -> None:
    """Make one file of a journal that lies in parts; one that does not stays as it is."""
    if remote.is_remote(path) and _parts(path):
        rewrite(path, read_rows(path))


def _folder(path: Path) -> Path:
    """Where the parts of a journal in an object store lie."""
    return path.with_name(f"{path.name}.parts")


def _parts(path: Path) -> list[Path]:
    return list(remote.files_below(_folder(path)))


def _whole(path: Path) -> list[Path]:
    return [path] if remote.exists(path) else []


def mend(path: Path) -> None:
    """Remove a last line that was cut off, so that rows can be appended again."""
    if not remote.is_remote(path) and path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock a folder against other runs; in an object store for a minute after the process is killed, too.

    Raises:
        DatasetError: another run is writing there.
    """
    lock = leased(folder) if remote.is_remote(folder) else FileLock(folder / ".lock", timeout=0)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except (Timeout, BlockingIOError) as error:
            raise DatasetError(f"Another run is writing to {folder}; wait for it, or give another folder.") from error
        yield
