"""Ends `adapt`, and the page in the middle of learning and of frames: `python -m tests.fuzz.kills --times 10`.

What was finished is whole, what was not is begun again, and nothing is left of what was ended. The same of `frames` and
`evaluate` is tested beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.load import Job, fine_tune, frames
from maeday_core import load_reference
from maeday_core.serving.folder import PREFIX
from tests.app.servers import serving
from tests.conftest import ROOT, part

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
PATIENCE = 60.0


def adapt(folder: Path, shot: Path, out: Path) -> subprocess.Popen[bytes]:
    """`maeday adapt`, running, with a folder of its own for temporary files."""
    (temporary := folder / "tmp").mkdir(exist_ok=True)
    line = [sys.executable, "-m", "maeday_core", "adapt", str(shot), "--out", str(out), "--steps", "5"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_adapt(folder: Path, times: int, chance: random.Random) -> list[str]:
    """What it had written is the whole file or nothing, and it makes the same file at the next start."""
    shot, out, alone = (folder / name for name in ("good.png", "killed/good.safetensors", "alone/good.safetensors"))
    Image.fromarray(part(0)).save(shot)
    start = time.monotonic()
    assert adapt(folder, shot, alone).wait() == 0
    seconds, whole, faults = time.monotonic() - start, alone.read_bytes(), []
    for number in times * SIGNALS:
        out.unlink(missing_ok=True)
        running = adapt(folder, shot, out)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(chance.uniform(0, seconds))
        running.send_signal(number)
        status = running.wait(PATIENCE)
        if status not in (0, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM):
            faults.append(f"adapt, signal {number}: status {status}")
        if out.exists() and out.read_bytes() != whole:
            faults.append(f"adapt, signal {number}: a file that is not whole")
    assert adapt(folder, shot, out).wait() == 0
    if load_reference(out).shots != 1 or out.read_bytes() != whole:
        faults.append("adapt: another file than without signals")
    left = [path.name for path in out.parent.iterdir() if path != out]
    return faults + [f"adapt: left {name}" for name in left]


def kill_page(job: Job, folder: Path, times: int, chance: random.Random) -> list[str]:
    """A page that was told to end leaves nothing, what one that was killed left goes at the next start, and a visitor
    who comes again gets the answer of a page that was never ended. Visits end with the server."""
    with serving(folder) as server:
        start = time.monotonic()
        alone = job(server.url)
        seconds, faults = time.monotonic() - start, []
    for number in times * SIGNALS:
        with serving(folder) as server:
            if len(list(server.temporary.glob(f"{PREFIX}*"))) != 1:
                faults.append(f"page, before signal {number}: folders of others that are gone")
            threading.Thread(target=visit, args=(job, server.url), daemon=True).start()
            time.sleep(chance.uniform(0, seconds))
            server.process.send_signal(number)
            status = server.process.wait(PATIENCE)
            if status != {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 128 + signal.SIGTERM}[number]:
                faults.append(f"page, signal {number}: status {status}")
            if number == signal.SIGTERM and list(server.temporary.iterdir()):
                faults.append("page: files are left after SIGTERM")
            if "Traceback" in server.log.read_text():
                faults.append(f"page, signal {number}: a traceback in {server.log.read_text()[-2000:]}")
    with serving(folder) as server:
        if (shown := job(server.url)) != alone:
            faults.append(f"page: another answer after all signals: {shown}")
    return faults


def visit(job: Job, url: str) -> None:
    """A visitor whose server ends."""
    with contextlib.suppress(Exception):
        job(url)


KILLS: dict[str, Callable[[Path, int, random.Random], list[str]]] = {
    "adapt": kill_adapt,
    "page-learning": functools.partial(kill_page, fine_tune),
    "page-frames": functools.partial(kill_page, frames),
}


def main() -> int:
    """Send both signals so many times to each, and print what was not as it should be; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, metavar="N", help="each signal, by default 10")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", choices=KILLS, nargs="+", default=[*KILLS], help="by default all")
    given = parser.parse_args()
    failed = 0
    for name in given.only:
        with tempfile.TemporaryDirectory() as folder:
            faults = KILLS[name](Path(folder), given.times, random.Random(given.seed))
        print(f"{name}: {given.times} SIGKILL, {given.times} SIGTERM, {len(faults)} faults", *faults, sep="\n  ")
        failed += len(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
