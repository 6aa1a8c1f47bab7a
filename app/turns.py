"""Turns: one visitor computes at a time, and nobody for long while another waits."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch.nn.modules.module import register_module_forward_pre_hook

from maeday_core.model.device import give_memory_back

LONGEST = 0.3
"""Seconds after which a turn goes to whoever waits, before the next layer of a network computes."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class Work:
    """What a visitor computes: how many seconds so far, and since when it is his turn."""

    spent: float = 0.0
    since: float = 0.0

    def begin(self) -> None:
        """Wait for a turn."""
        _turns.take(self.spent + time.monotonic())
        self.since = time.monotonic()
        _current.work = self

    def end(self) -> None:
        """Leave the turn to others."""
        self.spent += time.monotonic() - self.since
        _current.work = None
        _turns.leave()


@dataclass
class _Turns:
    """One turn at a time. The next is for who has computed little and waited long: a second waited makes up for a
    second computed, so that a short work passes by long ones, and none waits for ever."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    waiting: list[tuple[float, int]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    taken: bool = False

    def take(self, rank: float) -> None:
        with self.changed:
            ticket = rank, next(self.numbers)
            self.waiting.append(ticket)
            try:
                self.changed.wait_for(lambda: not self.taken and min(self.waiting) == ticket)
            finally:
                self.waiting.remove(ticket)
            self.taken = True

    def leave(self) -> None:
        with self.changed:
            self.taken = False
            self.changed.notify_all()


_turns, _current = _Turns(), threading.local()


@functools.cache
def hand_on_long_turns() -> None:
    """From now on a step may be longer than a turn: networks hand the turn on between two of their layers.

    What a step computes does not depend on it, since everything random has its own generator.
    """
    register_module_forward_pre_hook(_hand_on)


def in_turns(
    steps: Generator[Item, None, Result] | Iterator[Item], work: Work | None = None
) -> Generator[Item, None, Result]:
    """One step of one visitor at a time: nobody waits for another's whole run, or for a download.

    Args:
        steps: what is computed.
        work: that it is a part of, where it is.

    Returns:
        What a generator returns in the end.
    """
    work = work or Work()
    while True:
        work.begin()
        try:
            item = next(steps)
        except StopIteration as end:
            give_memory_back()
            result: Result = end.value
            return result
        finally:
            work.end()
        yield item


def _hand_on(*_: Any) -> None:
    work: Work | None = getattr(_current, "work", None)
    if work and _turns.waiting and time.monotonic() - work.since > LONGEST:
        work.end()
        work.begin()
