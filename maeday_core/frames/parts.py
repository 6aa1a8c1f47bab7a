"""Parts of sources, each for one worker: some pictures, some entries of an archive, a range of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from maeday_core.errors import ImageError
from maeday_core.frames import video
from maeday_core.frames.sources import Frame, Kept, Key, Sources, Span, given
from maeday_core.io.files import sha256
from maeday_core.io.folders import LeftOut

SIZE = 16
"""Frames of a part: what a worker that dies has to begin again, and what it does between two words to the driver."""


@dataclass(frozen=True)
class Part:
    """Frames that one worker looks at by itself.

    Attributes:
        sources: the files that hold them.
        keys: of the frames in an archive; None for all in the sources.
        span: the part of a video, in multiples of `Sources.every`.
        content: SHA-256 of the video, where it is known.
    """

    sources: Sources
    keys: frozenset[Key] | None = None
    span: Span = (0, None)
    content: str | None = None

    def frames(
        self, known: Mapping[Key, str], begin: Callable[[Key], bool] = lambda key: True
    ) -> Iterator[Frame | Kept | LeftOut]:
        """The frames, and what had to be left out, as `Sources.frames` gives them.

        Args:
            known: as there.
            begin: told of each frame before it is read; whether to read it.
        """
        try:
            for found in self.sources.candidates(span=self.span, content=self.content):
                if isinstance(found, LeftOut):
                    if self.keys is None:
                        yield found
                elif (self.keys is None or found[0] in self.keys) and begin(found[0]):
                    yield from given(*found, known)
        except ImageError as error:  # the file is gone
            yield from (LeftOut(str(path), str(error)) for path in self.sources.paths)


def parts(sources: Sources, but_not: Sequence[Path] = (), size: int = SIZE) -> Iterator[Part | LeftOut]:
    """What there is to be looked at, in the order of `Sources.frames`, and what is left out before a frame is read.

    Nothing is decoded, and no more is kept than the part in work. A video is split where it has an index and is long.

    Raises:
        ImageError: a source does not exist.
    """
    pictures: list[Path] = []
    for path in sources.files(but_not):
        split: Iterator[Part | LeftOut] = iter(())
        if isinstance(path, LeftOut):
            split = iter([path])
        elif (kind := sources.kind(path)) == "picture":
            pictures.append(path)
        else:
            one = replace(sources, paths=[path])
            split = _entries(one, size) if kind == "archive" else _spans(one, path, size)
        found = next(split, None)
        if pictures and (len(pictures) == size or found is not None):
            yield Part(replace(sources, paths=pictures))
            pictures = []
        if found is not None:
            yield found
        yield from split
    if pictures:
        yield Part(replace(sources, paths=pictures))


def _entries(archive: Sources, size: int) -> Iterator[Part | LeftOut]:
    keys: list[Key] = []
    for found in archive.candidates():
        if isinstance(found, LeftOut) or len(keys) == size:
            if keys:
                yield Part(archive, frozenset(keys))
            keys = []
        if isinstance(found, LeftOut):
            yield found
        else:
            keys.append(found[0])
    if keys:
        yield Part(archive, frozenset(keys))


def _spans(film: Sources, path: Path, size: int) -> Iterator[Part | LeftOut]:
    length = video.count(path, film.every) if video.has_index(path) else 1
    if length < 2 * size:
        yield Part(film)
        return
    content = sha256(path)
    for first in count(0, size):
        last = first + 2 * size > length
        yield Part(film, span=(first, None if last else first + size), content=content)
        if last:
            return
