"""Frames on Ray against one process and against Ray Data: throughput, overhead, memory, kills that change nothing.

python -m benchmarks.cluster [speed | data | overhead | kills]     `data` needs pyarrow and pandas, too
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

from maeday_core.cluster.frames import Detector, look
from maeday_core.cluster.pool import Pool
from maeday_core.detection.decision import Ordinary
from maeday_core.detection.result import DISTANCE, Detection, Provenance
from maeday_core.detection.settings import Settings
from maeday_core.frames import Frame, FrameRun, Sources
from maeday_core.frames.parts import SIZE
from maeday_core.frames.records import WORK
from maeday_core.frames.shares import shares_of
from maeday_core.io.files import sha256
from maeday_core.io.images import RGBImage
from maeday_core.methods import Detect, Tools, detector, find
from maeday_core.model.load import load_model

SETTINGS = Settings(masks=4, sampling="balanced", tile="on")
PAIRS = 3


def brightness(query: RGBImage) -> Iterator[Detection]:
    """A detector that takes no time: what is left is reading, keeping and the cluster."""
    error_map = query.mean(axis=-1, dtype=np.float32) / 255
    made_by, threshold = Provenance("brightness", masks=1), Ordinary(0.9, 0.1, 0.1, "").threshold()
    yield Detection(float(error_map.max()), error_map, DISTANCE, threshold, 0.01, made_by, seen=())


def make_brightness() -> Detect:
    return brightness


class Fatal:
    """Makes a detector that ends its process, once for each picture whose first pixel is blue."""

    def __init__(self, marks: Path):
        self.marks = marks

    def __call__(self) -> Detect:
        def detect(query: RGBImage) -> Iterator[Detection]:
            mark = self.marks / f"{int(query.sum())}"
            if query[0, 0].tolist() == [0, 0, 255] and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.02)
            yield from brightness(query)

        return detect


def pictures(folder: Path, number_of: int, side: tuple[int, int], fatal: set[int] | None = None) -> Path:
    folder.mkdir()
    for number in range(number_of):
        picture = np.random.default_rng(number).integers(70, 110, (*side, 3)).astype(np.uint8)
        if fatal and number in fatal:
            picture[0, 0] = (0, 0, 255)
        Image.fromarray(picture).save(folder / f"{number:05}.jpg" if side[0] > 200 else folder / f"{number:05}.png")
    return folder


def together(out: Path, source: Path, make: Callable[[], Detect], workers: int = 2) -> tuple[float, float]:
    """Frames a second from the first part on, and with the start of the workers."""
    seen = [one for one in look(FrameRun(out), Sources([source]), make, Pool(workers=workers))]
    last = seen[-1]
    first = next(one for one in seen if one.done)
    return (last.done - first.done) / (last.seconds - first.seconds), last.done / last.seconds


def alone(out: Path, source: Path, detect: Detect) -> float:
    start = time.monotonic()
    return len(list(FrameRun(out).look(Sources([source]), detect))) / (time.monotonic() - start)


class Watch(threading.Thread):
    """Sums what a program and its children take while a block runs.

    Attributes:
        seconds: of all cores, by process.
        most: bytes at once that no others share.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[int, float] = {}
        self.most, self._over = 0, threading.Event()

    def run(self) -> None:
        here = psutil.Process()
        while not self._over.wait(0.2):
            taken = 0
            for process in (here, *here.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    memory, times = process.memory_info(), process.cpu_times()
                    taken += memory.rss - memory.shared
                    if process == here or "ray::" in process.name() + " ".join(process.cmdline()[:1]):
                        self.seconds[process.pid] = times.user + times.system
            self.most = max(self.most, taken)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


class Rows:
    """Measures batches of Ray Data as a worker does its part, into a folder of its own."""

    def __init__(self, out: Path, make: Callable[[], Detect]):
        self.detect, self.numbers = make(), count()
        self.run = FrameRun(out / f"{os.getpid()}")
        (self.run.folder / WORK).mkdir(parents=True)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        for path, picture in zip(batch["path"], batch["image"], strict=True):
            frame = Frame(str(path), None, sha256(Path(path)), picture)
            self.run.measure(frame, self.detect, next(self.numbers))
        return {"path": batch["path"]}


def through_data(out: Path, source: Path, make: Callable[[], Detect], workers: int = 2) -> tuple[float, float]:
    """As `together`, by Ray Data: it reads the pictures, and gives them in batches to workers."""
    import ray

    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        read = ray.data.read_images(str(source), include_paths=True)
        rows = read.map_batches(
            Rows,
            fn_constructor_args=(out, make),
            batch_size=SIZE,
            batch_format="numpy",
            num_cpus=0.5,  # of two cores, one a worker leaves none to read: nothing would ever be done
            compute=ray.data.ActorPoolStrategy(size=workers),
        )
        start = time.monotonic()
        done = sum(1 for _ in rows.iter_rows())
        return rate_of(out), done / (time.monotonic() - start)
    finally:
        ray.shutdown()


def rate_of(out: Path) -> float:
    """Maps a second, from the first to the last that was written."""
    at = sorted(path.stat().st_mtime for path in out.rglob("*.npy"))
    return (len(at) - 1) / (at[-1] - at[0])


def data(folder: Path) -> None:
    """Two workers against Ray Data with two, in turns, with a detector that takes no time."""
    source = pictures(folder / "in", 300, (480, 640))
    ratios = []
    for pair in range(PAIRS):
        rates = []
        for name, way in (("workers", together), ("Ray Data", through_data)):
            with Watch() as watch:
                _, whole = way(folder / f"{name}{pair}", source, make_brightness)
            rates.append(rate := rate_of(folder / f"{name}{pair}"))
            seconds = sum(watch.seconds.values())
            print(
                f"{name}: {rate:.1f} frames a second, {whole:.1f} with the start, {seconds:.1f} s of the cores, "
                f"{watch.most / 1e6:.0f} MB at most",
                flush=True,
            )
        ratios.append(rates[0] / rates[1])
    print(f"workers / Ray Data: median {median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def speed(folder: Path) -> None:
    """Two workers of one thread, with their start, against one process of two threads, in turns."""
    source = pictures(folder / "in", 32, (480, 640))
    model = load_model("bundled", device="cpu", dtype=torch.float32)
    tools = Tools(SETTINGS, lambda: model, Tools.of("bundled").backbone)
    make = Detector("ensemble", model, SETTINGS, tools.backbone, "default")
    torch.set_num_threads(2)
    detect = detector(find("ensemble"), tools)
    ratios = []
    for pair in range(PAIRS):
        one = alone(folder / f"alone{pair}", source, detect)
        _, two = together(folder / f"together{pair}", source, make)
        maps = [sorted((folder / f"{name}{pair}" / "work").glob("*.npy")) for name in ("alone", "together")]
        apart = max(float(np.abs(np.load(a) - np.load(b)).max()) for a, b in zip(*maps, strict=True))
        ratios.append(two / one)
        print(f"one process {one:.2f} a second, two workers {two:.2f}; maps differ by {apart:.2g} at most", flush=True)
    print(f"ratio: median {median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def overhead(folder: Path) -> None:
    """One worker against one process, with a detector that takes no time; the driver's memory."""
    for frames in (100, 2000):
        code = (
            "import sys; from pathlib import Path; from benchmarks.cluster import measure_driver; "
            f"measure_driver(Path({str(folder)!r}), {frames})"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


def measure_driver(folder: Path, count: int) -> None:
    source = pictures(folder / f"in{count}", count, (120, 180))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rate, _ = together(folder / f"together{count}", source, make_brightness, workers=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    one = alone(folder / f"alone{count}", source, brightness)
    print(
        f"{count} frames: {1000 / one:.2f} ms a frame alone, {1000 / rate:.2f} ms by a worker; "
        f"driver {before / 1024:.0f} MB before, {peak / 1024:.0f} MB at most",
        flush=True,
    )


def kills(folder: Path) -> None:
    """Ten workers and three drivers are killed; the folder is compared with that of one process."""
    fatal = set(np.random.default_rng().choice(300, 10, replace=False).tolist())
    source = pictures(folder / "in", 300, (120, 180), fatal)
    (folder / "marks").mkdir()
    run = FrameRun(folder / "together")
    code = (
        "import sys; from pathlib import Path; from benchmarks.cluster import *; "
        "f = Path(sys.argv[1]); together(f / 'together', f / 'in', Fatal(f / 'marks'))"
    )
    for number in range(4):
        driver = subprocess.Popen([sys.executable, "-c", code, str(folder)], stderr=subprocess.DEVNULL)
        before = sum(len(share.run.whole()) for share in shares_of(run))
        while number < 3 and sum(len(share.run.whole()) for share in shares_of(run)) < before + 20:
            time.sleep(0.1)
        if number < 3:
            driver.kill()
        print(f"driver {number}: {driver.wait()}, {len(list((folder / 'marks').iterdir()))} workers killed", flush=True)
    list(FrameRun(folder / "alone").look(Sources([source]), brightness))
    for name in ("alone", "together"):
        one = FrameRun(folder / name)
        one.write(one.judge())
    differing = [
        path.relative_to(folder / "alone")
        for path in (folder / "alone").rglob("*")
        if path.is_file()
        and path.name not in (".lock", "records.jsonl", "run.json", "report.html")
        and path.read_bytes() != (folder / "together" / path.relative_to(folder / "alone")).read_bytes()
    ]
    print(f"{len(run.records())} frames, {len(run.left_out())} left out, files that differ: {differing}")


if __name__ == "__main__":
    asked = sys.argv[1:] or ["speed", "data", "overhead", "kills"]
    for one in (speed, data, overhead, kills):
        if one.__name__ in asked:
            with tempfile.TemporaryDirectory() as name:
                one(Path(name))
