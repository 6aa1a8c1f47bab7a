"""Turns: one visitor computes at a time, and nobody for long while another waits."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torch.nn.modules.module import register_module_forward_pre_hook

from maeday_core.model.device import give_memory_back

LONGEST = 0.3
"""Seconds after which a turn goes to whoever waits, before the next layer of a network computes."""
Item = TypeVar("Item")
Result = TypeVar("Result")
_next, _computing = threading.Lock(), threading.Lock()
_turn = threading.local()


@functools.cache
def hand_on_long_turns() -> None:
    """From now on a step may be longer than a turn: networks hand the turn on between two of their layers.

    What a step computes does not depend on it, since everything random has its own generator.
    """
    register_module_forward_pre_hook(_hand_on)


def in_turns(steps: Generator[Item, None, Result] | Iterator[Item]) -> Generator[Item, None, Result]:
    """One step of one visitor at a time: nobody waits for another's whole run, or for a download.

    Returns:
        What a generator returns in the end.
    """
    while True:
        with _computing_alone():
            try:
                item = next(steps)
            except StopIteration as end:
                give_memory_back()
                result: Result = end.value
                return result
        yield item


@contextmanager
def _computing_alone() -> Iterator[None]:
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    """Whoever waits comes before whoever has just had a turn, which a single lock does not see to."""
    with _next:
        _computing.acquire()
    _turn.since = time.monotonic()


def _end() -> None:
    _turn.since = None
    _computing.release()


def _hand_on(*_: Any) -> None:
    since = getattr(_turn, "since", None)
    if since is not None and _next.locked() and time.monotonic() - since > LONGEST:
        _end()
        _begin()
