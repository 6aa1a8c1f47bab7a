"""Writing files: atomically, with the permissions that the user's umask gives, under names that never collide."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = re.compile(r"\.[0-9a-f]{32}")
"""The stems of the temporary files of `replacing`."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to `path` when the block ends.

    A reader finds the old file or the whole new one, never a part. If the block raises, the temporary file is removed
    and `path` stays as it was. The temporary name is hidden and has the suffix of `path`. Missing parent folders are
    created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path, *suffixes: str) -> None:
    """Remove what `replacing` left in a folder when the program was killed; nobody else may be writing such files."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in suffixes and TEMPORARY.fullmatch(path.stem):
            path.unlink()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unique(name: str, taken: set[str]) -> str:
    """A file name that differs from all those `taken` by more than the case of its letters.

    Args:
        name: the wanted name.
        taken: the names in use, case-folded; the result is added.

    Returns:
        `name` if it is free, else `stem (2).suffix`, `stem (3).suffix` and so on.
    """
    stem, suffix = os.path.splitext(name)
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{stem} ({number}){suffix}"
    taken.add(free.casefold())
    return free


def printable(text: str) -> str:
    """A text that any terminal and page can show, though the name of a file in it may be no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
