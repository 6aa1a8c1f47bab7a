"""Which results belong together: the columns of the report's tables and the curves of its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from statistics import fmean

from maeday_core.detection.result import Provenance
from maeday_core.evaluation.means import seed_means, without_seed
from maeday_core.evaluation.records import Result
from maeday_core.evaluation.report import published
from maeday_core.methods import METHODS, find

TITLES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC"}
"""The metrics of the tables and figures."""
NAMED = frozenset({"method", "shots", "preset", "seed"})
"""The fields of a provenance that a column's title holds in any case, and the seed, over which means are taken."""


@dataclass(frozen=True)
class Column:
    """Results that differ in category and seed alone.

    Attributes:
        made_by: what they share, without the seed.
        variant: what tells them from other columns of the same method, shots and preset; empty if there is none.
        results: the results.
    """

    made_by: Provenance
    variant: str
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        """The method, the number of shots, and what is not the default."""
        preset = "" if self.made_by.preset == "default" else self.made_by.preset
        details = ", ".join(detail for detail in (preset, self.variant) if detail)
        return f"{find(self.made_by.method).title} {self.made_by.shots}" + (f" ({details})" if details else "")

    @property
    def published(self) -> tuple[str, int]:
        """The key of the column in the tables of the paper."""
        return self.made_by.method, self.made_by.shots

    def values(self, metric: str, category: str) -> list[float]:
        """A metric in one category, for each seed."""
        return seed_means(self.results, metric, {category})

    def seed_means(self, metric: str, categories: Sequence[str] | None = None) -> list[float]:
        """The mean of a metric over the categories, or some of them, for each seed."""
        return seed_means(self.results, metric, categories)

    @property
    def learn_seconds(self) -> list[float]:
        """Of the results whose method learned."""
        return [result.learn_seconds for result in self.results if result.learn_seconds is not None]

    @property
    def seconds_per_image(self) -> float:
        """The mean over the results."""
        return fmean(result.seconds_per_image for result in self.results)


def columns(results: Iterable[Result]) -> list[Column]:
    """Results by column: the paper's columns first and in its order, then the others."""
    groups = without_seed(results)
    order = {key: place for place, key in enumerate(published.COLUMNS)}
    methods = list(METHODS)

    def place(column: Column) -> tuple[int, int, int, str, str]:
        method, shots = column.published
        return (
            order.get(column.published, len(order)),
            shots,
            methods.index(method),
            str(column.made_by.preset),
            column.variant,
        )

    return sorted((Column(key, _variant(key, groups), tuple(found)) for key, found in groups.items()), key=place)


def _variant(made_by: Provenance, others: Iterable[Provenance]) -> str:
    peers = [
        other
        for other in others
        if (other.method, other.shots, other.preset) == (made_by.method, made_by.shots, made_by.preset)
    ]
    names = [field.name for field in fields(Provenance) if field.name not in NAMED]
    differ = [name for name in names if len({getattr(peer, name) for peer in peers}) > 1]
    return ", ".join(f"{name} {str(getattr(made_by, name))[:12]}" for name in differ)


def latest(results: Iterable[Result]) -> list[Result]:
    """The last of the results with the same provenance on the same category."""
    return list({(result.category, result.made_by): result for result in results}.values())


def last_curves(curves: Sequence[Result]) -> list[Result]:
    """The results of `repetitions` with the last model and settings, without the categories still being measured."""

    def shared(result: Result) -> Provenance:
        return replace(result.made_by, masks=None, sampling=None, seed=None)

    last = [result for result in latest(curves) if shared(result) == shared(curves[-1])]
    counts = Counter(result.category for result in last)
    return [result for result in last if counts[result.category] == max(counts.values())]


def categories_of(results: Iterable[Result], metric: str) -> list[str]:
    """The categories for which a metric is known."""
    return list(dict.fromkeys(r.category for r in results if getattr(r.metrics, metric) is not None))


def shared_categories(columns: Iterable[Column], metric: str) -> list[str]:
    """The categories for which a metric is known in all of some columns."""
    first, *others = [categories_of(column.results, metric) for column in columns] or [[]]
    return [category for category in first if all(category in other for other in others)]


def categories_text(results: Iterable[Result]) -> str:
    """The number of categories of a mean in words, for each metric if it differs."""
    results = list(results)
    image, pixel = (len(categories_of(results, metric)) for metric in TITLES)
    return f"{pixel} categories" if image == pixel else f"{image} (image) and {pixel} (pixel) categories"
