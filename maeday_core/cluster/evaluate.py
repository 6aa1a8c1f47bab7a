"""An evaluation by workers on Ray: one worker for the runs that share their work, with the rows of one process."""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maeday_core.cluster.pool import Crew, Pool, Progress, shared
from maeday_core.errors import DatasetError, MaedayError
from maeday_core.evaluation.evaluate import Plan, execute, together
from maeday_core.evaluation.means import means
from maeday_core.evaluation.records import Result
from maeday_core.evaluation.run import Run
from maeday_core.evaluation.store import RESULTS, SCORES, WORKERS, Store, open_store
from maeday_core.methods import Tools
from maeday_core.model.load import placed
from maeday_core.model.mae import MaskedAutoencoder

DEATHS = 3
"""Runs at which so many workers end, end the evaluation: without one of its pictures a result would be another."""


def evaluate(
    plan: Plan,
    tools: Tools,
    out: Path,
    pool: Pool,
    *,
    keep_maps: bool = False,
    on_progress: Callable[[Progress, int], None] = lambda progress, total: None,
) -> Iterator[Result]:
    """As `evaluation.evaluate`, by workers; the folder is what one process leaves, but for the seconds.

    Args:
        plan: what to evaluate; all machines have its files under the same names.
        tools: as there, with the model on the CPU, in float32.
        out: a folder that all machines have.
        on_progress: receives how far it is, and how many pictures there are to score, each once for each run.

    Raises:
        DatasetError: another run writes to `out`, a mask does not fit, or a picture was changed meanwhile.
        ImageError: a picture or a mask cannot be read.
        SettingsError: there is no such cluster.
        MaedayError: workers end again and again at the same runs.
    """
    groups = plan.runs(tools)
    with open_store(out, keep_maps=keep_maps) as store, pool.started() as size:
        cells = [cell for cell in (_Cell.of(index, runs, store) for index, runs in enumerate(groups)) if cell.ids]
        crew = _Crew(store, cells, size)
        make = shared(_Evaluate(plan, replace(tools, model=_Given(tools.model()))))
        with contextlib.closing(crew.work(pool, make)) as work:
            for runs in groups:
                while not all(run.id in store.finished for run in runs):
                    if (progress := next(work, None)) is None:
                        name = runs[0].category.name
                        raise DatasetError(f"Pictures of {name} were changed during the run; evaluate again.")
                    on_progress(progress, crew.total)
                yield from (store.finished[run.id] for run in runs)
        store.arrange(groups)
        shutil.rmtree(store.folder / WORKERS, ignore_errors=True)
    yield from means([store.finished[run.id] for runs in groups for run in runs])


@dataclass
class _Cell:
    """What one worker does: the runs of a group that are not finished.

    Attributes:
        name: for a person.
        ids: of these runs.
        pictures: to be scored, each once for each run.
        folder: where the worker does it; another each time.
        deaths: how many workers ended at it.
    """

    index: int
    name: str
    ids: frozenset[str]
    pictures: int
    folder: Path
    deaths: int = 0

    @classmethod
    def of(cls, index: int, runs: Sequence[Run], store: Store) -> _Cell:
        ids = frozenset(run.id for run in runs if run.id not in store.finished)
        name = f"{runs[0].category.name} with {runs[0].shots} shots and seed {runs[0].seed}"
        return cls(index, name, ids, len(ids) * len(runs[0].category.samples), store.folder / WORKERS)

    def open(self, store: Store) -> None:
        """Begin a folder with what is known."""
        self.folder = store.folder / WORKERS / uuid.uuid4().hex
        self.folder.mkdir(parents=True)
        self._store(store).take(store, self.ids.__contains__)

    def done(self) -> int:
        """How many pictures are scored."""
        path = self.folder / SCORES
        return path.read_bytes().count(b"\n") if path.is_file() else 0

    def close(self, store: Store) -> None:
        """Keep what there is."""
        store.take(self._store(store))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _store(self, store: Store) -> Store:
        return Store(self.folder, self.folder / RESULTS, store.keep_maps)


class _Crew:
    """The workers of one driver, and what each has done."""

    def __init__(self, store: Store, cells: Sequence[_Cell], size: int):
        self._store, self._cells = store, cells
        self.total = sum(cell.pictures for cell in cells)
        self._size = min(size, len(cells))
        self._done = [0] * self._size
        self._begun: dict[int, _Cell] = {}

    def work(self, pool: Pool, make: Any) -> Generator[Progress, None, None]:
        """Have all cells done, and take what comes of each at once."""
        start = time.monotonic()
        for one in Crew(pool, make, self._size, self._told, self._ended).work(iter(self._cells)):
            if one is not None:
                place, cell, _ = one
                cell.close(self._store)
                self._done[place] += self._begun.pop(place).pictures
            each = tuple(done + self._in_work(place) for place, done in enumerate(self._done))
            yield Progress(sum(each), time.monotonic() - start, each)

    def _in_work(self, place: int) -> int:
        return self._begun[place].done() if place in self._begun else 0

    def _told(self, place: int, cell: _Cell) -> tuple[Any, ...]:
        cell.open(self._store)
        self._begun[place] = cell
        return cell.index, cell.ids, cell.folder, self._store.keep_maps

    def _ended(self, place: int, cell: _Cell) -> None:
        self._begun.pop(place).close(self._store)
        cell.deaths += 1
        if cell.deaths == DEATHS:
            raise MaedayError(f"{DEATHS} workers ended at {cell.name}; see the logs of Ray.")


@dataclass(frozen=True)
class _Given:
    """Gives a model that is loaded."""

    model: MaskedAutoencoder

    def __call__(self) -> MaskedAutoencoder:
        return self.model


@dataclass(frozen=True)
class _Evaluate:
    """Called, it makes what a worker does."""

    plan: Plan
    tools: Tools

    def __call__(self) -> Callable[..., int]:
        model = placed(self.tools.model())
        groups = self.plan.runs(replace(self.tools, model=_Given(model)))

        def do(index: int, ids: frozenset[str], folder: Path, keep_maps: bool) -> int:
            runs = [run for run in groups[index] if run.id in ids]
            with open_store(folder, keep_maps=keep_maps) as store:
                return sum(one.images for one in execute([runs], together, store))

        return do
