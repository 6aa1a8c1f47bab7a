"""Evaluation over data sets: methods x shots x categories x seeds, resumable."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from maeday_core.errors import DatasetError, SettingsError
from maeday_core.evaluation.category import Category, ground_truth
from maeday_core.evaluation.means import means
from maeday_core.evaluation.records import Result
from maeday_core.evaluation.run import Run, content_of
from maeday_core.evaluation.store import Scored, Store, open_store
from maeday_core.io.images import Photos, RGBImage, load_image
from maeday_core.methods import MAEDAY, Method, Together, Tools

Detectors = Callable[[RGBImage, Sequence[Run]], Iterable[Scored]]
"""Judges a picture by some runs."""


@dataclass(frozen=True)
class Plan:
    """What to evaluate: each method with each number of shots it can be run with, on each category, with each seed.

    Attributes:
        categories: of `find_categories`.
        methods: to compare.
        shots: numbers of good parts, drawn from the category's normals.
        seeds: of the masks, the choice of shots (the same for every method) and the fine-tuning.

    Raises:
        SettingsError: no method can be run with any of the numbers of shots.
        DatasetError: a category has too few normals.
    """

    categories: Sequence[Category]
    methods: Sequence[Method] = (MAEDAY,)
    shots: Sequence[int] = (0,)
    seeds: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        possible = [shots for shots in self.shots if self.methods_with(shots)]
        if not possible:
            names = ", ".join(method.name for method in self.methods)
            raise SettingsError(f"{names} cannot be run with {', '.join(map(str, self.shots))} shots.")
        for category in self.categories:
            if len(category.normals) < max(possible):
                raise DatasetError(
                    f"{category.name} has {len(category.normals)} pictures in train/good, fewer than the "
                    f"{max(possible)} shots asked for; take fewer, or leave the category out."
                )

    def methods_with(self, shots: int) -> list[Method]:
        """The methods that can be run with so many shots."""
        return [method for method in dict.fromkeys(self.methods) if method.shots.allow(shots)]

    def runs(self, tools: Tools) -> list[list[Run]]:
        """All runs; those with the same shots, category and seed, which share their work, in one list."""
        content = functools.cache(content_of)
        return [
            [
                Run(category, method, shots, tools.with_settings(seed=seed), content)
                for method in self.methods_with(shots)
            ]
            for shots in dict.fromkeys(self.shots)
            if self.methods_with(shots)
            for category in self.categories
            for seed in dict.fromkeys(self.seeds)
        ]


@dataclass(frozen=True)
class ImageDone:
    """The progress of an evaluation after a picture.

    Attributes:
        category: the picture's.
        methods: titles of the methods that judged it.
        done, total: pictures judged, and to be judged in all; a picture that several methods judge together is one.
        seconds_left: at the pace so far.
    """

    category: str
    methods: str
    done: int
    total: int
    seconds_left: float


OnImage = Callable[[ImageDone], None]


def evaluate(
    plan: Plan,
    tools: Tools | None = None,
    out: Path | None = None,
    *,
    keep_maps: bool = False,
    on_image: OnImage = lambda done: None,
) -> Iterator[Result]:
    """Evaluate methods: yields a result per shots, category, seed and method, and after all of them the means.

    Methods with the same shots, category and seed judge together: what they share is learned and computed once.

    Args:
        plan: what to evaluate.
        tools: what the methods use; the seed of its settings is replaced by those of the plan.
        out: where `results.jsonl` and `scores.jsonl` are written during the run; what is there is not done again,
            unless the content of a picture or a mask has changed: then the run is done anew, in place of the old one.
        keep_maps: keep every error map there too, float32 `.npy`.
        on_image: receives the progress after each picture.

    Raises:
        DatasetError: another run writes to `out`, the files there are of another version, or a mask does not fit.
        ImageError: a picture or a mask cannot be read.
    """
    with open_store(out, keep_maps=keep_maps) as store:
        results = []
        for result in execute(plan.runs(tools or Tools()), together, store, on_image):
            results.append(result)
            yield result
        yield from means(results)


def together(runs: Sequence[Run]) -> Detectors:
    """Judges by runs with the same shots, category and seed; learns when it is first needed."""
    judge = Together(runs[0].tools, Photos(runs[0].good))

    def detect(query: RGBImage, runs: Sequence[Run]) -> Iterator[Scored]:
        found = judge(query, [run.method for run in runs])
        return ((run, found[run.method], judge.learn_seconds(run.method)) for run in runs)

    return detect


def execute(
    groups: Sequence[Sequence[Run]],
    detectors: Callable[[Sequence[Run]], Detectors],
    store: Store,
    on_image: OnImage = lambda done: None,
) -> Iterator[Result]:
    """Finish runs and yield their results in order.

    Args:
        groups: runs on the same category that share their work.
        detectors: gives the function that judges the pictures of a group.
        store: what was done before is not done again.
        on_image: as in `evaluate`.
    """
    waiting = [store.waiting(runs) for runs in groups]
    judged = sum(len(run.category.samples) for runs in groups for run in runs if run.looks_again and not store.has(run))
    report = _progress(sum(map(len, waiting)) + judged, on_image)
    for runs, pictures in zip(groups, waiting, strict=True):
        if pictures:
            detect = detectors(runs)
        for index, sample, unscored in pictures:
            query = load_image(sample.path)
            ground_truth(sample, query.shape[:2])  # a mask of another size is refused before the work
            store.add(index, sample, detect(query, unscored))
            report(unscored)
        for run in runs:
            yield store.result(run, functools.partial(report, [run]) if run.looks_again else lambda: None)


def _progress(total: int, on_image: OnImage) -> Callable[[Sequence[Run]], None]:
    start, numbers = time.perf_counter(), count(1)

    def report(runs: Sequence[Run]) -> None:
        done = next(numbers)
        left = (time.perf_counter() - start) / done * (total - done)
        methods = " + ".join(dict.fromkeys(run.method.title for run in runs))
        on_image(ImageDone(runs[0].category.name, methods, done, total, left))

    return report
