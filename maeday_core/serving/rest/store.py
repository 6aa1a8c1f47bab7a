"""The files of a server: what callers gave, while it is worked on, and what they may fetch, for a while."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from maeday_core.io.files import shortened

PREFIX = "maeday-serve-"
UNUSUAL = re.compile(r"[^\w .()+-]+")
"""What a file name from elsewhere is rid of."""
LEAST_FREE = 200_000_000
"""Bytes that stay free on the disk, so that what goes on can end."""


@dataclass(frozen=True)
class _Kept:
    folder: Path
    names: frozenset[str]
    size: int
    until: float


@dataclass(frozen=True)
class Store:
    """Files in a folder of its own.

    A caller names a file by a token that nobody can guess and by its name among those of the token: no path that he
    gives is opened. What is older than `seconds`, or beyond `most` bytes, is let go, the oldest first.

    Attributes:
        folder: for this alone.
        seconds: so long files are kept.
        most: so many bytes are kept.
    """

    folder: Path
    seconds: float = 600.0
    most: int = 2_000_000_000
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextlib.contextmanager
    def desk(self) -> Iterator[Path]:
        """A new folder for a request, which goes with it."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, files: Sequence[Path]) -> str:
        """Take files over, of different names; the token by which they are fetched."""
        token = secrets.token_urlsafe(24)
        folder = self.folder / token
        folder.mkdir()
        for path in files:
            path.rename(folder / path.name)
        size = sum(path.stat().st_size for path in folder.iterdir())
        self.sweep(size)
        with self._lock:
            names = frozenset(path.name for path in files)
            self._kept[token] = _Kept(folder, names, size, time.monotonic() + self.seconds)
        return token

    def open(self, token: str, name: str) -> BinaryIO | None:
        """A file that is kept, which stays whole though it is let go meanwhile; None if there is none."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or kept.until < time.monotonic() or name not in kept.names:
                return None
            return (kept.folder / name).open("rb")

    def sweep(self, more: int = 0) -> None:
        """Let go what is too old, or too much with `more` bytes that are to come."""
        with self._lock:
            size = more + sum(kept.size for kept in self._kept.values())
            for token, kept in list(self._kept.items()):
                if kept.until < time.monotonic() or size > self.most:
                    size -= kept.size
                    del self._kept[token]
                    shutil.rmtree(kept.folder, ignore_errors=True)

    def has_space(self) -> bool:
        """Whether the disk takes another request."""
        return shutil.disk_usage(self.folder).free > LEAST_FREE


def safe_name(name: str | None, instead: str) -> str:
    """The last part of a file name from elsewhere, of letters, digits and a few signs."""
    last = UNUSUAL.sub("_", (name or "").replace("\\", "/").rpartition("/")[2]).lstrip(". ")
    stem, dot, suffix = last.rpartition(".")
    stem, suffix = (stem, dot + suffix[:16]) if stem else (last, "")
    return shortened(stem, suffix) + suffix or instead
