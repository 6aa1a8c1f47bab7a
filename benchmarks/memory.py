"""Time and memory that `maeday detect` takes, each picture in a process of its own, and that the page takes.

`python -m maeday_core bench memory` measures all of the first; `python -m benchmarks.memory --megapixels 49 --methods
self` a part; with `--page` it is the page, and how long another visitor waits meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from benchmarks.load import light, serving
from benchmarks.timing import Row, noise, row
from benchmarks.visitor import Visitor
from maeday_core.detection.settings import Settings

MEGAPIXELS = 0.3, 7.0, 16.0, 49.0
METHODS = "maeday", "self", "patchcore-1", "ensemble", "ensemble-1"
"""A number after the name is that of the good parts; they are large, so that the query is seen through windows."""
CONTENTS = "noise", "one colour"
GOOD = 1536, 1024
MASKS = Settings().masks
PAUSE = 0.05
"""Seconds between two moves of the other visitor."""
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
    masks: int = MASKS,
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


def run_page(
    megapixels: Sequence[float] = MEGAPIXELS,
    methods: Sequence[str] = METHODS,
    contents: Sequence[str] = CONTENTS,
    masks: int = MASKS,
) -> Iterator[Row]:
    """Measure the page, whose server has a loaded model: the most resident memory while it looks at a picture (Linux),
    and the longest wait of another visitor for what needs no model."""
    with tempfile.TemporaryDirectory(prefix="maeday-") as name, serving(folder := Path(name)) as (url, process):
        Image.fromarray(noise(*GOOD)).save(folder / "good.png")
        light(url)
        for size in megapixels:
            for content in contents:
                picture = _saved(folder, round((1e6 * size) ** 0.5), content)
                for method in methods:
                    visitor = Visitor(url)
                    if method.endswith("-1"):
                        visitor.set("load-adapter", visitor.upload(_learned(folder, method)))
                        visitor.press("load-adapter", "upload")
                    visitor.set("query", visitor.upload(picture))
                    visitor.set("method", method.removesuffix("-1"))
                    visitor.set("masks", masks)
                    Path(f"/proc/{process}/clear_refs").write_text("5")  # forgets the peak
                    with _another(url) as waits:
                        visitor.press("detect")
                    status = Path(f"/proc/{process}/status").read_text()
                    megabytes = int(status.partition("VmHWM:")[2].split()[0]) / 1024
                    yield row(f"page, {size:g} megapixels of {content}, {method}: peak memory", megabytes, "MB")
                    yield row(f"page, {size:g} megapixels of {content}, {method}: longest wait", max(waits), "s")


@contextmanager
def _another(url: str) -> Iterator[list[float]]:
    """Another visitor who moves the threshold again and again until the block ends: the waits for an answer."""
    visitor, waits, over = Visitor(url), [], threading.Event()

    def move() -> None:
        while not over.wait(PAUSE):
            start = time.perf_counter()
            visitor.press("threshold", "input")
            waits.append(time.perf_counter() - start)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()


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
    parser.add_argument("--masks", type=int, default=MASKS)
    parser.add_argument("--page", action="store_true", help="the page instead of the command line")
    given = vars(parser.parse_args())
    for one in (run_page if given.pop("page") else run)(**given):
        print(f"{one['what']:60} {one['value']:10.4g} {one['unit']}", flush=True)


if __name__ == "__main__":
    main()
