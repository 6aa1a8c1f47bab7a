"""Where frames come from: pictures, folders, zip archives and videos, one frame at a time."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maeday_core.errors import ImageError
from maeday_core.frames import video
from maeday_core.io.files import unique
from maeday_core.io.images import MAX_BYTES, SUFFIXES, RGBImage, hidden, load_image

ARCHIVE = ".zip"
FORMATS = frozenset({*SUFFIXES, *video.SUFFIXES, ARCHIVE})
"""The suffixes of what can be given."""
MAX_FRAMES = 20_000

Key = tuple[str, float | None]
"""How a frame is named: its path, in an archive after the archive's, and its time in a video in seconds."""
Wanted = Callable[[Key], bool]


@dataclass(frozen=True)
class Frame:
    """One picture of a source: uint8 (H, W, 3) and its name."""

    path: str
    time: float | None
    picture: RGBImage

    @property
    def key(self) -> Key:
        return self.path, self.time


@dataclass(frozen=True)
class LeftOut:
    """A part of a source that cannot be a frame: its path and a sentence that says why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Sources:
    """Pictures, zip archives of them, videos, and folders of all these, searched to the bottom.

    Attributes:
        paths: of the files and folders.
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

    def frames(self, wanted: Wanted = lambda key: True, but_not: Sequence[Path] = ()) -> Iterator[Frame | LeftOut]:
        """The frames, decoded one at a time, and what had to be left out.

        Args:
            wanted: whether the frame of a key is to be decoded; those that are not count towards the limit.
            but_not: files and folders to pass over, which may lie in a source.

        Raises:
            ImageError: a source does not exist.
        """
        asked = 0

        def counting(key: Key) -> bool:
            nonlocal asked
            asked += 1
            return wanted(key)

        for given, found in enumerate(self._frames(counting, but_not)):
            if asked > self.limit or given == MAX_FRAMES:
                text = f"More than {min(self.limit, MAX_FRAMES)} frames were given; inspect the rest in another run."
                yield LeftOut("The rest", text)
                return
            yield found

    def count(self, but_not: Sequence[Path] = ()) -> int:
        """About how many frames there are: exact for pictures, by their length for videos.

        Raises:
            ImageError: a source does not exist.
        """
        files = (found for found in self._files(but_not) if isinstance(found, Path))
        return min(sum(self._count(path) for path in files), self.limit)

    def _frames(self, wanted: Wanted, but_not: Sequence[Path]) -> Iterator[Frame | LeftOut]:
        for found in self._files(but_not):
            if isinstance(found, LeftOut):
                yield found
                continue
            name = str(found.relative_to(self.within) if self.within else found)
            suffix = found.suffix.lower()
            if suffix == ARCHIVE:
                yield from _archived(found, name, wanted)
            elif suffix in video.SUFFIXES:
                yield from _filmed(found, name, self.every, wanted)
            elif wanted((name, None)):
                yield _loaded(found, name)

    def _files(self, but_not: Sequence[Path]) -> Iterator[Path | LeftOut]:
        passed_over = {path.resolve() for path in but_not}
        for source in map(Path, self.paths):
            if source.is_dir():
                inside = sorted(p for p in source.rglob("*") if p.is_file() and not hidden(p.relative_to(source)))
                for path in inside:
                    if passed_over & {path.resolve(), *path.resolve().parents}:
                        continue
                    if path.suffix.lower() in FORMATS:
                        yield path
                    else:
                        yield LeftOut(str(path), f"{path.name} is no picture, zip archive or video by its name.")
            elif source.exists():
                yield source
            else:
                raise ImageError(f"There is no file or folder {source.name or source}; check the name.")

    def _count(self, path: Path) -> int:
        suffix = path.suffix.lower()
        if suffix in video.SUFFIXES:
            return max(1, math.ceil(video.seconds(path) / self.every))
        if suffix == ARCHIVE:
            return sum(Path(entry.filename).suffix.lower() in SUFFIXES for entry in _entries(path))
        return 1


def _loaded(source: Path | bytes, path: str, name: str | None = None) -> Frame | LeftOut:
    try:
        return Frame(path, None, load_image(source, name or Path(path).name))
    except ImageError as error:
        return LeftOut(path, str(error))


def _filmed(path: Path, name: str, every: float, wanted: Wanted) -> Iterator[Frame | LeftOut]:
    try:
        for still in video.stills(path, every):
            if wanted((name, still.time)):
                try:
                    yield Frame(name, still.time, still.picture())
                except ImageError as error:
                    yield LeftOut(f"{name} at {still.time:g} s", str(error))
    except ImageError as error:
        yield LeftOut(name, str(error))


def _archived(path: Path, name: str, wanted: Wanted) -> Iterator[Frame | LeftOut]:
    """Pictures are read from the archive one by one; nothing is unpacked to disk."""
    archive = _open_archive(path)
    if archive is None:
        yield LeftOut(name, f"{Path(name).name} is no zip archive, or is damaged; pack it again.")
        return
    taken: set[str] = set()
    with archive:
        if not archive.namelist():
            yield LeftOut(name, f"{Path(name).name} is empty; pack pictures into it.")
        for entry in _visible(archive):
            inner = unique(entry.filename, taken)
            frame = f"{name}/{inner}"
            if Path(inner).suffix.lower() not in SUFFIXES:
                yield LeftOut(frame, f"{inner} is no picture by its name; a zip archive may hold pictures.")
            elif wanted((frame, None)):
                try:
                    content = _unpacked(archive, entry)
                except ImageError as error:
                    yield LeftOut(frame, str(error))
                else:
                    yield _loaded(content, frame, inner)


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    archive = _open_archive(path)
    if archive is None:
        return []
    with archive:
        return _visible(archive)


def _visible(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [entry for entry in archive.infolist() if not entry.is_dir() and not hidden(Path(entry.filename))]


def _open_archive(path: Path) -> zipfile.ZipFile | None:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError):
        return None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & 1:
        raise ImageError(f"{entry.filename} is encrypted; pack it without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
        raise ImageError(f"{entry.filename} is packed in an unusual way; pack it again as an ordinary zip archive.")
    if entry.file_size > MAX_BYTES:
        raise ImageError(f"{entry.filename} is larger than {MAX_BYTES // 1_000_000} MB; leave it out.")
    try:
        with archive.open(entry) as packed:
            return packed.read(MAX_BYTES)
    except Exception as error:  # zipfile and its decompressors raise nearly every built-in error on damaged entries
        raise ImageError(f"{entry.filename} is damaged in the archive; pack it again.") from error
