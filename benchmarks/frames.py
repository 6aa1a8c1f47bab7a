"""`maeday frames` from files to rows: seconds a megapixel of frames of 1536 x 1024, beside the detection alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from benchmarks.timing import Row, machine, noise, peak_memory, row
from maeday_core.detection.settings import Settings
from maeday_core.frames import FrameRun, Sources
from maeday_core.methods import ENSEMBLE, Detect, Tools, detector, last
from maeday_core.model.device import best_device

SIZE = 1536, 1024
FRAMES = 8
ROUNDS = 3
SETTINGS = {
    "whole": Settings(masks=4, sampling="balanced", tile="off"),
    "through windows": Settings(masks=4, sampling="balanced", tile="on"),
}


def run() -> Iterator[Row]:
    """Time runs over the same frames, each beside the detections that it asks for; medians of the rounds."""
    device = best_device()
    yield machine(device)
    megapixels = FRAMES * SIZE[0] * SIZE[1] / 1e6
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_frames(Path(folder) / "in", FRAMES, SIZE)
        for how, settings in SETTINGS.items():
            detect = detector(ENSEMBLE, Tools.of("bundled", settings))
            last(detect(noise(*SIZE)))
            whole, alone = [], []
            for number in range(ROUNDS):
                whole.append(seconds_of_run(pictures, Path(folder) / f"{how} {number}", detect))
                start = time.perf_counter()
                for frame in range(FRAMES):
                    last(detect(noise(*SIZE, frame)))
                alone.append(time.perf_counter() - start)
            yield row(f"{how}: a megapixel", statistics.median(whole) / megapixels, "s")
            overhead = statistics.median(a / b for a, b in zip(whole, alone, strict=True))
            yield row(f"{how}: run / its detections, median of the rounds", overhead, "")
    yield row("peak memory", peak_memory(device) / 2**30, "GiB")


def write_frames(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Pictures of noise as PNG, of a width and a height."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(noise(*size, number)).save(folder / f"{number:04}.png", compress_level=1)
    return folder


def seconds_of_run(pictures: Path, out: Path, detect: Detect) -> float:
    """Seconds from the files to the rows."""
    start = time.perf_counter()
    frames = FrameRun(out)
    for _ in frames.look(Sources([pictures]), detect):
        pass
    frames.write(frames.judge())
    return time.perf_counter() - start
