"""Where frames come from: pictures, folders, zip archives and videos, one frame at a time."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

from PIL import Image

from maeday_core.errors import ImageError
from maeday_core.frames import archives, video
from maeday_core.frames.kinds import START, Kind, kind
from maeday_core.io import remote
from maeday_core.io.files import sha256
from maeday_core.io.folders import LeftOut, files_below
from maeday_core.io.images import MAX_BYTES, SUFFIXES, RGBImage, load_image

ARCHIVE = ".zip"
FORMATS = frozenset({*SUFFIXES, *video.SUFFIXES, ARCHIVE})
"""The suffixes of what can be given."""
MAX_FRAMES = 20_000
MAX_LEFT_OUT = 20_000

Key = tuple[str, float | None]
"""How a frame is named: its path, in an archive after the archive's, and its time in a video in seconds."""
Wanted = Callable[[Key], bool]


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        path, time: its key.
        content: SHA-256 of the file that it is decoded from.
        picture: uint8 (H, W, 3).
    """

    path: str
    time: float | None
    content: str
    picture: RGBImage

    @property
    def key(self) -> Key:
        return self.path, self.time


@dataclass(frozen=True)
class Kept:
    """A frame that was not decoded, for its content is known."""

    key: Key


Span = tuple[int, int | None]
"""From which multiple of `Sources.every` to which, not included, a video is gone through; None for its end."""
WHOLE: Span = (0, None)
Given = Iterator[Frame | Kept | LeftOut]
Candidate = tuple[Key, Callable[[str | None], Given]]
"""What may be a frame: its key, and what gives it unless its content is as told."""


@dataclass(frozen=True)
class Sources:
    """Pictures, zip archives of them, videos, and folders of all these, searched to the bottom.

    Whether a file in a folder is meant is told by its name; what it is, by its content.

    Attributes:
        paths: of the files and folders; a text is a local path, one in an object store comes from `remote.located`.
        every: seconds between two frames taken from a video.
        within: a folder that the names of frames leave out.
        limit: only so many frames are given.

    Raises:
        ImageError: `every` is not above 0.
    """

    paths: Sequence[str | os.PathLike[str]]
    every: float = 1.0
    within: Path | None = None
    limit: int = MAX_FRAMES

    def __post_init__(self) -> None:
        if not 0 < self.every < math.inf:
            raise ImageError(f"A frame every {self.every:g} seconds cannot be taken; give a time above 0.")

    def frames(
        self,
        wanted: Wanted = lambda key: True,
        but_not: Sequence[Path] = (),
        known: Mapping[Key, str] = MappingProxyType({}),
    ) -> Given:
        """The frames, decoded one at a time, and what had to be left out.

        Args:
            wanted: whether the frame of a key is to be given; those that are not count towards the limit.
            but_not: files and folders to pass over, which may lie in a source.
            known: the content of frames that need not be decoded again: where it is the same, they are `Kept`.

        Raises:
            ImageError: a source does not exist.
        """
        asked = left_out = 0
        for found in self.candidates(but_not):
            if isinstance(found, LeftOut):
                left_out += 1
            else:
                asked += 1
            if asked > self.limit or left_out > MAX_LEFT_OUT:
                many = f"{self.limit} frames were given" if asked > self.limit else f"{MAX_LEFT_OUT} were left out"
                yield LeftOut("The rest", f"More than {many}; inspect the rest in another run.")
                return
            if isinstance(found, LeftOut):
                yield found
            elif wanted(found[0]):
                yield from given(*found, known)

    def count(self, but_not: Sequence[Path] = ()) -> int:
        """About how many frames there are: exact for pictures, by what they state for videos.

        Raises:
            ImageError: a source does not exist.
        """
        files = (found for found in self.files(but_not) if not isinstance(found, LeftOut))
        return min(sum(self._count(path) for path in files), self.limit)

    def candidates(
        self, but_not: Sequence[Path] = (), span: Span = WHOLE, content: str | None = None
    ) -> Iterator[Candidate | LeftOut]:
        """What may be a frame, not read yet, and what cannot be one.

        Args:
            but_not: as in `frames`.
            span: only so much of a video.
            content: SHA-256 of the video, where it is known.

        Raises:
            ImageError: a source does not exist.
        """
        for path in self.files(but_not):
            if isinstance(path, LeftOut):
                yield path
                continue
            name = str(path.relative_to(self.within) if self.within else path)
            match self.kind(path):
                case "archive":
                    yield from _archived(path, name)
                case "video":
                    yield from _filmed(path, name, self.every, span, content)
                case "picture":
                    yield (name, None), functools.partial(_picture, name, path.name, functools.partial(_bytes, path))

    def files(self, but_not: Sequence[Path] = ()) -> Iterator[Path | LeftOut]:
        """The files that are meant, in order.

        Raises:
            ImageError: a source does not exist.
        """
        passed_over = {str(path) if remote.is_remote(path) else os.path.realpath(path) for path in but_not}
        missing = [path for path in map(_path, self.paths) if not _exists(path)]
        reasons = [f"There is no file or folder {path.name or path}; check the name." for path in missing]
        if missing and len(missing) == len(self.paths):
            raise ImageError(reasons[0])
        yield from map(LeftOut, map(str, missing), reasons)
        for source in map(_path, self.paths):
            if source in missing:
                continue
            if remote.is_remote(source):
                yield from _meant(remote.files_below(source, passed_over), source)
            elif os.path.isfile(source):
                yield source
            else:
                yield from _meant(files_below(source, passed_over), source)

    def _count(self, path: Path) -> int:
        match self.kind(path):
            case "archive":
                try:
                    with archives.opened(path) as archive:
                        return sum(_is_picture(entry.name) and not entry.odd for entry in archives.entries(archive))
                except ImageError:
                    return 0
            case "video":
                return video.count(path, self.every)
            case "picture":
                return 1

    @staticmethod
    def kind(path: Path) -> Kind:
        """What a file is by its content, or was to be by its name; a picture in an object store is one by its name."""
        suffix = path.suffix.lower()
        if remote.is_remote(path) and suffix in SUFFIXES:
            return "picture"
        try:
            with remote.opened(path) as file:
                found = kind(file.read(START))
        except OSError:
            found = None
        return found or ("archive" if suffix == ARCHIVE else "video" if suffix in video.SUFFIXES else "picture")


def _path(path: str | os.PathLike[str]) -> Path:
    return cast(Path, path) if remote.is_remote(path) else Path(path)


def _exists(path: Path) -> bool:
    if not remote.is_remote(path):
        return os.path.isdir(path) or os.path.isfile(path)
    try:
        return remote.exists(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); check the address and your rights.") from error


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _meant(found: Iterable[Path | LeftOut], source: Path) -> Iterator[Path | LeftOut]:
    """The files that are meant by their names; one sentence on all others."""
    others = []
    for path in found:
        if isinstance(path, LeftOut) or path.suffix.lower() in FORMATS:
            yield path
        else:
            others.append(str(path))
    yield from _passed_over(str(source), others, "picture, zip archive or video")


def _passed_over(source: str, paths: Sequence[str], kinds: str) -> Iterator[LeftOut]:
    if len(paths) == 1:
        yield LeftOut(paths[0], f"{Path(paths[0]).name} is no {kinds} by its name.")
    elif paths:
        more = f"{len(paths) - 1} other{'s' * (len(paths) > 2)}"
        yield LeftOut(source, f"{Path(paths[0]).name} and {more} are no {kinds} by their names.")


def given(key: Key, give: Callable[[str | None], Given], known: Mapping[Key, str]) -> Given:
    """The frame of a candidate, or why there is none; where its content is as `known`, it is not decoded."""
    path, time = key
    try:
        yield from give(known.get(key))
    except ImageError as error:
        yield LeftOut(path if time is None else f"{path} at {time:g} s", str(error))


def _picture(path: str, title: str, read: Callable[[], bytes], known: str | None) -> Given:
    data = read()
    content = hashlib.sha256(data).hexdigest()
    if _has_more(data):
        yield LeftOut(path, f"{title} holds several pictures; only the first is looked at.")
    yield Kept((path, None)) if content == known else Frame(path, None, content, load_image(data, title))


def _bytes(path: Path) -> bytes:
    try:
        if remote.is_remote(path):
            data = remote.start_of(path, MAX_BYTES + 1)
            size = len(data)
        else:
            size = path.stat().st_size
            data = path.read_bytes() if size <= MAX_BYTES else b""
        if size > MAX_BYTES:
            raise ImageError(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB; leave it out.")
        return data
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read ({error.strerror}); check the name and its rights.") from error


def _has_more(data: bytes) -> bool:
    """Whether a file holds pages or frames after the first; a photo's second picture, as phones add it, is none."""
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF", "GIF", "WEBP", "PNG")) as picture:
            return bool(getattr(picture, "is_animated", False))
    except Exception:  # `load_image` says what is wrong with it
        return False


def _filmed(path: Path, name: str, every: float, span: Span, known: str | None) -> Iterator[Candidate | LeftOut]:
    content = functools.cache(lambda: known or sha256(path))
    try:
        for still in video.stills(path, every, *span):
            yield (name, still.time), functools.partial(_still, name, still, content)
    except ImageError as error:
        yield LeftOut(name, str(error))


def _still(path: str, still: video.Still, content: Callable[[], str], known: str | None) -> Given:
    if content() == known:
        yield Kept((path, still.time))
    else:
        yield Frame(path, still.time, content(), still.picture())


def _archived(path: Path, name: str) -> Iterator[Candidate | LeftOut]:
    others = []
    try:
        with archives.opened(path) as archive:
            if not archive.filelist:
                yield LeftOut(name, f"{path.name} is empty; pack pictures into it.")
            for entry in archives.entries(archive):
                inside = f"{name}/{entry.name}"
                if entry.odd:
                    yield LeftOut(inside, f"{entry.name} leads out of the archive by its name; pack it again.")
                elif not _is_picture(entry.name):
                    others.append(inside)
                else:
                    read = functools.partial(entry.read, archive)
                    yield (inside, None), functools.partial(_picture, inside, entry.name, read)
    except ImageError as error:
        yield LeftOut(name, str(error))
    yield from _passed_over(name, others, "picture")
