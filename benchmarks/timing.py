"""How the benchmarks time, and the rows that they give."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from maeday_core.io.images import RGBImage

Row = dict[str, Any]
"""`what` was measured, its `value`, and the `unit`."""
Contenders = dict[str, Callable[[], object]]


def row(what: str, value: float, unit: str) -> Row:
    """A row."""
    return {"what": what, "value": float(value), "unit": unit}


def machine(device: torch.device, dtype: torch.dtype | None = None) -> Row:
    """The row that says where the others were measured."""
    number_format = f", {str(dtype).removeprefix('torch.')}" if dtype else ""
    return row(f"device {device.type}{number_format}, threads", torch.get_num_threads(), "")


def interleaved(contenders: Contenders, device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round; the order turns, so that nobody always follows the same one.

    A first round, which warms up, is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(1 + rounds):
        order = list(contenders)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            start = time.perf_counter()
            contenders[name]()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in times.items()}


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    """How much longer one contender takes than another: the median of the rounds."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def peak_memory(device: torch.device) -> float:
    """Bytes: of the device, or of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def noise(width: int, height: int, seed: int = 0) -> RGBImage:
    """A picture of random pixels: uint8 (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
