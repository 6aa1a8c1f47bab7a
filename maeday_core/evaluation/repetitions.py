"""How many masks are enough: the results after each number of them, from one pass (the paper's Figure 3)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maeday_core.detection.reconstruction import MICRO_BATCH, Sums
from maeday_core.detection.region import ignored_in
from maeday_core.errors import SettingsError
from maeday_core.evaluation.category import Category
from maeday_core.evaluation.evaluate import Detectors, OnImage, execute
from maeday_core.evaluation.means import known_mean
from maeday_core.evaluation.records import Result
from maeday_core.evaluation.run import Run, content_of
from maeday_core.evaluation.store import Scored, open_store
from maeday_core.io.images import RGBImage
from maeday_core.methods import MAEDAY, Tools
from maeday_core.model.masks import SAMPLINGS

COUNTS = (1, 2, 4, 8, 16, 32, 64)
REPETITIONS = "repetitions.jsonl"
ENOUGH = 0.5
"""Points of a metric that make no difference."""


def repetitions(
    categories: Sequence[Category],
    tools: Tools | None = None,
    seeds: Sequence[int] = (0,),
    out: Path | None = None,
    on_image: OnImage = lambda done: None,
) -> Iterator[Result]:
    """MAEDAY's zero-shot results after 1, 2, 4 ... 64 masks: one per category, sampling, seed and number of masks.

    Args:
        categories: of `find_categories`.
        tools: the model and the settings; their masks, sampling and seed are replaced.
        seeds: of the masks.
        out: where `repetitions.jsonl` is written during the run; what is there is not done again.
        on_image: receives the progress after each picture.

    Raises:
        SettingsError: the settings count hidden patches only.
        DatasetError: as for `evaluate`.
    """
    tools = tools or Tools()
    if tools.settings.patches != "all":
        raise SettingsError(
            "The curve over the number of masks counts all patches, as the paper does: leave masked out."
        )
    content = functools.cache(content_of)
    curves = [
        [Run(category, MAEDAY, 0, tools.with_settings(masks=n, sampling=sampling, seed=seed), content) for n in COUNTS]
        for category in categories
        for sampling in SAMPLINGS
        for seed in dict.fromkeys(seeds)
    ]
    with open_store(out, REPETITIONS) as store:
        yield from execute(curves, _one_pass, store, on_image)


def _one_pass(curve: Sequence[Run]) -> Detectors:
    """The first masks of a longer draw are those of a shorter one, so that one pass holds all results."""
    model, settings = curve[-1].tools.model(), curve[-1].tools.settings

    def detect(query: RGBImage, runs: Sequence[Run]) -> Iterator[Scored]:
        sums = Sums(model, query, settings)
        for run in runs:
            while missing := run.tools.settings.masks - sums.done:
                sums.add(min(missing, MICRO_BATCH))
            yield run, sums.result(ignored=ignored_in(query, [run.tools.region])), None

    return detect


def masks_needed(results: Iterable[Result], sampling: str, metric: str) -> int | None:
    """The least number of masks from which on the mean over categories and seeds stays within half a point of the last.

    Args:
        results: of `repetitions`.
        sampling: of the masks.
        metric: a field of `Metrics`.

    Returns:
        None where the metric is None everywhere.
    """
    curve = mean_curve(results, sampling, metric)
    last = curve[-1]
    near = [last is not None and mean is not None and abs(mean - last) <= ENOUGH for mean in curve]
    return next((n for i, n in enumerate(COUNTS) if all(near[i:])), None)


def mean_curve(results: Iterable[Result], sampling: str, metric: str) -> list[float | None]:
    """The mean of a metric over categories and seeds after each number of masks."""
    values: dict[int | None, list[float | None]] = {n: [] for n in COUNTS}
    for result in results:
        if result.made_by.sampling == sampling:
            values[result.made_by.masks].append(getattr(result.metrics, metric))
    return [known_mean(values[n]) for n in COUNTS]
