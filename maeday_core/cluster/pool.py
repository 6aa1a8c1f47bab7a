"""Workers on Ray: long-lived, each with what it needs loaded once; another takes the place of one that dies."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.metrics import Counter

from maeday_core.errors import MaedayError, SettingsError
from maeday_core.io.journal import append_rows

SECONDS = 1.0
"""Between two words on the progress, at most."""


class Named(Protocol):
    """What a worker is given to do."""

    @property
    def name(self) -> str:
        """For a person, and for the log."""


Task = TypeVar("Task", bound=Named)


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        done: what is counted: frames, or pictures.
        seconds: since the first worker was asked.
        by_worker: how many each of the workers has done.
    """

    done: int
    seconds: float
    by_worker: tuple[int, ...]

    def line(self, total: int, what: str = "frames") -> str:
        """How many are done, a second, and left, and of each worker."""
        rate = self.done / max(self.seconds, 1e-6)
        each = " + ".join(map(str, self.by_worker))
        return f"{self.done} of {total} {what}, {rate:.1f} a second, {max(0, total - self.done)} left ({each})"


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and where.

    Attributes:
        address: of a cluster, `auto` for the one of this machine; None starts Ray on this machine for the while.
        workers: how many; None for one a core, or as many as the GPUs take.
        gpus: what share of a GPU each has.
        log: a file of JSON lines that receives what each worker is given, has done, and ends at.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0
    log: Path | None = None

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
        with _sigterm() as take:
            try:
                ray.init(address=self.address or "local", **here, **quiet)
                take()
            except (ConnectionError, ImportError, RayError, ValueError, RuntimeError) as error:
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

    def worker(self, make: Any, name: str) -> Worker:
        """Start a worker; `make` is a reference to a function that makes what it does."""
        actor = ray.remote(MaedayWorker).options(num_cpus=1, num_gpus=self.gpus, max_restarts=0, name=name)
        return Worker(actor.remote(make, name), name)

    def note(self, event: str, worker: str, task: Named, **facts: Any) -> None:
        """Add a line to the log, if one is wanted."""
        if self.log:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            append_rows(self.log, [{"time": moment, "worker": worker, "event": event, "task": task.name, **facts}])


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], None]]:
    """SIGTERM ends the block as Ctrl-C does, for Ray returns from its waiting for nothing else; yields what has it so.

    Ray takes SIGTERM for itself as it begins, and ends the process with a trace.
    """
    before, received = signal.getsignal(signal.SIGTERM), list[int]()

    def end(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt(number)

    def take() -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, end)

    try:
        yield take
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(*received) from interrupt  # Ray makes one without the number
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


class MaedayWorker:
    """The process of a worker, by this name in Ray's dashboard; what it has done is Ray's metric `maeday_done`."""

    def __init__(self, make: Callable[[], Callable[..., int]], name: str):
        self._do, self._name = make(), name
        self._done = Counter("maeday_done", "Frames, or pictures for each method.", ("worker",))

    def __repr__(self) -> str:
        return self._name

    def do(self, *arguments: Any) -> int:
        if done := self._do(*arguments):
            self._done.inc(done, {"worker": self._name})
        return done


@dataclass(frozen=True)
class Worker:
    """A process somewhere in the cluster, known by its actor."""

    actor: Any
    name: str

    def begin(self, *arguments: Any) -> Any:
        """Have it do something; returns what `first_done` takes."""
        return self.actor.do.remote(*arguments)

    def end(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(RayError):
            ray.kill(self.actor)


@dataclass(frozen=True)
class Crew(Generic[Task]):
    """Workers that are given one task at a time; another takes the place of one that ends, and the task is done again.

    Attributes:
        pool: starts them.
        make: a reference to a function that makes what they do, which returns how many frames or pictures it has done.
        size: how many there are.
        told: what the worker at a place is told of a task.
        ended: called when the worker at a place ended at a task, or made a mistake; raises to end the run.
    """

    pool: Pool
    make: Any
    size: int
    told: Callable[[int, Task], tuple[Any, ...]]
    ended: Callable[[int, Task], None]

    def work(self, tasks: Iterator[Task]) -> Iterator[tuple[int, Task, int] | None]:
        """Have tasks done, no more than one taken for each worker.

        Yields:
            The place of a worker, a task that it has done and how many that were; None where a second went by.

        Raises:
            MaedayError: as it was raised in a worker.
        """
        names = map("maeday {}".format, count(1))
        workers = [self.pool.worker(self.make, next(names)) for _ in range(self.size)]
        free, again = deque(range(self.size)), deque[Task]()
        begun: dict[Any, tuple[int, Task]] = {}
        try:
            while True:
                while free and (task := again.popleft() if again else next(tasks, None)) is not None:
                    place = free.popleft()
                    begun[workers[place].begin(*self.told(place, task))] = place, task
                    self.pool.note("begun", workers[place].name, task)
                if not begun:
                    return
                first = first_done(list(begun), SECONDS)
                if first is None:
                    yield None
                    continue
                place, task = begun.pop(first)
                free.append(place)
                if (done := self._done(first, workers[place], task)) is not None:
                    yield place, task, done
                    continue
                self.ended(place, task)
                again.append(task)
                workers[place] = self.pool.worker(self.make, next(names))
        finally:
            for worker in workers:
                worker.end()

    def _done(self, first: Any, worker: Worker, task: Task) -> int | None:
        """What a worker returned; None if it ended, or made a mistake and was ended."""
        try:
            done = result(first)
        except (RayActorError, RayTaskError) as error:
            worker.end()
            self.pool.note("ended", worker.name, task, reason=type(error).__name__)
            return None
        self.pool.note("done", worker.name, task, frames=done)
        return done


def shared(value: Any) -> Any:
    """Put a value into the object store, once for all workers."""
    return ray.put(value)


def first_done(begun: list[Any], seconds: float) -> Any | None:
    """What was begun and is done first; None if nothing is within so many seconds."""
    done, _ = ray.wait(begun, num_returns=1, timeout=seconds)
    return done[0] if done else None


def result(done: Any) -> int:
    """What came of it.

    Raises:
        MaedayError: as it was raised in the worker.
        RayTaskError: the worker made a mistake, and goes on.
        RayActorError: the worker is no more.
    """
    try:
        return cast(int, ray.get(done))
    except RayTaskError as error:
        if isinstance(error.cause, MaedayError):
            raise error.cause from None
        raise
