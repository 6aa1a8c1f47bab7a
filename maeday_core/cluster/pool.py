"""Workers on Ray: long-lived, each with what it needs loaded once; another takes the place of one that dies."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from maeday_core.errors import MaedayError, SettingsError

Died = RayActorError
Failed = RayTaskError


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and where.

    Attributes:
        address: of a cluster, `auto` for the one of this machine; None starts Ray on this machine for the while.
        workers: how many; None for one a core, or as many as the GPUs take.
        gpus: what share of a GPU each has.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"{self.workers} workers cannot work; give at least 1.")
        if not 0 <= self.gpus < math.inf:
            raise SettingsError(f"A worker cannot have {self.gpus:g} GPUs; give 0 or more, 0.5 for two workers a GPU.")

    @contextlib.contextmanager
    def started(self) -> Iterator[int]:
        """Ray is there; yields the number of workers.

        Raises:
            SettingsError: there is no cluster at the address, or it has not what a worker needs.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        here: dict[str, Any] = {}
        if self.address is None:
            here = {"include_dashboard": False, "num_cpus": max(self.workers or 0, os.cpu_count() or 1)}
        try:
            ray.init(address=self.address or "local", **here, **quiet)
        except (ConnectionError, RayError, ValueError, RuntimeError) as error:
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise SettingsError(f"No cluster answers at {self.address or 'this machine'} ({said}).") from error
        try:
            yield self._count()
        finally:
            ray.shutdown()

    def _count(self) -> int:
        there: dict[str, float] = cast(Any, ray).cluster_resources()
        if self.gpus and there.get("GPU", 0) < self.gpus:
            raise SettingsError(f"The cluster has {there.get('GPU', 0):g} GPUs, and a worker needs {self.gpus:g}.")
        most = there.get("GPU", 0) / self.gpus if self.gpus else there.get("CPU", 1)
        return self.workers or max(1, int(most))

    def worker(self, make: Any) -> Worker:
        """Start a worker; `make` is a reference to a function that makes what it does."""
        actor = ray.remote(_Actor).options(num_cpus=1, num_gpus=self.gpus, max_restarts=0)
        return Worker(actor.remote(make))


class _Actor:
    """The process of a worker."""

    def __init__(self, make: Callable[[], Callable[..., Any]]):
        self._do = make()

    def do(self, *arguments: Any) -> Any:
        return self._do(*arguments)


@dataclass(frozen=True)
class Worker:
    """A process somewhere in the cluster, known by its actor."""

    actor: Any

    def begin(self, *arguments: Any) -> Any:
        """Have it do something; returns what `first_done` takes."""
        return self.actor.do.remote(*arguments)

    def end(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(RayError):
            ray.kill(self.actor)


def shared(value: Any) -> Any:
    """Put a value into the object store, once for all workers."""
    return ray.put(value)


def first_done(begun: list[Any], seconds: float) -> Any | None:
    """What was begun and is done first; None if nothing is within so many seconds."""
    done, _ = ray.wait(begun, num_returns=1, timeout=seconds)
    return done[0] if done else None


def result(done: Any) -> Any:
    """What came of it.

    Raises:
        MaedayError: as it was raised in the worker.
        Failed: the worker made a mistake, and goes on.
        Died: the worker is no more.
    """
    try:
        return ray.get(done)
    except RayTaskError as error:
        if isinstance(error.cause, MaedayError):
            raise error.cause from None
        raise
