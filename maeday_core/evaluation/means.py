"""Means over categories and deviations over seeds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean, pstdev

from maeday_core.detection.result import Provenance
from maeday_core.evaluation.records import METRICS, Mean, Metrics, Result


def without_seed(results: Iterable[Result]) -> dict[Provenance, list[Result]]:
    """Results grouped by what they depend on, the seed and the pictures apart."""
    groups: dict[Provenance, list[Result]] = {}
    for result in results:
        groups.setdefault(replace(result.made_by, seed=None), []).append(result)
    return groups


def seed_means(results: Iterable[Result], metric: str, categories: Collection[str] | None = None) -> list[float]:
    """The mean of a metric over the categories, or some of them, for each seed; empty where it is None for all."""
    by_seed: dict[int | None, list[float]] = {}
    for result in results:
        value = getattr(result.metrics, metric)
        if value is not None and (categories is None or result.category in categories):
            by_seed.setdefault(result.made_by.seed, []).append(value)
    return [fmean(values) for values in by_seed.values()]


def known_mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are not None; None where none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def means(results: Iterable[Result]) -> Iterator[Mean]:
    """The mean of each group of results that differ in category and seed alone."""
    for made_by, group in without_seed(results).items():
        yield _mean(made_by, group)


def _mean(made_by: Provenance, results: Sequence[Result]) -> Mean:
    by_seed = {metric: seed_means(results, metric) for metric in METRICS}
    seconds = known_mean(result.seconds_per_image for result in results)
    assert seconds is not None
    return Mean(
        category="mean",
        made_by=made_by,
        run=None,
        images=sum({result.category: result.images for result in results}.values()),
        metrics=Metrics(**{metric: known_mean(values) for metric, values in by_seed.items()}),
        seconds_per_image=seconds,
        learn_seconds=known_mean(result.learn_seconds for result in results),
        deviations=Metrics(**{m: pstdev(values) if len(values) > 1 else None for m, values in by_seed.items()}),
    )
