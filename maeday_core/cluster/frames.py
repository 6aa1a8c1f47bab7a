"""A run over frames by workers on Ray: in parts, each frame exactly once, and what ends a worker is passed over."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from maeday_core.cluster.pool import Crew, Pool, Progress, shared
from maeday_core.detection.settings import Settings
from maeday_core.errors import MaedayError
from maeday_core.frames.parts import Part, parts
from maeday_core.frames.run import FrameRun
from maeday_core.frames.shares import Share, gather_shares, shares_of
from maeday_core.frames.sources import Key, Sources
from maeday_core.io.folders import LeftOut
from maeday_core.methods import Detect, Reference, Tools, detector, find
from maeday_core.model.load import placed
from maeday_core.model.mae import MaskedAutoencoder

TRIES = 2
"""A frame that was in work when its worker ended so many times is passed over."""
DEATHS = 3
"""A part at which so many workers end, with no frame in work, ends the run."""


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
        tools = Tools.of(placed(self.model), self.settings, self.backbone, self.preset)
        return detector(find(self.method), tools, self.reference)


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
        crew = _Crew(run, uuid.uuid4().hex[:8], known, keep_maps)
        yield from crew.work(parts(sources, run.written), pool, shared(_Look(make)), size)
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

    @property
    def name(self) -> str:
        first = next(iter(sorted(self.part.keys or ())), (str(self.part.sources.paths[0]), None))
        return f"part {self.index}, from {first[0]}" + (f" frame {self.part.span[0]}" if self.part.span[0] else "")


class _Crew:
    """The workers of one driver, each with a folder, and what is known of the frames that ended some."""

    def __init__(self, run: FrameRun, shift: str, known: _Known, keep_maps: bool):
        self.shift = shift
        self._run, self._known, self._keep_maps = run, known, keep_maps
        self._suspects: Counter[Key] = Counter()
        self._shares: list[Share] = []
        self._found = Share.new(run, shift)

    def work(self, found: Iterator[Part | LeftOut], pool: Pool, make: Any, size: int) -> Iterator[Progress]:
        """Have all parts done."""
        start, done = time.monotonic(), [0] * size
        self._shares = [Share.new(self._run, self.shift) for _ in range(size)]
        crew = Crew(pool, make, size, self._told, self._ended)
        for one in crew.work(self._tasks(found)):
            if one is not None:
                place, _, frames = one
                done[place] += frames
            yield Progress(sum(done), time.monotonic() - start, tuple(done))

    def _tasks(self, found: Iterator[Part | LeftOut]) -> Iterator[_Task]:
        """The parts; what is left out before a frame is read is noted at its place among them."""
        for index, one in enumerate(found):
            if isinstance(one, LeftOut):
                self._found.note(index, one)
            else:
                yield _Task(index, one)

    def _told(self, place: int, task: _Task) -> tuple[Any, ...]:
        crashed = frozenset(key for key, times in self._suspects.items() if times >= TRIES)
        return self._shares[place], task.index, task.part, self._known.of(task.part), crashed, self._keep_maps

    def _ended(self, place: int, task: _Task) -> None:
        """Note what was in work; the worker that comes has a folder of its own."""
        share, self._shares[place] = self._shares[place], Share.new(self._run, self.shift)
        self._known.add(share)
        suspect = share.suspect()
        if suspect is None:
            task.deaths += 1
        else:
            self._suspects[suspect] += 1
        if task.deaths == DEATHS:
            raise MaedayError(f"{DEATHS} workers ended before they had begun a frame; see the logs of Ray.")


@dataclass(frozen=True)
class _Look:
    """Called, it makes what a worker does."""

    make: Callable[[], Detect]

    def __call__(self) -> Callable[..., int]:
        detect, numbers = self.make(), count()

        def do(
            share: Share, index: int, part: Part, known: Mapping[Key, str], crashed: frozenset[Key], keep_maps: bool
        ) -> int:
            return share.look(index, part, detect, numbers, known, crashed, keep_maps)

        return do
