"""Pauses: long work is a generator that yields None where somebody else may have a turn, and returns its outcome."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Outcome = TypeVar("Outcome")
Paused = Generator[None, None, Outcome]
"""Work that pauses."""


def finished(work: Generator[object, None, Outcome]) -> Outcome:
    """What work comes to, done without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
