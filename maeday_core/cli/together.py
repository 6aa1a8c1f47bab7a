"""Pictures that are given together without good parts are judged among each other, some at a time."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from maeday_core.detection.result import Detection
from maeday_core.errors import OutputError
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import RGBImage
from maeday_core.methods.peers import Peers, among

GROUP = 32
"""Pictures that wait for each other. Each is judged among these and all before them, so any number can be given."""


class Look(NamedTuple):
    """A picture that was looked at, what was found, and a doubt about it."""

    path: Path
    query: RGBImage
    result: Detection
    doubt: str | None


def judged_together(looks: Iterable[Look]) -> Iterator[Look]:
    """The same looks, each judged among its peers. Those that wait lie in nameless temporary files.

    Raises:
        OutputError: the temporary folder takes no more.
    """
    looks, peers = iter(looks), Peers()
    while group := [(_held(look), look.result.image_score, appearance(look.query)) for look in islice(looks, GROUP)]:
        files, scores, seen = zip(*group, strict=True)
        peers = peers.with_more(scores, seen)
        for file, own in zip(files, seen, strict=True):
            with file:
                look: Look = pickle.load(file)
            yield look._replace(result=among(peers, look.result, own))


def _held(look: Look) -> IO[bytes]:
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed once its look is judged
        pickle.dump(look, file)
        file.seek(0)
    except OSError as error:
        raise OutputError(
            f"The temporary folder {tempfile.gettempdir()} takes no more ({error.strerror}): free some space, or give "
            "--alone, which keeps nothing there."
        ) from error
    return file
