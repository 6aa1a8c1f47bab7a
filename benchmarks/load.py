"""Many visitors at once: whether each gets what he would get alone, and how long a light one waits beside the others.

`python -m benchmarks.load --visitors 8 --minutes 5` starts `app.py` with a folder of its own for temporary files.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from gradio_client import Client, handle_file

from benchmarks.timing import Row, row
from benchmarks.visitor import Visitor

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "assets" / "examples"
PATIENCE = 180
"""Seconds until the server answers."""
POLL = 0.1
"""Seconds between two questions whether it does."""
SAMPLED = 5.0
"""Seconds between two looks at memory and files."""
LIGHT = 5
"""So often the light visitor's wait is measured."""
Job = Callable[[str], str]
"""Does one thing as a new visitor of a page, and returns what it showed, without times."""


def detect(url: str, photo: str = "metal-scratch.jpg", masks: int = 16) -> str:
    """Inspect one photo."""
    visitor = Visitor(url)
    visitor.set("query", visitor.upload(EXAMPLES / photo))
    visitor.set("masks", masks)
    visitor.press("detect")
    return _answer(visitor, "verdict")


def light(url: str) -> str:
    """Inspect one photo as quickly as the page can."""
    return detect(url, "brick-cup.jpg", masks=1)


def fine_tune(url: str) -> str:
    """Learn from one good part, and inspect another with it."""
    visitor = Visitor(url)
    visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
    visitor.set("shots", [visitor.upload(EXAMPLES / "metal-clean.jpg")])
    visitor.press("shots", "upload")
    visitor.press("tune")
    return _answer(visitor, "adapter", "verdict")


def frames(url: str) -> str:
    """Go through eleven frames."""
    visitor = Visitor(url)
    visitor.set("frame-files", [visitor.upload(EXAMPLES / "frames.zip")])
    visitor.press("frames-start")
    return _answer(visitor, "frames-card", "frames-table")


def call(url: str) -> str:
    """Judge one photo as a program does."""
    client = Client(url, verbose=False, download_files=False)
    answer, *_ = client.predict(handle_file(EXAMPLES / "linen-stain.jpg"), masks=4, api_name="/detect")
    return f"{answer['sentence']} {answer['image_score']}"


JOBS: tuple[Job, ...] = (detect, fine_tune, frames, call)


def _answer(visitor: Visitor, *shown: str) -> str:
    text = " ".join(str(visitor.shows(name)) for name in shown) + str(visitor.told)
    return re.sub(r"[\d.]+ s\b", "", text)


@dataclass
class Crowd:
    """Visitors who come again and again, each in a thread.

    Attributes:
        url: of the page.
        alone: what each job shows to a visitor who is alone.
        done: how many jobs gave that.
        wrong: what the others gave.
        waits: how long each took, in seconds.
    """

    url: str
    alone: dict[Job, str]
    done: int = 0
    wrong: list[str] = field(default_factory=list)
    waits: dict[Job, list[float]] = field(default_factory=lambda: defaultdict(list))
    over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def of(self, *beginnings: int) -> Iterator[None]:
        """Visitors until the block ends, each beginning with the job of a number; what they began they finish."""
        self.over.clear()
        threads = [threading.Thread(target=self._visit, args=(number,)) for number in beginnings]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def _visit(self, beginning: int) -> None:
        for job in itertools.islice(itertools.cycle(self.alone), beginning, None):
            if self.over.is_set():
                return
            start = time.perf_counter()
            try:
                answer = job(self.url)
            except Exception as error:
                answer = repr(error)
            self.waits[job].append(time.perf_counter() - start)
            if answer == self.alone[job]:
                self.done += 1
            else:
                self.wrong.append(f"{job.__name__}: {answer}")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the page with `folder` for temporary files; its address and the number of its process."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    url, environment = f"http://127.0.0.1:{port}", os.environ | {"GRADIO_SERVER_PORT": str(port), "TMPDIR": str(folder)}
    process = subprocess.Popen([sys.executable, ROOT / "app.py"], env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(round(PATIENCE / POLL)):
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(url, trust_env=False).raise_for_status()
                break
            time.sleep(POLL)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def waits(url: str) -> float:
    """The median wait of a light visitor, in seconds."""
    seconds = []
    for _ in range(LIGHT):
        start = time.perf_counter()
        light(url)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def memory(process: int) -> float:
    """Memory of a process in GiB (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 2**20 if found else float("nan")


def size(folder: Path) -> float:
    """What lies in a folder, in MB."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            found += path.stat().st_size
    return found / 1e6


def run(visitors: int = 8, minutes: float = 5) -> Iterator[Row]:
    """Memory and files over time, the light visitor's wait, and how many answers were not those of a visitor alone."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, process):
        light(url)  # loads the model
        crowd = Crowd(url, {job: job(url) for job in JOBS})
        yield row("light visitor alone", waits(url), "s")
        with crowd.of(JOBS.index(frames)):
            yield row("light visitor beside one of frames", waits(url), "s")
        start = time.monotonic()
        with crowd.of(*range(visitors)):
            yield row(f"light visitor beside {visitors}", waits(url), "s")
            while time.monotonic() - start < 60 * minutes:
                yield row(f"memory after {time.monotonic() - start:.0f} s", memory(process), "GiB")
                yield row(f"temporary files after {time.monotonic() - start:.0f} s", size(Path(folder)), "MB")
                time.sleep(SAMPLED)
        for job, seconds in crowd.waits.items():
            middle, high = (float(np.quantile(seconds, share)) for share in (0.5, 0.95))
            yield row(f"{job.__name__}: median wait of {len(seconds)}", middle, "s")
            yield row(f"{job.__name__}: 95 % wait at most", high, "s")
        yield row("answers as to a visitor alone", crowd.done, "")
        yield row("other answers", len(crowd.wrong), "")
        for wrong in crowd.wrong[:3]:
            print(wrong, file=sys.stderr)


def main() -> None:
    """Measure it, a row a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=5)
    given = parser.parse_args()
    for one in run(given.visitors, given.minutes):
        print(f"{one['what']:45} {one['value']:10.3f} {one['unit']}", flush=True)


if __name__ == "__main__":
    main()
