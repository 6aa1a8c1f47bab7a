"""Fine-tuning: all of it with the bundled model, and a step of LoRA beside one of all weights at base size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from benchmarks.timing import Row, interleaved, machine, noise, peak_memory, ratio, row
from maeday_core.fewshot.fine_tuning import DEFAULT, FULL, PAPER, fine_tune
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.load import load_model
from maeday_core.model.mae import CONFIGS, MaskedAutoencoder

ROUNDS = 5


def run() -> Iterator[Row]:
    """Time fine-tuning; the two kinds of step are the paper's, batches of 32, interleaved."""
    device = best_device()
    dtype = best_dtype(device)
    shots = [noise(224, 224)]
    yield machine(device, dtype)

    bundled = load_model("bundled", device=device, dtype=dtype)
    trained, start = 0.0, time.perf_counter()
    for progress in fine_tune(bundled, shots):
        if progress.step:
            trained = time.perf_counter() - start
    yield row(f"bundled: {DEFAULT.steps} steps of the default preset", trained, "s")
    yield row("bundled: the same with calibration", time.perf_counter() - start, "s")

    torch.manual_seed(0)
    base = MaskedAutoencoder(CONFIGS["base"]).to(device, dtype).requires_grad_(False).eval()
    for _ in fine_tune(base, shots, replace(DEFAULT, steps=1)):
        pass
    yield row("base: peak memory, default preset and calibration", peak_memory(device) / 2**30, "GiB")
    steps = {preset.name: fine_tune(base, shots, replace(preset, steps=1 + ROUNDS)) for preset in (PAPER, FULL)}
    times = interleaved({name: partial(next, tuning) for name, tuning in steps.items()}, device, ROUNDS)
    for preset, what in ((PAPER, "LoRA"), (FULL, "all weights")):
        yield row(f"base: a step of 32 crops, {what}", statistics.median(times[preset.name]), "s")
    yield row("LoRA / all weights, median of the rounds", ratio(times, PAPER.name, FULL.name), "")
