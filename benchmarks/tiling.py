"""The zero-shot ensemble through windows, four balanced masks, on pictures of growing size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from benchmarks.timing import Row, machine, noise, peak_memory, row
from maeday_core.detection.settings import Settings
from maeday_core.methods import ENSEMBLE, Tools, detector, last
from maeday_core.model.device import best_device

SIZES = ((1536, 1024), (3072, 2048), (4190, 3040), (8000, 2000))
ROUNDS = 3


def run() -> Iterator[Row]:
    """Time it: windows, seconds, seconds a megapixel, and the peak memory so far."""
    device = best_device()
    yield machine(device)
    detect = detector(ENSEMBLE, Tools.of("bundled", Settings(masks=4, sampling="balanced", tile="on")))
    for width, height in SIZES:
        query = noise(width, height)
        seconds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            result = last(detect(query))
            seconds.append(time.perf_counter() - start)
        name, megapixels = f"{width} x {height}", width * height / 1e6
        yield row(f"{name}: {result.made_by.windows}", megapixels, "megapixels")
        yield row(f"{name}: ensemble", statistics.median(seconds), "s")
        yield row(f"{name}: a megapixel", statistics.median(seconds) / megapixels, "s")
        yield row(f"{name}: peak memory so far", peak_memory(device) / 2**30, "GiB")
