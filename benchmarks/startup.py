"""From a cold start: help, the verdict on one photo and the page's first answer, beside the import of PyTorch."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.load import EXAMPLES, ROOT, serving
from benchmarks.timing import Row, interleaved, ratio, row

ROUNDS = 5
TORCH, HELP, DETECT, PAGE = "import torch", "maeday --help", "maeday detect photo.jpg", "app.py: first answer"
OTHERWISE = "maeday detect, but for the detection"


def run() -> Iterator[Row]:
    """Time processes as a whole, medians of interleaved rounds; `python -X importtime` tells what one imports."""
    detection: list[float] = []

    def detect() -> None:
        ended = _python("-m", "maeday_core", "detect", str(EXAMPLES / "metal-scratch.jpg"), "--json")
        detection.append(json.loads(ended)["seconds"])

    def page() -> None:
        with tempfile.TemporaryDirectory(prefix="maeday-") as folder, serving(Path(folder)):
            pass

    times = interleaved(
        {
            TORCH: lambda: _python("-c", "import torch"),
            HELP: lambda: _python("-m", "maeday_core", "--help"),
            DETECT: detect,
            PAGE: page,
        },
        torch.device("cpu"),
        ROUNDS,
    )
    for what, values in times.items():
        yield row(what, statistics.median(values), "s")
    times[OTHERWISE] = [whole - part for whole, part in zip(times[DETECT], detection[1:], strict=True)]
    for what in (HELP, OTHERWISE, PAGE):
        yield row(f"{what} / {TORCH}, median of the rounds", ratio(times, what, TORCH), "")


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
