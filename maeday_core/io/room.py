"""Room for the pixels of a large picture: a temporary file, of which memory holds what is being read or written."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

LARGE = 12_000_000  # docs/decisions.md#windows
"""Pixels; a picture of more lies in a file."""


def room_for(*shape: int) -> npt.NDArray[np.uint8]:
    """Room for a picture (H, W, 3), in memory where it is small, the disk is full, or the system is not Linux."""
    size = int(np.prod(shape))
    if size <= 3 * LARGE or not hasattr(os, "posix_fallocate"):
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile() as file:
            os.posix_fallocate(file.fileno(), 0, size)  # or a disk that is full would be found out by a crash
            return np.frombuffer(mmap.mmap(file.fileno(), size), np.uint8).reshape(shape)
    except OSError:
        return np.empty(shape, np.uint8)


def leave_to_the_file(pixels: npt.NDArray[Any]) -> None:
    """Free the memory of a picture, or of a part of one, that lies in a file; it is read again when it is needed."""
    base: Any = pixels
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)
