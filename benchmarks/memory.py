"""Time and memory that `maeday detect` takes, each picture in a process of its own.

`python -m maeday_core bench memory` measures all; `python -m benchmarks.memory --megapixels 49 --methods self` a part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from benchmarks.timing import Row, noise, row
from maeday_core.detection.settings import Settings

MEGAPIXELS = 0.3, 7.0, 16.0, 49.0
METHODS = "maeday", "self", "patchcore-1", "ensemble", "ensemble-1"
"""A number after the name is that of the good parts; they are large, so that the query is seen through windows."""
CONTENTS = "noise", "one colour"
GOOD = 1536, 1024
BETWEEN = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(ended.returncode)"""
"""A program that runs a command and prints the most memory that it has held."""


def run(
    megapixels: Sequence[float] = MEGAPIXELS,
    methods: Sequence[str] = METHODS,
    contents: Sequence[str] = CONTENTS,
    masks: int = Settings().masks,
) -> Iterator[Row]:
    """Measure: seconds and the most resident memory of a process, its start included."""
    with tempfile.TemporaryDirectory(prefix="maeday-") as name:
        folder = Path(name)
        Image.fromarray(noise(*GOOD)).save(folder / "good.png")
        for size in megapixels:
            for content in contents:
                picture = _saved(folder, round((1e6 * size) ** 0.5), content)
                for method in methods:
                    options = ["--method", method.removesuffix("-1"), "--masks", str(masks), "--out", str(folder)]
                    if method.endswith("-1"):
                        options += ["--adapter", str(_learned(folder, method))]
                    seconds, megabytes = measured("detect", str(picture), *options)
                    yield row(f"{size:g} megapixels of {content}, {method}: time", seconds, "s")
                    yield row(f"{size:g} megapixels of {content}, {method}: peak memory", megabytes, "MB")


def measured(*command: str) -> tuple[float, float]:
    """The seconds that `maeday` takes for a command, and the MB that it has held at most.

    A process counts what the one held that started it, so a small one is between.

    Raises:
        RuntimeError: the command failed.
    """
    start = time.perf_counter()
    between = subprocess.run(
        [sys.executable, "-c", BETWEEN, sys.executable, "-m", "maeday_core", *command], capture_output=True, text=True
    )
    if between.returncode:
        raise RuntimeError(f"maeday {' '.join(command)}: {between.stderr}")
    return time.perf_counter() - start, int(between.stdout) / 1024  # Linux counts in KiB


def _saved(folder: Path, side: int, content: str) -> Path:
    """A square picture as PNG."""
    path = folder / "query.png"
    if content == "noise":
        Image.fromarray(noise(side, side)).save(path, compress_level=0)
    else:
        Image.new("RGB", (side, side), (90, 120, 60)).save(path, compress_level=1)
    return path


def _learned(folder: Path, method: str) -> Path:
    path = folder / f"{method}.safetensors"
    if not path.exists():
        measured("adapt", str(folder / "good.png"), "--method", method.removesuffix("-1"), "--out", str(path))
    return path


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", nargs="+", type=float, default=MEGAPIXELS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--contents", nargs="+", choices=CONTENTS, default=CONTENTS)
    parser.add_argument("--masks", type=int, default=Settings().masks)
    for one in run(**vars(parser.parse_args())):
        print(f"{one['what']:60} {one['value']:10.4g} {one['unit']}", flush=True)


if __name__ == "__main__":
    main()
