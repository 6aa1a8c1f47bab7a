"""Turns: one visitor computes at a time, and nobody for long while another waits."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from torch.nn.modules.module import register_module_forward_pre_hook

from maeday_core.methods import Tools
from maeday_core.model.device import give_memory_back
from maeday_core.serving.jobs import Given, Job

LONGEST = 0.1
"""Seconds after which a turn goes to who comes before, ahead of the next layer of a network."""
WEIGHT = 5.0
"""A second computed counts as so many waited."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(eq=False)
class Work:
    """What a visitor computes: how many seconds so far, and since when it is his turn."""

    spent: float = 0.0
    since: float = 0.0

    @property
    def rank(self) -> float:
        """Who comes first has the least: who has computed little, and waits since long ago."""
        return WEIGHT * self.spent + time.monotonic()

    def begin(self) -> None:
        """Wait for a turn."""
        _turns.take(self.rank)
        self.since = time.monotonic()
        _current.work = self

    def end(self) -> None:
        """Leave the turn to others."""
        seconds = time.monotonic() - self.since
        self.spent += seconds
        _current.work = None
        _turns.leave(seconds)


@dataclass
class _Turns:
    """One turn at a time. The next is for who has computed little and waited long, so that a short work passes by long
    ones, and none waits for ever."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    waiting: list[tuple[float, int]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    taken: bool = False
    spent: float = 0.0

    def take(self, rank: float) -> None:
        with self.changed:
            ticket = rank, next(self.numbers)
            self.waiting.append(ticket)
            try:
                self.changed.wait_for(lambda: not self.taken and min(self.waiting) == ticket)
            finally:
                self.waiting.remove(ticket)
            self.taken = True

    def comes_before(self, rank: float) -> bool:
        """Whether somebody who waits does."""
        with self.changed:
            return bool(self.waiting) and min(self.waiting)[0] < rank

    def leave(self, seconds: float) -> None:
        with self.changed:
            self.spent += seconds
            self.taken = False
            self.changed.notify_all()


_turns, _current = _Turns(), threading.local()
_works: WeakValueDictionary[str, Work] = WeakValueDictionary()


def seconds_computed() -> float:
    """The seconds that all have computed, together, since the program began."""
    return _turns.spent


def work_of(who: str) -> Work:
    """What one computes, all that he asked for together as long as any of it goes on; of nobody, one of its own."""
    return _works.setdefault(who, Work()) if who else Work()


class Unwanted(Exception):
    """Nobody waits for what is computed."""


def always() -> bool:
    """What is computed is wanted."""
    return True


def in_this_process(
    job: Job[Given], tools: Tools, who: str = "", wanted: Callable[[], bool] = always
) -> Iterator[Given]:
    """Do a job here, in turns with all others.

    Args:
        job: what is computed.
        tools: what it uses.
        who: asks.
        wanted: asked before every step, and within long ones before every layer of a network.

    Raises:
        Unwanted: it is not wanted any more.
    """
    yield from job.steps(tools, functools.partial(in_turns, work=work_of(who), wanted=wanted))


@functools.cache
def hand_on_long_turns() -> None:
    """From now on a step may be longer than a turn: networks hand the turn on between two of their layers.

    What a step computes does not depend on it, since everything random has its own generator.
    """
    register_module_forward_pre_hook(_hand_on)


def in_turns(
    steps: Generator[Item, None, Result] | Iterator[Item], work: Work | None = None, wanted: Callable[[], bool] = always
) -> Generator[Item, None, Result]:
    """One step of one visitor at a time: nobody waits for another's whole run, or for a download.

    Args:
        steps: what is computed.
        work: that it is a part of, where it is.
        wanted: as in `in_this_process`.

    Returns:
        What a generator returns in the end.
    """
    work = work or Work()
    while True:
        work.begin()
        try:
            _current.wanted = wanted
            _check()
            item = next(steps)
        except StopIteration as end:
            result: Result = end.value
            break
        finally:
            work.end()
        yield item
        del item  # 48 MB of a large picture
    give_memory_back()
    return result


def _check() -> None:
    if not _current.wanted():
        raise Unwanted


def _hand_on(*_: Any) -> None:
    work: Work | None = getattr(_current, "work", None)
    if work:
        _check()
    computed = time.monotonic() - work.since if work else 0.0
    if work and computed > LONGEST and _turns.comes_before(work.rank + WEIGHT * computed):
        work.end()
        work.begin()
