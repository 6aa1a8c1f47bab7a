"""Writing files: atomically, with the permissions that the user's umask gives, under names that never collide."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from maeday_core.errors import OutputError
from maeday_core.io import remote

PROBE = bytes(65536)
"""What is written to try a place: a full disk still takes a name."""
LONGEST_NAME = 255
"""Bytes of a file name that every file system takes."""
TEMPORARY = re.compile(r"\.[0-9a-f]{32}")
"""The stems of the temporary files of `replacing`."""


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """What the system says when the block cannot write `path`, in a sentence.

    Raises:
        OutputError: there is no space, no permission, or a folder of that name.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(_sentence(_path(path), error)) from error


def _path(path: str | os.PathLike[str]) -> Path:
    """A path of a name; what is one, or lies in an object store, as it is."""
    return Path(path) if isinstance(path, str) else cast(Path, path)


def _sentence(path: Path, error: OSError) -> str:
    short = error.errno is None and "requested" in str(error)  # numpy, of a file that took only a part
    if short or error.errno in (errno.ENOSPC, errno.EDQUOT):
        folder = path if path.is_dir() else path.parent
        return f"There is no space left in {printable(str(folder))}; make room there, or give another place."
    if error.errno == errno.EISDIR:
        return f"{printable(str(path))} is a folder; give the name of a file."
    said = error.strerror or str(error)
    return f"{printable(str(path))} cannot be written ({said}); check its permissions, or give another place."


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse the name of a file that cannot be written, before the work.

    Raises:
        OutputError: it is a folder, or its folder takes no file.
    """
    path = Path(path)
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        check_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create a folder if it is missing; an object store has none."""
    if not remote.is_remote(folder):
        folder.mkdir(parents=True, exist_ok=True)


def link_or_copy(old: Path, new: Path) -> None:
    """Give a file another name, in place of what has it; where a file system knows no links, copy it."""
    make_folder(new.parent)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def check_folder(folder: Path) -> None:
    """Create a folder if it is missing, and refuse one that takes no file, before the work.

    Raises:
        OutputError: it cannot be created, or takes no file.
    """
    probe = folder / f".{uuid.uuid4().hex}"
    with writing(folder):
        if remote.is_remote(folder):
            remote.check_folder(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(PROBE)
        finally:
            probe.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to `path` when the block ends.

    A reader finds the old file or the whole new one, never a part. If the block raises, the temporary file is removed
    and `path` stays as it was. The temporary name is hidden and has the suffix of `path`. Missing parent folders are
    created. Of a file in an object store the temporary one is local.

    Raises:
        OutputError: it cannot be written.
    """
    path = _path(path)
    if remote.is_remote(path):
        with writing(path), remote.replacing(path) as local:
            yield local
        return
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path, *suffixes: str) -> None:
    """Remove what `replacing` left in a folder when the program was killed; nobody else may be writing such files."""
    for path in folder.iterdir() if not remote.is_remote(folder) and folder.is_dir() else ():
        if path.suffix in suffixes and TEMPORARY.fullmatch(path.stem):
            path.unlink()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with remote.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


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


def shortened(stem: str, ending: str) -> str:
    """So much of a stem that, with an ending and a number, it makes a name that every file system takes."""
    room = LONGEST_NAME - len(os.fsencode(ending)) - len(" (1000)")
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem


def printable(text: str) -> str:
    """A text as one line that any terminal can show, though a name in it may be no UTF-8, or steer the terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
