"""Where frames come from: pictures, folders, zip archives and videos, one frame at a time."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from maeday_core.errors import ImageError
from maeday_core.io.images import MAX_BYTES, MAX_PIXELS, SUFFIXES, RGBImage, hidden, load_image

VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".ogv"})
MAX_FRAMES = 20_000
CUT_SHORT = 0.9  # share of the frames that a video says it has
CONTAINERS = (
    *((4, atom) for atom in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    *((0, start) for start in (b"RIFF", b"\x1a\x45\xdf\xa3", b"OggS", b"\x00\x00\x01\xba", b"\x30\x26\xb2\x75", b"G")),
)
"""Where a video's first bytes say what it is. A playlist, which names other files, is never handed to the decoder."""

Key = tuple[str, float | None]
"""What a frame is called: its path, within a zip after the archive's, and its time in a video in seconds."""


@dataclass(frozen=True)
class Frame:
    """One picture of a source: uint8 (H, W, 3) and what it is called."""

    path: str
    time: float | None
    picture: RGBImage

    @property
    def key(self) -> Key:
        return self.path, self.time


@dataclass(frozen=True)
class LeftOut:
    """What a source holds that cannot be a frame: its path and a sentence that says why."""

    path: str
    reason: str


Wanted = Callable[[Key], bool]


def read_frames(
    sources: Iterable[str | os.PathLike[str]],
    every: float = 1.0,
    wanted: Wanted = lambda key: True,
    names: dict[str, str] | None = None,
    leave: Sequence[Path] = (),
) -> Iterator[Frame | LeftOut]:
    """The frames of some sources, decoded one at a time, and what had to be left out.

    Args:
        sources: pictures, zip archives of them, videos, and folders of all these, searched to the bottom.
        every: seconds between two frames taken from a video.
        wanted: tells by its key whether a frame is to be decoded; the others are passed over.
        names: what to call a source's path, where not as it is.
        leave: files and folders to pass over, which may lie in a source: the results.

    Raises:
        ImageError: a source does not exist, or `every` is no time.
    """
    _check(every)
    count = 0
    for found in _files(sources, leave):
        if isinstance(found, LeftOut):
            yield found
            continue
        name = (names or {}).get(str(found), str(found))
        suffix = found.suffix.lower()
        reader = _zip if suffix == ".zip" else _video if suffix in VIDEOS else _picture
        for frame in reader(found, name, every, wanted):
            count += 1
            if count > MAX_FRAMES:
                yield LeftOut(name, f"More than {MAX_FRAMES} frames were given; inspect the rest in another run.")
                return
            yield frame


def _files(sources: Iterable[str | os.PathLike[str]], leave: Sequence[Path] = ()) -> Iterator[Path | LeftOut]:
    own = {path.resolve() for path in leave}
    for source in map(Path, sources):
        if source.is_dir():
            inside = sorted(p for p in source.rglob("*") if p.is_file() and not hidden(p.relative_to(source)))
            for path in inside:
                if own & {path.resolve(), *path.resolve().parents}:
                    continue
                if path.suffix.lower() in SUFFIXES | VIDEOS | {".zip"}:
                    yield path
                else:
                    yield LeftOut(str(path), f"{path.name} is no picture, zip archive or video by its name.")
        elif source.exists():
            yield source
        else:
            raise ImageError(f"There is no file or folder {source.name or source}; check the name.")


def _check(every: float) -> None:
    if not 0 < every < math.inf:
        raise ImageError(f"A frame every {every:g} seconds cannot be taken; give a time above 0.")


def _picture(path: Path, name: str, every: float, wanted: Wanted) -> Iterator[Frame | LeftOut]:
    if wanted((name, None)):
        try:
            yield Frame(name, None, load_image(path, Path(name).name))
        except ImageError as error:
            yield LeftOut(name, str(error))


def _zip(path: Path, name: str, every: float, wanted: Wanted) -> Iterator[Frame | LeftOut]:
    """Pictures are read from the archive one by one; nothing is unpacked to disk."""
    archive = _open_zip(path)
    if archive is None:
        yield LeftOut(name, f"{Path(name).name} is no zip archive, or is damaged; pack it again.")
        return
    taken: set[str] = set()
    with archive:
        if not archive.namelist():
            yield LeftOut(name, f"{Path(name).name} is empty; pack pictures into it.")
        for entry in archive.infolist():
            if entry.is_dir() or hidden(Path(entry.filename)):
                continue
            inner = unique(entry.filename, taken)
            frame = f"{name}/{inner}"
            if Path(inner).suffix.lower() not in SUFFIXES:
                yield LeftOut(frame, f"{inner} is no picture by its name; a zip archive may hold pictures.")
            elif wanted((frame, None)):
                try:
                    yield Frame(frame, None, load_image(_unpacked(archive, entry), inner))
                except ImageError as error:
                    yield LeftOut(frame, str(error))


def _open_zip(path: Path) -> zipfile.ZipFile | None:
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


def _video(path: Path, name: str, every: float, wanted: Wanted) -> Iterator[Frame | LeftOut]:
    short = Path(name).name
    if not _is_video(path):
        yield LeftOut(name, f"{short} is no video this program can read; save it as MP4 with H.264.")
        return
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > MAX_PIXELS:
            yield LeftOut(name, f"{short} has frames of over {MAX_PIXELS // 1_000_000} megapixels; make it smaller.")
            return
        rate = video.get(cv2.CAP_PROP_FPS)
        rate = rate if 0 < rate < 1000 else 25.0
        index, due, shown = 0, 0.0, 0
        while video.grab():
            time = round(index / rate, 3)
            index += 1
            if time + 0.5 / rate < due:
                continue
            due = max(due + every, time)
            shown += 1
            if wanted((name, time)):
                decoded, picture = video.retrieve()
                if decoded and picture is not None:
                    yield Frame(name, time, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
                else:
                    yield LeftOut(f"{name} at {time:g} s", f"The frame at {time:g} s of {short} is damaged.")
        if index < CUT_SHORT * video.get(cv2.CAP_PROP_FRAME_COUNT) and shown:
            yield LeftOut(
                f"{name} after {index / rate:.0f} s",
                f"{short} is cut short or damaged after {index / rate:.0f} s; what comes before was read.",
            )
        if not shown:
            yield LeftOut(
                name,
                f"No frame of {short} can be decoded: it is damaged, or its codec is not built in; convert it, for "
                "instance with ffmpeg, to MP4 with H.264.",
            )
    finally:
        video.release()


def _is_video(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return any(start[at : at + len(mark)] == mark for at, mark in CONTAINERS)


def count_frames(sources: Iterable[str | os.PathLike[str]], every: float = 1.0, leave: Sequence[Path] = ()) -> int:
    """About how many frames `read_frames` will give: exact for pictures, by their length for videos."""
    _check(every)
    total = 0
    for found in _files(sources, leave):
        if isinstance(found, LeftOut):
            continue
        suffix = found.suffix.lower()
        if suffix == ".zip":
            if archive := _open_zip(found):
                with archive:
                    names = [Path(entry.filename) for entry in archive.infolist()]
                total += sum(name.suffix.lower() in SUFFIXES and not hidden(name) for name in names)
        elif suffix in VIDEOS and _is_video(found):
            video = cv2.VideoCapture(str(found), cv2.CAP_FFMPEG)
            seconds = video.get(cv2.CAP_PROP_FRAME_COUNT) / (video.get(cv2.CAP_PROP_FPS) or 25.0)
            video.release()
            total += max(1, math.ceil(seconds / every)) if math.isfinite(seconds) else 1
        else:
            total += 1
    return min(total, MAX_FRAMES)


def unique(name: str, taken: set[str]) -> str:
    """`name`, or `name (2)` and so on where it is taken, whatever the case of its letters."""
    number, found = 1, name
    stem, suffix = os.path.splitext(name)
    while found.lower() in taken:
        number += 1
        found = f"{stem} ({number}){suffix}"
    taken.add(found.lower())
    return found
