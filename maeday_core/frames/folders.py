"""The files below a folder, in order, and what could not be looked into."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from maeday_core.io.images import hidden


@dataclass(frozen=True)
class LeftOut:
    """A part of a source that cannot be a frame: its path and a sentence that says why."""

    path: str
    reason: str


def files_below(folder: Path, but_not: Collection[str] = ()) -> Iterator[Path | LeftOut]:
    """All files below a folder, by name; those that are hidden are passed over. Links are followed, no folder twice.

    Args:
        folder: where to begin.
        but_not: real paths of files and folders to pass over.
    """
    waiting, seen = [(folder, os.path.realpath(folder))], set[tuple[int, int]]()
    while waiting:
        path, real = waiting.pop()
        if real in but_not:
            continue
        try:
            state = path.stat()
            is_folder, place = stat.S_ISDIR(state.st_mode), (state.st_dev, state.st_ino)
            names = [name for name in os.listdir(path) if not hidden(Path(name))] if is_folder else []
        except OSError as error:
            yield LeftOut(str(path), f"{path.name} cannot be read ({error.strerror}); check the name and its rights.")
            continue
        if place in seen:
            yield LeftOut(str(path), f"{path.name} leads to a folder that was looked into already.")
        elif is_folder:
            seen.add(place)
            waiting += [(path / name, _real(path / name, real)) for name in sorted(names, reverse=True)]
        elif stat.S_ISREG(state.st_mode):
            yield path
        else:
            yield LeftOut(str(path), f"{path.name} is neither a file nor a folder.")


def _real(path: Path, parent: str) -> str:
    """The real path of what lies in a folder of which the real path is known."""
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(parent, path.name)
