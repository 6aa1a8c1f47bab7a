"""Give hostile files to a process of their own, and see that it neither crashes, hangs, grows nor shows a traceback."""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import ROOT
from tests.fuzz.archives import archive
from tests.fuzz.corrections import corrections
from tests.fuzz.pictures import picture
from tests.fuzz.saved import saved
from tests.fuzz.videos import video

SECONDS = 20
MEGABYTES = 2200
"""Of the process, whose own part is 900; a picture of 49 megapixels takes as much again, and more."""
FINE = ("taken", "refused")
Make = Callable[[random.Random], tuple[str, bytes]]
KINDS: dict[str, Make] = {
    "picture": picture,
    "archive": archive,
    "video": video,
    "saved": saved,
    "corrections": corrections,
}
"""What makes a file of each kind: its suffix and its bytes."""


@dataclass
class Tally:
    """What came of the files of one kind.

    Attributes:
        answers: how many had each answer.
        seconds, megabytes: the slowest answer, and the most resident memory.
        faults: number and answer of each that was not as it should be, with what was said.
    """

    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    megabytes: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, number: int, answer: str, text: str, seconds: float, megabytes: float) -> None:
        """Count one answer."""
        self.answers[answer] += 1
        self.seconds, self.megabytes = max(self.seconds, seconds), max(self.megabytes, megabytes)
        if answer not in FINE:
            self.faults.append(f"{number}: {answer}: {text}")
        elif megabytes > MEGABYTES:
            self.faults.append(f"{number}: {megabytes:.0f} MB: {text}")


def fuzz(kind: str, count: int, seed: int = 0, keep: Path | None = None, seconds: float = SECONDS) -> Tally:
    """Make files of a kind and give each to the victim.

    Args:
        kind: of `KINDS`.
        count: how many.
        seed: file `number` of a seed is always the same one.
        keep: where the files that show a fault are kept.
        seconds: that an answer may take.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="maeday-fuzz-") as folder, _victim(seconds) as take:
        for number in range(count):
            suffix, content = KINDS[kind](random.Random(f"{seed} {kind} {number}"))
            path = Path(folder) / f"{seed}-{number}{suffix}"
            path.write_bytes(content)
            known = len(tally.faults)
            tally.add(number, **take(kind, path))
            if keep and len(tally.faults) > known:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / path.name).write_bytes(content)
            path.unlink()
    return tally


@contextmanager
def _victim(seconds: float) -> Iterator[Callable[[str, Path], dict]]:
    """A function that gives a file to the victim, which is begun again after a crash."""
    process = _started()

    def take(kind: str, path: Path) -> dict:
        nonlocal process
        process.stdin.write(f"{kind} {path}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        process.kill()
        status = process.wait()
        process = _started()
        answer = "crashed" if ready else "hung"
        return {"answer": answer, "text": f"exit status {status}", "seconds": seconds, "megabytes": 0.0}

    try:
        yield take
    finally:
        process.kill()
        process.wait()


def _started() -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.fuzz.victim"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process
