"""The process that takes hostile files: it reads `kind path` a line, and answers with a line of JSON each."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from maeday_core import ENSEMBLE, MaedayError, Reference, Settings, Tools, load_image, load_model, load_reference
from maeday_core.frames import LeftOut, Sources
from maeday_core.io.corrections import load_corrections, save_corrections
from maeday_core.io.files import printable
from maeday_core.methods import detector, last
from maeday_core.model.device import give_memory_back
from tests.conftest import part

LONGEST = 1000
"""Characters of a sentence that a person reads."""


def take_picture(path: Path, tools: Tools) -> list[str]:
    """Inspect it, with one mask."""
    query = load_image(path)
    result = last(detector(ENSEMBLE, tools, Reference())(query))
    assert result.picture_size == query.shape[:2]
    return []


def take_frames(path: Path, tools: Tools) -> list[str]:
    """Count and decode its frames."""
    sources = Sources([path], every=0.5, limit=500)
    assert sources.count() >= 0
    return [one.reason for one in sources.frames() if isinstance(one, LeftOut)]


def take_saved(path: Path, tools: Tools) -> list[str]:
    """Judge a photo by what was learned."""
    query = part(2, defect=True)
    reference = load_reference(path)
    doubts = [*reference.doubts, reference.doubt_of(query) or ""]
    result = last(detector(ENSEMBLE, tools, reference)(query))
    assert 0 <= result.threshold.value < 1e6
    return [doubt for doubt in doubts if doubt]


def take_corrections(path: Path, tools: Tools) -> list[str]:
    """Read them, and write them as they were read."""
    said = load_corrections(path)
    again = path.with_suffix(".again")
    save_corrections(said, again)
    assert load_corrections(again) == said
    again.unlink()
    return []


VICTIMS: dict[str, Callable[[Path, Tools], list[str]]] = {
    "picture": take_picture,
    "archive": take_frames,
    "video": take_frames,
    "saved": take_saved,
    "corrections": take_corrections,
}
"""What is done with a file of each kind; it returns the sentences that a person would read."""


def main() -> None:
    """Take files until there are no more."""
    model = load_model("bundled")
    tools = Tools.of(model, Settings(masks=1))
    last(detector(ENSEMBLE, tools, Reference())(part(0)))
    print("ready", flush=True)
    for line in sys.stdin:
        kind, _, name = line.rstrip("\n").partition(" ")
        start = time.perf_counter()
        give_memory_back()
        _forget_peak()
        answer = _taken(kind, Path(name), tools)
        print(json.dumps({**answer, "seconds": time.perf_counter() - start, "megabytes": _peak()}), flush=True)


def _taken(kind: str, path: Path, tools: Tools) -> dict[str, str]:
    try:
        sentences, answer = VICTIMS[kind](path, tools), "taken"
    except MaedayError as error:
        sentences, answer = [str(error)], "refused"
    except BaseException:
        return {"answer": "traceback", "text": traceback.format_exc()}
    for sentence in map(printable, sentences):
        if not sentence.strip() or "\n" in sentence or len(sentence) > LONGEST or "Traceback" in sentence:
            return {"answer": "no sentence", "text": sentence[: 2 * LONGEST]}
    return {"answer": answer, "text": " ".join(sentences)[:LONGEST]}


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """The most resident memory since `_forget_peak`, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
