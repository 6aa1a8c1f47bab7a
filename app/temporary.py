"""One folder for all temporary files of this server: what visitors gave, what they may download. It goes with it.

Gradio reads `GRADIO_TEMP_DIR` when it is imported, so this module comes before. Without it all programs and users of a
machine share `gradio` in the temporary folder, where other users read, or nobody but its owner can write.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from maeday_core import MaedayError
from maeday_core.serving.folder import own_folder, remove_folder, sweep_folders

UPLOADS, FRAMES = "uploads", "frames"
LEAST_FREE = 200_000_000
"""Bytes that stay free on the disk, so that what goes on can end; one frame in work takes less than a tenth."""


class StorageError(MaedayError):
    """There is no space for temporary files, or their folder cannot be written."""


sweep = functools.partial(sweep_folders, mark=FRAMES)


def remove() -> None:
    """Remove the folder."""
    remove_folder(HOME)


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


HOME, _lock = own_folder(FRAMES)
os.environ.setdefault("GRADIO_TEMP_DIR", str(HOME / UPLOADS))
atexit.register(remove)
sweep(HOME.parent)
