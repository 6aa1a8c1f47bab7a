"""What time grows with: masks, pixels, good parts, frames; the slope of each line on logarithmic scales."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.frames import seconds_of_run, write_frames
from benchmarks.timing import Row, interleaved, machine, noise, peak_memory, row
from maeday_core.detection.reconstruction import detect
from maeday_core.detection.settings import Settings
from maeday_core.methods import ENSEMBLE, SELF_REFERENCE, Tools, detector, last
from maeday_core.methods.building import build_bank
from maeday_core.model.device import best_device
from maeday_core.model.load import load_model

ROUNDS = 3
MASKS = 8, 16, 32, 64, 128
SIDES = (1448, 1086), (2048, 1536), (2896, 2172), (4096, 3072)
"""Of pictures that are all seen at half their size."""
SHOTS = 1, 2, 4, 8
FRAMES = 32, 64, 128, 256
FRAME = 320, 240


def run() -> Iterator[Row]:
    """Time each at growing sizes, in interleaved rounds; a slope of 1 is a cost in proportion."""
    yield machine(best_device())
    yield from _frames()
    model = load_model("bundled")
    yield from _line(
        "masks",
        {count: partial(detect, model, noise(224, 224), Settings(masks=count, sampling="balanced")) for count in MASKS},
    )
    ensemble = detector(ENSEMBLE, Tools.of("bundled", Settings(masks=4, sampling="balanced", tile="on")))
    pictures = [noise(*side) for side in SIDES]
    yield from _line(
        "megapixels, through windows",
        {one.shape[0] * one.shape[1] / 1e6: partial(_last, ensemble, one) for one in pictures},
    )
    network = Tools().network()
    shots = [noise(224, 224, seed) for seed in range(max(SHOTS))]
    yield from _line(
        "good parts of a memory bank", {count: partial(build_bank, network, shots[:count]) for count in SHOTS}
    )


def _frames() -> Iterator[Row]:
    """Runs over small frames; the memory at the peak, before anything larger, shows what a run keeps of each."""
    alone = detector(SELF_REFERENCE, Tools())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {count: write_frames(folder / f"{count}", count, FRAME) for count in FRAMES}
        for count, pictures in inputs.items():
            seconds_of_run(pictures, folder / f"memory {count}", alone)
            yield row(f"peak memory after {count} frames", peak_memory(best_device()) / 2**20, "MiB")
        numbers = iter(range(10**6))
        yield from _line(
            "frames",
            {
                count: lambda pictures=pictures: seconds_of_run(pictures, folder / f"out {next(numbers)}", alone)
                for count, pictures in inputs.items()
            },
        )


def _last(detecting: Callable[..., Iterator[object]], query: object) -> object:
    return last(detecting(query))  # type: ignore[type-var]


def _line(of: str, contenders: Mapping[float, Callable[[], object]]) -> Iterator[Row]:
    """The median seconds at each size, and the slope; a row of a line has its `line` and its place `x` on it."""
    times = interleaved({f"{x:.4g}": one for x, one in contenders.items()}, best_device(), ROUNDS)
    seconds = [statistics.median(values) for values in times.values()]
    for x, value in zip(contenders, seconds, strict=True):
        yield row(f"{x:.4g} {of}", value, "s") | {"line": of, "x": x}
    yield row(f"slope against {of}", slope([*contenders], seconds), "")


def slope(sizes: list[float], seconds: list[float]) -> float:
    """By least squares on logarithmic scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
