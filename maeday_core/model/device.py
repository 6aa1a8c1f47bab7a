"""The best device and number format of this machine, and its memory."""

from __future__ import annotations

import contextlib
import ctypes

import torch

ARENA_MAX = -8
"""glibc's number of `M_ARENA_MAX`."""


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def give_memory_back() -> None:
    """Give the memory that is free back to the system: glibc keeps hundreds of megabytes after a large picture."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def share_one_heap() -> None:
    """Let all threads take memory from one heap: glibc would give each its own, and keep what was freed in each.

    To be called before they begin.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)
