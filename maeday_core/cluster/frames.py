"""A run over frames by workers on Ray: in parts, each frame exactly once, and what ends a worker is passed over."""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from maeday_core.cluster.pool import Died, Failed, Pool, Worker, first_done, result, shared
from maeday_core.detection.settings import Settings
from maeday_core.errors import MaedayError
from maeday_core.frames.parts import Part, parts
from maeday_core.frames.run import FrameRun
from maeday_core.frames.shares import Share, gather_shares, shares_of
from maeday_core.frames.sources import Key, Sources
from maeday_core.io.folders import LeftOut
from maeday_core.methods import Detect, Reference, Tools, detector, find
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.mae import MaskedAutoencoder

TRIES = 2
"""A frame that was in work when its worker ended so many times is passed over."""
DEATHS = 3
"""A part at which so many workers end, with no frame in work, ends the run."""
SECONDS = 1.0
"""Between two words on the progress, at most."""


@dataclass(frozen=True)
class Detector:
    """What a worker needs to judge frames; called, it makes the function, on the worker's own device.

    Attributes:
        model: on the CPU, in float32: it travels once, and each worker moves it.
    """

    method: str
    model: MaskedAutoencoder
    settings: Settings
    backbone: str
    preset: str
    reference: Reference = field(default_factory=Reference)

    def __call__(self) -> Detect:
        device = best_device()
        model = self.model.to(device, best_dtype(device)).requires_grad_(False).eval()
        tools = Tools.of(model, self.settings, self.backbone, self.preset)
        return detector(find(self.method), tools, self.reference)


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        done: frames, those known from before among them.
        seconds: since the first worker was asked.
        by_worker: how many each of the workers has done.
    """

    done: int
    seconds: float
    by_worker: tuple[int, ...]

    def line(self, total: int) -> str:
        """Frames done, a second, and left, and of each worker."""
        rate = self.done / max(self.seconds, 1e-6)
        each = " + ".join(map(str, self.by_worker))
        return f"{self.done} of {total} frames, {rate:.1f} a second, {max(0, total - self.done)} left ({each})"


def look(
    run: FrameRun,
    sources: Sources,
    make: Callable[[], Detect],
    pool: Pool,
    depends_on: Mapping[str, Any] | None = None,
    keep_maps: bool = False,
) -> Generator[Progress, None, None]:
    """As `FrameRun.look`, by workers; afterwards the folder is what one process would have left.

    Args:
        make: makes the detector, in each worker once.

    Raises:
        SettingsError: the folder holds a run with other settings or sources, or there is no such cluster.
        DatasetError: another run is writing to it, or its files are of another format.
        ImageError: no source exists.
        MaedayError: workers end before they have begun, or cannot write.
    """
    with run.alone({**(depends_on or {}), "every": sources.every}, keep_maps) as measured, pool.started() as size:
        known = _Known({key: record.content for key, record in measured.items()})
        for share in shares_of(run):
            known.add(share)
        crew = _Crew(run, uuid.uuid4().hex[:8], pool, shared(make), known, keep_maps)
        yield from crew.work(parts(sources, run.written), size)
        gather_shares(run, crew.shift, measured, keep_maps)


class _Known:
    """The content of the frames that are measured, by the file that holds them."""

    def __init__(self, contents: Mapping[Key, str]):
        self._by_path: dict[str, dict[Key, str]] = {}
        for key, content in contents.items():
            self._by_path.setdefault(key[0], {})[key] = content

    def add(self, share: Share) -> None:
        for key, record in share.run.whole().items():
            self._by_path.setdefault(key[0], {})[key] = record.content

    def of(self, part: Part) -> dict[Key, str]:
        """What is known of a part, and no more: it travels to the worker."""
        if not self._by_path:
            return {}
        names = {key[0] for key in part.keys} if part.keys else set(map(str, part.sources.paths))
        return {key: content for name in names for key, content in self._by_path.get(name, {}).items()}


@dataclass
class _Task:
    """A part, and how many workers ended at it with no frame in work."""

    index: int
    part: Part
    deaths: int = 0


@dataclass
class _Hand:
    """A worker with its folder, how much it has done, and what it is doing."""

    worker: Worker
    share: Share
    done: int = 0
    task: _Task | None = None


class _Crew:
    """The workers of one driver, who keeps no more than one part for each."""

    def __init__(self, run: FrameRun, shift: str, pool: Pool, make: Any, known: _Known, keep_maps: bool):
        self.shift = shift
        self._run, self._pool, self._make, self._known, self._keep_maps = run, pool, make, known, keep_maps
        self._suspects: Counter[Key] = Counter()
        self._again: deque[_Task] = deque()
        self._hands: list[_Hand] = []
        self._begun: dict[Any, _Hand] = {}
        self._found = Share.new(run, shift)

    def work(self, found: Iterator[Part | LeftOut], size: int) -> Iterator[Progress]:
        """Have all parts done; a worker is given another one when it is done with the last."""
        start, tasks = time.monotonic(), self._tasks(found)
        self._hands = [self._hand() for _ in range(size)]
        try:
            for hand in self._hands:
                self._give(hand, tasks)
            while self._begun:
                done = first_done(list(self._begun), SECONDS)
                if done is not None:
                    self._end(self._begun.pop(done), done)
                for hand in self._hands:
                    if hand.task is None:
                        self._give(hand, tasks)
                each = tuple(hand.done for hand in self._hands)
                yield Progress(sum(each), time.monotonic() - start, each)
        finally:
            for hand in self._hands:
                hand.worker.end()

    def _tasks(self, found: Iterator[Part | LeftOut]) -> Iterator[_Task]:
        """The parts; what is left out before a frame is read is noted at its place among them."""
        for index, one in enumerate(found):
            if isinstance(one, LeftOut):
                self._found.note(index, one)
            else:
                yield _Task(index, one)

    def _hand(self) -> _Hand:
        share = Share.new(self._run, self.shift)
        return _Hand(self._pool.worker(shared(_Work(self._make, share, self._keep_maps))), share)

    def _give(self, hand: _Hand, tasks: Iterator[_Task]) -> None:
        task = self._again.popleft() if self._again else next(tasks, None)
        if task is not None:
            hand.task = task
            crashed = frozenset(key for key, times in self._suspects.items() if times >= TRIES)
            self._begun[hand.worker.begin(task.index, task.part, self._known.of(task.part), crashed)] = hand

    def _end(self, hand: _Hand, done: Any) -> None:
        task, hand.task = hand.task, None
        assert task is not None
        try:
            hand.done += result(done)
            return
        except Failed:
            pass
        except Died:
            hand.worker.end()
        self._known.add(hand.share)
        suspect = hand.share.suspect()
        if suspect is None:
            task.deaths += 1
        else:
            self._suspects[suspect] += 1
        if task.deaths == DEATHS:
            raise MaedayError(f"{DEATHS} workers ended before they had begun a frame; see the logs of Ray.")
        self._again.append(task)
        fresh = self._hand()
        hand.worker.end()
        hand.worker, hand.share = fresh.worker, fresh.share


@dataclass(frozen=True)
class _Work:
    """Called, it makes what a worker does."""

    make: Any
    share: Share
    keep_maps: bool

    def __call__(self) -> Callable[..., int]:
        detect, numbers = result(self.make)(), count()

        def do(index: int, part: Part, known: Mapping[Key, str], crashed: frozenset[Key]) -> int:
            return self.share.look(index, part, detect, numbers, known, crashed, self.keep_maps)

        return do
