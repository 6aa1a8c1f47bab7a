"""One folder for all temporary files of a server, which goes with it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "maeday-"
LOCK = "lock"


def own_folder(mark: str) -> tuple[Path, FileLock]:
    """A new folder that only this user may open, and its lock, held as long as this process lives.

    What makes it a server's folder, a folder named `mark` in it, is there only once the lock is held: until then no
    other server sweeps it.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = FileLock(folder / LOCK)
    lock.acquire(timeout=0)
    (folder / mark).mkdir()
    return folder, lock


def sweep_folders(parent: Path, mark: str) -> None:
    """Remove the folders of servers that are gone: those whose lock is free. Others' folders stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        if (folder / mark).is_dir() and (folder / LOCK).exists():
            with contextlib.suppress(Timeout, OSError), FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder. Work that goes on may write while it is removed, so once more."""
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
