"""What the tests of methods share: a model with a name, photos of parts, and a counter of work."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.result import DISTANCE, Detection, Matches
from maeday_core.detection.settings import Settings
from maeday_core.fewshot.learned import Progress
from maeday_core.methods import Look, Method, Reference, Shots, Tools

FEW = Settings(masks=3, seed=1)


def watched(learning: Generator[Progress, None, Reference]) -> tuple[list[Progress], Reference]:
    """All progress of a learning, and its result."""
    seen = []
    while True:
        try:
            seen.append(next(learning))
        except StopIteration as end:
            return seen, end.value


class Mean:
    """What `Brightness` learns: the mean of the good parts."""

    def __init__(self, value: float, shots: int) -> None:
        self.value, self.shots = value, shots
        self.tile = "off"
        self.summary = f"a mean of {value:.0f}"
        self.doubts: tuple[str, ...] = ()

    def doubt_of(self, query: np.ndarray) -> str | None:
        return None

    def describe(self) -> dict[str, Any]:
        return {"mean": self.value}

    def tensors(self) -> dict[str, Tensor]:
        return {"mean": torch.tensor([self.value])}

    def facts(self) -> dict[str, Any]:
        return {"shots": self.shots}


class Brightness(Method):
    """A toy: how much brighter or darker a pixel is than good parts, or than its own picture."""

    title = "Brightness"
    shots = Shots.OPTIONAL

    def __init__(self, name: str = "brightness", uses: Sequence[str] = ("seed", "backbone")) -> None:
        self.name, self.uses = name, frozenset(uses)
        self.learned = self.judged = 0

    def learning(self, tools: Tools, shots: Iterable[np.ndarray]) -> Generator[Progress, None, Reference]:
        self.learned += 1
        means = []
        for shot in shots:
            means.append(float(shot.mean()))
            yield Progress("Measuring brightness")
        return Reference({self.name: Mean(float(np.mean(means)), len(means))}, self.name)

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mean:
        return Mean(float(tensors["mean"]), int(facts["shots"]))

    def detector(self, tools: Tools, reference: Reference) -> Look:
        known = reference.learned.get(self.name)
        made_by = self.depends_on(tools, reference.shots)

        def detect(query: np.ndarray, ignored: np.ndarray | None = None) -> Iterator[Detection]:
            self.judged += 1
            grey = query.mean(axis=2, dtype=np.float32)
            error_map = np.abs(grey - (known.value if isinstance(known, Mean) else grey.mean())) / 255
            seen = Matches(query, error_map, np.zeros(error_map.shape, np.int64))
            threshold = Ordinary(0.2, 0.1, 0.1, "It is a toy.", reference.shots).threshold()
            yield Detection(float(error_map.max()), error_map, DISTANCE, threshold, 0.1, made_by, seen)

        return detect
