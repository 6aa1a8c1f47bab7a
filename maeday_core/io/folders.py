"""The files below a folder, in order, and what could not be looked into; the pictures among them."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from maeday_core.errors import ImageError
from maeday_core.io.files import printable
from maeday_core.io.images import SUFFIXES
from maeday_core.io.natural import natural


@dataclass(frozen=True)
class LeftOut:
    """A part of a source that cannot be a frame: its path and a sentence that says why, in one line."""

    path: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))


class Unreadable(LeftOut):
    """A part that may hold more, but cannot be read."""


def files_below(folder: Path, but_not: Collection[str] = ()) -> Iterator[Path | LeftOut]:
    """All files below a folder, by name in natural order; hidden ones are passed over, and no folder is entered twice.

    Links are followed.

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
            left_out = LeftOut if isinstance(error, FileNotFoundError) else Unreadable  # a link may lead nowhere
            yield left_out(str(path), f"{path.name} cannot be read ({error.strerror}); check the name and its rights.")
            continue
        if place in seen:
            yield LeftOut(str(path), f"{path.name} leads to a folder that was looked into already.")
        elif is_folder:
            seen.add(place)
            waiting += [(path / name, _real(path / name, real)) for name in sorted(names, key=natural, reverse=True)]
        elif stat.S_ISREG(state.st_mode):
            yield path
        else:
            yield LeftOut(str(path), f"{path.name} is neither a file nor a folder.")


def _real(path: Path, parent: str) -> str:
    """The real path of what lies in a folder of which the real path is known."""
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(parent, path.name)


def _refuse(sentence: str) -> None:
    raise ImageError(sentence)


def find_images(
    paths: Iterable[str | os.PathLike[str]],
    say: Callable[[str], object] = lambda sentence: None,
    fail: Callable[[str], object] = _refuse,
) -> list[Path]:
    """The picture files that `paths` stand for: files as given; of folders all picture files below them, sorted.

    Hidden files and folders are left out, and so are the `._x.jpg` and `__MACOSX` that macOS creates.

    Args:
        paths: of files and folders.
        say: receives a sentence on what else a folder holds.
        fail: receives a sentence on what in a folder cannot be read; by default it is raised.

    Raises:
        ImageError: a path does not exist or cannot be looked at, or a folder holds no picture.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        try:
            is_folder, exists = path.is_dir(), path.exists()
        except OSError as error:
            text = f"{path} cannot be looked at ({error.strerror}); check the name and the rights of its folders."
            raise ImageError(text) from error
        if is_folder:
            inside = list(files_below(path))
            pictures = sorted(one for one in inside if isinstance(one, Path) and one.suffix.lower() in SUFFIXES)
            unreadable = [one for one in inside if isinstance(one, Unreadable)]
            for one in unreadable:
                fail(one.reason)
            _say_the_rest(path, inside, say)
            if not (pictures or unreadable):
                raise ImageError(f"The folder {path.name or path} holds no pictures ({', '.join(sorted(SUFFIXES))}).")
            found += pictures
        elif exists:
            found.append(path)
        else:
            raise ImageError(f"There is no file or folder {path.name or path}; check the name.")
    return found


def _say_the_rest(folder: Path, inside: Iterable[Path | LeftOut], say: Callable[[str], object]) -> None:
    others = Counter[str]()
    for one in inside:
        if isinstance(one, Unreadable):
            continue
        if isinstance(one, LeftOut):
            say(one.reason)
        elif one.suffix.lower() not in SUFFIXES:
            others[one.suffix.lower() or "no ending"] += 1
    if count := others.total():
        kinds = ", ".join(sorted(others))
        say(f"{count} file{'s' * (count > 1)} in {folder.name or folder} passed over, no pictures by name: {kinds}.")


def hidden(path: Path) -> bool:
    """Whether a relative path, or a folder in it, is hidden or created by macOS (`._x.jpg`, `__MACOSX`)."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
