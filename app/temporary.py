"""One folder for all temporary files of this server: what visitors gave, what they may download. It goes with it.

Gradio reads `GRADIO_TEMP_DIR` when it is imported, so this module comes before. Without it all programs and users of a
machine share `gradio` in the temporary folder, where other users read, or nobody but its owner can write.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from maeday_core import MaedayError

PREFIX = "maeday-"
UPLOADS, FRAMES, LOCK = "uploads", "frames", "lock"
LEAST_FREE = 200_000_000
"""Bytes that stay free on the disk, so that what goes on can end; one frame in work takes less than a tenth."""


class StorageError(MaedayError):
    """There is no space for temporary files, or their folder cannot be written."""


def _made() -> tuple[Path, FileLock]:
    """A new folder that only this user may open, and its lock, held as long as this process lives.

    What makes it a server's folder is there only once the lock is held: until then no other server sweeps it.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = FileLock(folder / LOCK)
    lock.acquire(timeout=0)
    (folder / FRAMES).mkdir()
    return folder, lock


def sweep(parent: Path) -> None:
    """Remove the folders of servers that are gone: those whose lock is free. Others' folders stay."""
    for folder in parent.glob(f"{PREFIX}*"):
        if (folder / FRAMES).is_dir() and (folder / LOCK).exists():
            with contextlib.suppress(Timeout, OSError), FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


def remove() -> None:
    """Remove the folder. Work that goes on may write while it is removed, so once more."""
    for _ in range(3):
        shutil.rmtree(HOME, ignore_errors=True)


def check_space(more: int = 0) -> None:
    """Look whether temporary files can be written.

    Args:
        more: bytes that are about to be.

    Raises:
        StorageError: they cannot.
    """
    try:
        for folder in (HOME, Path(os.environ["GRADIO_TEMP_DIR"])):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            if shutil.disk_usage(folder).free < LEAST_FREE + more:
                raise StorageError("There is no space left on this server for temporary files; try again in an hour.")
    except OSError as error:
        raise StorageError(
            f"This server cannot write its temporary files ({error.strerror}); who runs it must look at their folder."
        ) from error


HOME, _lock = _made()
os.environ.setdefault("GRADIO_TEMP_DIR", str(HOME / UPLOADS))
atexit.register(remove)
sweep(HOME.parent)
