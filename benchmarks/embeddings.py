"""PatchCore with a bank of eight shots, and self-reference, beside their network's forward pass."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.timing import Row, interleaved, machine, noise, peak_memory, ratio, row
from maeday_core.methods import PATCHCORE, SELF_REFERENCE, Reference, Tools, detector, last
from maeday_core.methods.building import build_bank
from maeday_core.methods.memory_bank import LIMITS
from maeday_core.model.device import best_device

ROUNDS = 11
FORWARD, PATCHES = "lite0: features of 224 x 224", "PatchCore with that bank"


def run() -> Iterator[Row]:
    """Time them; times are medians of interleaved rounds.

    The memory is that of this process before and after a bank of a thousand shots.
    """
    device = best_device()
    yield machine(device)
    tools = Tools()
    network = tools.network()
    shots = [noise(224, 224, seed) for seed in range(8)]
    start = time.perf_counter()
    bank = build_bank(network, shots)
    yield row(f"a bank of 8 shots in 8 views each, {len(bank.features)} patches", time.perf_counter() - start, "s")
    large = noise(1536, 1024)
    patchcore = detector(PATCHCORE, tools, Reference({PATCHCORE.name: bank}, PATCHCORE.name))
    itself = detector(SELF_REFERENCE, tools)
    times = interleaved(
        {
            FORWARD: lambda: network(shots[0]),
            PATCHES: lambda: last(patchcore(shots[0])),
            "self-reference, 224 x 224": lambda: last(itself(shots[0])),
            "self-reference, 1536 x 1024 at half size": lambda: last(itself(large)),
        },
        device,
        ROUNDS,
    )
    for what, values in times.items():
        yield row(what, 1000 * statistics.median(values), "ms")
    yield row("PatchCore / its features, median of the rounds", ratio(times, PATCHES, FORWARD), "")
    before = peak_memory(device)
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    build_bank(network, (rng.integers(0, 256, (224, 224, 3), np.uint8) for _ in range(1000)), augment=False)
    yield row(f"a bank of 1000 shots, {LIMITS.patches} patches", time.perf_counter() - start, "s")
    yield row("peak memory before it", before / 2**20, "MiB")
    yield row("peak memory after it", peak_memory(device) / 2**20, "MiB")
