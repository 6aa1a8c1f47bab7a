"""Zip archives of pictures, read one by one; nothing is unpacked to disk, and nothing without a bound."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from PIL import Image

from maeday_core.errors import ImageError
from maeday_core.frames.kinds import kind
from maeday_core.io.files import unique
from maeday_core.io.folders import hidden
from maeday_core.io.images import FORMATS, MAX_BYTES, MAX_PIXELS
from maeday_core.io.natural import natural
from maeday_core.io.remote import opened as opened_file

MAX_ENTRIES = 20_000
MAX_DIRECTORY = 10_000_000
"""Bytes of the list of an archive's entries."""
PACKED = 200
"""No photo is packed so many times over."""
SMALL = 1_000_000
"""Bytes that any entry may unpack to, however much it is packed."""
HEAD = 65_536
"""So many bytes tell the size of nearly every picture."""
LOCAL_HEADER = 30
"""Bytes before an entry's name and content, at least."""


@dataclass(frozen=True)
class Entry:
    """A file in an archive, neither hidden nor a folder.

    Attributes:
        name: with slashes; that of no other entry.
        info: as the archive lists it.
        shared: whether another entry begins within its bytes.
    """

    name: str
    info: zipfile.ZipInfo
    shared: bool

    @property
    def odd(self) -> bool:
        """Whether its name leads out of the archive."""
        return ".." in PurePosixPath(self.name).parts

    def read(self, archive: zipfile.ZipFile) -> bytes:
        """Its bytes, or only the first where those show that it is no picture, or too large.

        Raises:
            ImageError: it cannot be unpacked, or should not be.
        """
        if (reason := self._refused()) is not None:
            raise ImageError(f"{self.name} {reason}")
        try:
            with archive.open(self.info) as packed:
                head = packed.read(HEAD)
                return head + packed.read(MAX_BYTES) if _promising(head) else head
        except Exception as error:  # zipfile and its decompressors raise nearly every built-in error on damaged entries
            raise ImageError(f"{self.name} is damaged in the archive; pack it again.") from error

    def _refused(self) -> str | None:
        info = self.info
        if info.flag_bits & 1:
            return "is encrypted; pack it without a password."
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a bound
            return "is packed in an unusual way; pack it again as an ordinary zip archive."
        if info.file_size > MAX_BYTES:
            return f"is larger than {MAX_BYTES // 1_000_000} MB; leave it out."
        if self.shared:
            return "shares its bytes with another entry of the archive; pack it again."
        if info.file_size > max(SMALL, PACKED * info.compress_size):
            return f"is packed more than {PACKED} times over, which no photo is; leave it out."
        return None


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose list of entries is bounded.

    Raises:
        ImageError: it is no archive, is damaged, or holds too many files.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(opened_file(path))
            archive = stack.enter_context(zipfile.ZipFile(file)) if _listed(file) else None
        except Exception as error:  # as above
            raise ImageError(f"{path.name} is no zip archive, or is damaged; pack it again.") from error
        if archive is None or len(archive.filelist) > MAX_ENTRIES:
            raise ImageError(f"{path.name} holds more than {MAX_ENTRIES} files; pack them into several archives.")
        yield archive


def entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """The files in an archive, by name in natural order."""
    shared, taken = _shared(archive), set[str]()
    for info in sorted(archive.filelist, key=lambda info: natural(info.filename)):
        name = info.filename.replace("\\", "/")
        inside = [part for part in PurePosixPath(name).parts if part != ".."]
        if not name.endswith("/") and not hidden(Path(*inside)):
            yield Entry(unique(name, taken), info, id(info) in shared)


def _listed(file: IO[bytes]) -> bool:
    """Whether the list of an archive's entries is short enough to be read, by the record that zipfile goes by."""
    end: list[Any] | None = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise zipfile.BadZipFile
    count, size = end[4:6]
    return bool(count <= MAX_ENTRIES and size <= MAX_DIRECTORY)


def _shared(archive: zipfile.ZipFile) -> set[int]:
    """The ids of the entries in whose bytes another one, or the list of all, begins."""
    shared, end = set(), archive.start_dir
    for info in sorted(archive.filelist, key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + LOCAL_HEADER + info.compress_size > end:
            shared.add(id(info))
        end = info.header_offset
    return shared


def _promising(head: bytes) -> bool:
    """Whether a file that begins so may be a picture of a size that can be read."""
    if kind(head) != "picture":
        return False
    try:
        width, height = Image.open(io.BytesIO(head), formats=FORMATS).size
    except Image.DecompressionBombError:
        return False
    except Exception:  # what says the size comes later in the file
        return True
    return width * height <= MAX_PIXELS
