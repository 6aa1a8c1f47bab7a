"""Pictures that are given together without good parts are judged among each other, some at a time."""

from __future__ import annotations

import functools
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from maeday_core.detection.result import Detection
from maeday_core.errors import OutputError
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import RGBImage
from maeday_core.methods import Method, Reference, Tools
from maeday_core.methods.peers import Peers, among
from maeday_core.methods.second_look import SecondLooks

GROUP = 32
"""Pictures that wait for each other. Each is judged among these and all before them, so any number can be given."""


class Look(NamedTuple):
    """A picture that was looked at, what was found, a doubt about it, and what was known of good parts."""

    path: Path
    query: RGBImage
    result: Detection
    doubt: str | None
    reference: Reference


def judged_together(looks: Iterable[Look], method: Method, tools: Tools) -> Iterator[Look]:
    """The same looks, each judged among its peers: beside the most ordinary of them, where the method can learn.

    Those that wait lie in nameless temporary files.

    Raises:
        OutputError: the temporary folder takes no more.
    """
    looks, peers, second = iter(looks), Peers(), SecondLooks(method, tools)
    while True:
        with ExitStack() as files:
            group = [_Waiting.of(look, files) for look in islice(looks, GROUP)]
            if not group:
                return
            new = Peers().with_more([one.score for one in group], [one.appearance for one in group])
            peers = peers.with_more(new.scores, new.appearances.tolist())
            again = second.of(new, functools.partial(_query, group), [one.name for one in group])
            for one, judge in zip(group, again, strict=True):
                look = one.look
                if judge:
                    result, reference = judge(look.query)
                    yield look._replace(result=result, reference=reference)
                else:
                    yield look._replace(result=among(peers, look.result, one.appearance))


def _query(group: Sequence[_Waiting], number: int) -> RGBImage:
    return group[number].look.query


@dataclass(frozen=True)
class _Waiting:
    """A look that waits in a file, and what its judgement needs of it."""

    file: IO[bytes]
    name: str
    score: float
    appearance: tuple[float, ...]

    @classmethod
    def of(cls, look: Look, files: ExitStack) -> _Waiting:
        try:
            file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is in the stack
            pickle.dump(look, file)
            file.flush()
        except OSError as error:
            raise OutputError(
                f"The temporary folder {tempfile.gettempdir()} takes no more ({error.strerror}): free some space, or "
                "give --alone, which keeps nothing there."
            ) from error
        return cls(file, look.path.name, look.result.image_score, appearance(look.query))

    @property
    def look(self) -> Look:
        self.file.seek(0)
        look: Look = pickle.load(self.file)
        return look
