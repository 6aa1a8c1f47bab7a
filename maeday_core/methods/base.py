"""What a method is: one object that learns from good parts and judges queries; and the registry of all methods.

A method is added by one file that ends with `register(...)`. The command line, the page, the evaluation, the report and
the figures find it here, and what its results depend on, and so their record, their run and their column, is told by
`uses` alone.
"""

from __future__ import annotations

import functools
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from torch import Tensor

from maeday_core.detection.result import SETTINGS, Detection, Provenance, Settings
from maeday_core.detection.windows import Tile, Tiling
from maeday_core.errors import SettingsError
from maeday_core.fewshot.fine_tuning import DEFAULT, Preset, find_preset, never
from maeday_core.fewshot.learned import Learned, Progress
from maeday_core.io.images import RGBImage
from maeday_core.model.backbone import LITE0, SIDE, WRN50, Backbone, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import default_model, load_model
from maeday_core.model.mae import MaskedAutoencoder

Detect = Callable[[RGBImage], Iterator[Detection]]
"""Judges a query: yields partial results if they are asked for, and the whole one last."""
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


@dataclass(frozen=True)
class Tools:
    """What a method may use, shared between methods and loaded when it is first needed.

    Attributes:
        settings: of the detections; their seed is also that of what is learned.
        model: gives the masked autoencoder.
        backbone: name of the network that compares patches.
        preset: how to fine-tune.
        partial: yield partial results, too.
        enough: asked while learning; once it is true, what was learned so far is kept.
    """

    settings: Settings = field(default_factory=Settings)
    model: Callable[[], MaskedAutoencoder] = field(default=functools.cache(load_model))
    backbone: str = LITE0
    preset: Preset = DEFAULT
    partial: bool = False
    enough: Callable[[], bool] = never

    @classmethod
    def of(
        cls,
        model: MaskedAutoencoder | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        backbone: str | None = None,
        preset: str = DEFAULT.name,
        steps: int | None = None,
        partial: bool = False,
    ) -> Tools:
        """Tools by their names.

        Args:
            model: a loaded one, or what `load_model` takes.
            settings: by default the paper's.
            backbone: by default the one that goes with the model.
            preset: a name in `PRESETS`.
            steps: of the fine-tuning, by default the preset's.
            partial: as in the attributes.

        Raises:
            SettingsError: there is no such preset.
        """
        loaded = isinstance(model, MaskedAutoencoder)
        name = model.info.name if isinstance(model, MaskedAutoencoder) else os.fspath(model or default_model())
        load: Callable[[], Any] = (lambda: model) if loaded else functools.cache(lambda: load_model(name))
        return cls(
            settings=settings or Settings(),
            model=load,
            backbone=backbone or default_backbone(name),
            preset=find_preset(preset, steps),
            partial=partial,
        )

    def network(self, name: str | None = None) -> Backbone:
        """The network that compares patches, or another one."""
        return load_backbone(name or self.backbone)

    def with_settings(self, **changes: Any) -> Tools:
        """The same with other settings."""
        return replace(self, settings=replace(self.settings, **changes))


def default_backbone(model: str) -> str:
    """The backbone that goes with a model: the paper's with the Hub's models, one from a package with all others."""
    return WRN50 if model in HUB_MODELS else LITE0


@dataclass(frozen=True)
class Reference:
    """What is known about good parts, by the name of the method that learned it.

    Attributes:
        learned: what each part of the method learned.
        method: the one that was asked to learn.
    """

    learned: Mapping[str, Learned] = field(default_factory=dict)
    method: str = ""

    def __bool__(self) -> bool:
        return bool(self.learned)

    @property
    def tile(self) -> Tile:
        """How a query must be seen, `on` or `off`, for that is how the good parts were; `auto` where none are known."""
        return next((one.tile for one in self.learned.values()), "auto")

    @property
    def shots(self) -> int:
        """How many photos of good parts were learned from."""
        return max((one.shots for one in self.learned.values()), default=0)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences on good parts that look unlike the others, or defective."""
        return tuple(doubt for one in self.learned.values() for doubt in one.doubts)

    def doubt_of(self, query: RGBImage) -> str | None:
        """A sentence if a query looks like none of the good parts."""
        return next((doubt for one in self.learned.values() if (doubt := one.doubt_of(query))), None)


class Method(ABC):
    """How anomalies are found. Methods are values: two that do the same are equal, so that work can be shared.

    Attributes:
        name: on the command line, in records and in files.
        title: for people.
        shots: whether it uses photos of good parts.
        uses: what its results depend on: fields of `Settings`, and `model`, `preset`, `backbone`.
        style: in figures.
        offered: whether the page offers it.
    """

    name: str
    title: str
    shots: Shots = Shots.OPTIONAL
    uses: frozenset[str] = frozenset()
    style: Style = Style()
    offered: bool = True

    @property
    def alone(self) -> Method:
        """The method that asks the same of a query where no good parts are known."""
        return self

    @abstractmethod
    def detector(self, tools: Tools, reference: Reference) -> Detect:
        """The function that judges a query; what can be prepared is prepared here, once for all queries."""

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        """Learn from photos of good parts: yields the progress and returns what was learned."""
        raise NotImplementedError(f"{self.title} learns nothing.")

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
        return Provenance(self.name, shots, **facts)


class Sum(Method):
    """A method made of methods. The first part may stream; the others are added to each of its partial results."""

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        learned: dict[str, Learned] = {}
        for part in self.parts(good=True):
            found = yield from part.learning(tools, shots)
            learned |= found.learned
        return Reference(learned, self.name)

    def detector(self, tools: Tools, reference: Reference) -> Detect:
        first, *others = (part.detector(tools, reference) for part in self.parts(bool(reference)))

        def detect(query: RGBImage) -> Iterator[Detection]:
            found = [last(other(query)) for other in others]
            for result in first(query):
                yield self.add([result, *found])

        return detect

    def provenance(self, results: Sequence[Detection]) -> Provenance:
        """That of a sum: what any of its parts depends on; the first part that says something has the last word."""
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


def detector(method: Method, tools: Tools | None = None, reference: Reference | None = None) -> Detect:
    """The function that judges queries by a method, zero-shot or with what was learned from good parts.

    Raises:
        SettingsError: the method needs good parts and has none, or they were learned by another, or for other settings.
        WeightsError: they belong to another model.
    """
    tools, reference = tools or Tools(), reference or Reference()
    _check(method, reference)
    if reference.tile not in ("auto", tools.settings.tile):
        if tools.settings.tile != "auto":
            seen = "through windows" if reference.tile == "on" else "whole"
            raise SettingsError(f"The good parts were looked at {seen}: detect with tile {reference.tile}, or auto.")
        tools = tools.with_settings(tile=reference.tile)
    return method.detector(tools, reference)


def _check(method: Method, reference: Reference) -> None:
    if method.shots is Shots.NONE and reference:
        raise SettingsError(f"{method.title} uses no photos of good parts: leave them out, or choose another method.")
    if method.shots is Shots.REQUIRED and not reference:
        raise SettingsError(
            f"The method {method.name} compares with good parts and has none: give photos of them, or choose "
            f"{method.alone.name}, which needs none."
        )
    missing = [part for part in method.parts(bool(reference)) if reference and part.name not in reference.learned]
    if missing:
        raise SettingsError(
            f"What was saved of the good parts comes from the method {reference.method} and holds nothing for "
            f"{missing[0].title}: learn from them again with the method {method.name}."
        )


def detect(method: Method, tools: Tools | None, query: RGBImage, reference: Reference | None = None) -> Detection:
    """Judge one picture, uint8 (H, W, 3) RGB of any size; raises what `detector` raises."""
    return last(detector(method, tools, reference)(query))


def learning(method: Method, tools: Tools | None, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
    """Learn from photos of good parts: yields the progress and returns what was learned.

    Args:
        method: the one that will judge.
        tools: by `settings.tile` the shots are seen whole or through windows, for `auto` by the size of the first.
        shots: uint8 (H, W, 3); one to eight where the method fine-tunes, else any number. They are taken one at a time,
            as often as the method has parts.

    Raises:
        SettingsError: the method uses no good parts, or cannot use so many.
    """
    tools = tools or Tools()
    if method.shots is Shots.NONE:
        raise SettingsError(f"{method.title} uses no photos of good parts: leave them out, or choose another method.")
    if iter(shots) is shots:
        shots = list(shots)
    first = next(iter(shots), None)
    if first is not None:
        view = Tiling.of(first.shape, tools.settings.tile, SIDE)
        tools = tools.with_settings(tile="off" if view.whole else "on")
    return (yield from method.learning(tools, shots))


def learn(
    method: Method,
    tools: Tools | None,
    shots: Iterable[RGBImage],
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Reference:
    """What a method learns from photos of good parts; arguments and errors are those of `learning`."""
    steps = learning(method, tools, shots)
    while True:
        try:
            on_progress(next(steps))
        except StopIteration as end:
            reference: Reference = end.value
            return reference


def last(items: Iterable[Item]) -> Item:
    """The last of some items, at least one."""
    *_, item = items
    return item
