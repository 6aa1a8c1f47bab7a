"""What a method is: one object that learns from good parts and judges queries; and the registry of all methods.

A method is added by one file that ends with `register(...)`. The command line, the page, the evaluation, the report and
the figures find it here. What its results depend on, and so their record, their run and their column, follows from
`uses` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from maeday_core.detection.decision import Threshold
from maeday_core.detection.region import Mask
from maeday_core.detection.result import Detection, Provenance, Unit
from maeday_core.detection.settings import SETTINGS
from maeday_core.detection.windows import FloatMap
from maeday_core.errors import SettingsError
from maeday_core.fewshot.learned import Learned, Progress
from maeday_core.io.images import RGBImage
from maeday_core.methods.reference import Reference
from maeday_core.methods.tools import Tools

Detect = Callable[[RGBImage], Iterator[Detection]]
"""Judges a query: yields partial results if they are asked for, and the whole one last."""


class Look(Protocol):
    """How a method judges a query, as `Detect` does, and what of it counts."""

    def __call__(self, query: RGBImage, ignored: Mask | None = None) -> Iterator[Detection]:
        """Judge a query.

        Args:
            query: uint8 (H, W, 3).
            ignored: of the shape of its map, True where nothing counts; None where all does.
        """


Item = TypeVar("Item")
ALL_SETTINGS = frozenset(SETTINGS)


class Shots(StrEnum):
    """Whether a method uses photos of good parts."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"

    def allow(self, count: int) -> bool:
        """Whether the method can be run with so many."""
        return count > 0 if self is Shots.REQUIRED else count == 0 if self is Shots.NONE else True


@dataclass(frozen=True)
class Style:
    """How a method is drawn in figures: a colour, and a mark of matplotlib's for those who print in grey."""

    colour: str = "#666666"
    marker: str = "x"


class Method(ABC):
    """How anomalies are found. Methods are values: two that do the same are equal, so that work can be shared.

    Attributes:
        name: on the command line, in records and in files.
        title: for people.
        about: one sentence on how it finds anomalies, for people.
        shots: whether it uses photos of good parts.
        uses: what its results depend on: fields of `Settings`, and `model`, `preset`, `backbone`.
        style: in figures.
        offered: whether the page offers it.
        height: how far down a region of its map is outlined, as `outline` has it; None for down to the limit.
        second_look: whether, of pictures given together without good parts, the most ordinary serve as good parts.
    """

    name: str
    title: str
    about: str = ""
    shots: Shots = Shots.OPTIONAL
    uses: frozenset[str] = frozenset()
    style: Style = Style()
    offered: bool = True
    height: ClassVar[float | None] = None
    second_look: ClassVar[bool] = False

    @property
    def zero_shot(self) -> Method:
        """The method that asks the same of a query where no good parts are known."""
        return self

    @abstractmethod
    def detector(self, tools: Tools, reference: Reference) -> Look:
        """The function that judges a query; what can be prepared is prepared here, once for all queries."""

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        """Learn from photos of good parts: yields the progress and returns what was learned."""
        raise NotImplementedError(f"{self.title} learns nothing.")

    def join(self, tools: Tools, learned: Learned, photo: RGBImage) -> Learned:
        """What it learned, with one more good part, uint8 (H, W, 3); in a moment, without fine-tuning."""
        raise SettingsError(f"{self.title} cannot take a good part beside those that it has learned from.")

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Learned:
        """What it learned, from the facts and tensors that went into a file."""
        raise NotImplementedError(f"{self.title} learns nothing.")

    def parts(self, good: bool) -> tuple[Method, ...]:
        """The methods whose results it adds, where good parts are known or not; itself if it is no sum."""
        return (self,)

    def add(self, results: Sequence[Detection]) -> Detection:
        """Its result from those of its parts."""
        (result,) = results
        return result

    def depends_on(self, tools: Tools, shots: int) -> Provenance:
        """All that a result depends on beside the query, as far as it is known before one is seen."""
        uses = frozenset[str]().union(*(part.uses for part in self.parts(shots > 0)))
        facts: dict[str, Any] = {name: getattr(tools.settings, name) for name in SETTINGS if name in uses}
        if "model" in uses:
            info = tools.model().info
            facts |= {"model": info.name, "model_sha256": info.sha256}
        if "preset" in uses and shots:
            facts["preset"] = tools.preset.name
        if "backbone" in uses:
            facts["backbone"] = tools.backbone
        if tools.region:
            facts["ignored"] = tools.region.id
        return Provenance(self.name, shots, **facts)


class Sum(Method):
    """A method made of methods. The first part may stream; the others are added to each of its partial results."""

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        learned: dict[str, Learned] = {}
        for part in self.parts(good=True):
            found = yield from part.learning(tools, shots)
            learned |= found.learned
        return Reference(learned, self.name)

    def detector(self, tools: Tools, reference: Reference) -> Look:
        first, *others = (part.detector(tools, reference) for part in self.parts(bool(reference)))

        def detect(query: RGBImage, ignored: Mask | None = None) -> Iterator[Detection]:
            found = [last(other(query, ignored)) for other in others]
            for result in first(query, ignored):
                yield self.add([result, *found])
                del result  # 16 MB of a large picture

        return detect

    def sum_of(
        self,
        results: Sequence[Detection],
        error_map: FloatMap,
        unit: Unit,
        threshold: Threshold,
        score: float | None = None,
    ) -> Detection:
        """The result whose map was made of those of the parts; its score is the highest value, or another one."""
        return Detection(
            image_score=float(error_map.max()) if score is None else score,
            error_map=error_map,
            unit=unit,
            threshold=threshold,
            seconds=sum(result.seconds for result in results),
            made_by=self._provenance(results),
            seen=tuple(results),
            size=results[0].size,
            ignored=results[0].ignored,
        )

    def _provenance(self, results: Sequence[Detection]) -> Provenance:
        """What any of the parts depends on; the first part that names a fact decides it."""
        facts: dict[str, Any] = {}
        for result in reversed(results):
            facts |= {name: value for name, value in vars(result.made_by).items() if value is not None}
        return Provenance(**facts | {"method": self.name, "shots": max(r.made_by.shots for r in results)})


_registry: dict[str, Method] = {}
METHODS: Mapping[str, Method] = MappingProxyType(_registry)
"""All methods by their names, in the order in which they were registered."""


def register(method: Method) -> Method:
    """Make a method known to everything that lists methods.

    Raises:
        ValueError: another one has its name.
    """
    if _registry.setdefault(method.name, method) != method:
        raise ValueError(f"There is a method {method.name!r} already.")
    return method


def find(name: str) -> Method:
    """A method by its name.

    Raises:
        SettingsError: there is none.
    """
    if name not in METHODS:
        raise SettingsError(f"There is no method {name!r}; choose {', '.join(METHODS)}.")
    return METHODS[name]


def last(items: Iterable[Item]) -> Item:
    """The last of some items, at least one."""
    *_, latest = items
    return latest
