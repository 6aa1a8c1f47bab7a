"""MAEDAY: hide, reconstruct, compare; with good parts, by a model that was fine-tuned on them (the paper's method)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from torch import Tensor

from maeday_core.detection.reading import PLAIN, Reading
from maeday_core.detection.reconstruction import stream
from maeday_core.detection.region import Mask
from maeday_core.detection.result import Detection
from maeday_core.detection.windows import sample_windows
from maeday_core.fewshot.adapter import Adapter
from maeday_core.fewshot.doubts import appearance, doubts_of_appearances
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, fine_tune
from maeday_core.fewshot.joining import joined
from maeday_core.fewshot.learned import Learned, Progress
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import ALL_SETTINGS, Look, Method, Style, register
from maeday_core.methods.reference import Reference
from maeday_core.methods.tools import Tools


@dataclass(frozen=True)
class Maeday(Method):
    """The paper's method.

    Attributes:
        counts: how its errors are read (`detection.reading`): with good parts in deviations and without as Eq. 1 has
            them, as the evidence that an ensemble adds, or always as Eq. 1 has them.
    """

    counts: Literal["deviations", "evidence", "errors"] = "deviations"

    name = "maeday"
    title = "MAEDAY"
    about = "MAEDAY hides and reconstructs."
    uses = ALL_SETTINGS | {"model", "preset"}
    style = Style("#d55e00", "o")

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        model, settings = tools.model(), tools.settings
        photos = list(islice(shots, MAX_SHOTS + 1)) if settings.tile == "on" else []
        through_windows = 1 <= len(photos) <= MAX_SHOTS
        if through_windows:
            shots = sample_windows(photos, model.config.image_size, MAX_SHOTS, settings.seed)
        region = None if through_windows else tools.region
        adapter = yield from fine_tune(model, shots, tools.preset, settings, tools.enough, region)
        if through_windows:  # what is said of the good parts is said of the photos, not of their windows
            appearances = tuple(map(appearance, photos))
            adapter = replace(
                adapter, shots=len(photos), appearances=appearances, doubts=doubts_of_appearances(appearances)
            )
        return Reference({self.name: adapter}, self.name)

    def join(self, tools: Tools, learned: Learned, photo: RGBImage) -> Adapter:
        assert isinstance(learned, Adapter)
        return joined(learned, tools.model(), photo, tools.region)

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Adapter:
        return Adapter.restore(facts, tensors)

    def detector(self, tools: Tools, reference: Reference) -> Look:
        model, settings = tools.model(), tools.settings
        adapter = reference.learned.get(self.name)
        evidence = self.counts == "evidence"
        if not isinstance(adapter, Adapter):
            reading = Reading(evidence=evidence)
            return lambda query, ignored=None: stream(
                model, query, settings, reading, partial=tools.partial, ignored=ignored
            )
        adapted = adapter.apply(model, settings)
        reading = PLAIN if self.counts == "errors" else Reading(adapter.calibration, evidence, adapter.photos)

        def detect(query: RGBImage, ignored: Mask | None = None) -> Iterator[Detection]:
            for result in stream(adapted, query, settings, reading, partial=tools.partial, ignored=ignored):
                made_by = replace(result.made_by, shots=adapter.shots, preset=adapter.preset, adapter=adapter.recipe)
                yield replace(result, made_by=made_by)

        return detect


MAEDAY = register(Maeday())
