"""PatchCore: a patch is anomalous if no patch of the good parts looks like it (Roth et al., CVPR 2022)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from maeday_core.detection.decision import Rates, from_good_parts
from maeday_core.detection.maps import to_map
from maeday_core.detection.region import Mask, blank, counted_of
from maeday_core.detection.result import DISTANCE, Detection, Matches
from maeday_core.detection.scale import map_size
from maeday_core.detection.windows import Seen
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.learned import Learned, Progress
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Look, Method, Shots, Style, Sum, register
from maeday_core.methods.building import build_bank, joined
from maeday_core.methods.memory_bank import MemoryBank, as_compared, compare
from maeday_core.methods.reference import Reference
from maeday_core.methods.self_reference import SELF_REFERENCE
from maeday_core.methods.tools import Tools

RATES = Rates(  # docs/decisions.md#decision
    above=(0.077, -0.01), spread=(0.075, 0.08), uncertainty=(0.08, 0.06), least=0.2
)


@dataclass(frozen=True)
class PatchCore(Method):
    """The picture against good parts.

    Attributes:
        coreset: counts several coresets of the same good parts; each has a seed of its own.
    """

    coreset: int = 0

    about = "PatchCore looks for patches unlike the good parts."
    shots = Shots.REQUIRED
    uses = frozenset({"seed", "tile", "alarm_rate", "backbone"})
    style = Style("#0072b2", "s")

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"patchcore-{self.coreset + 1}" if self.coreset else "patchcore"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"PatchCore, coreset {self.coreset + 1}" if self.coreset else "PatchCore"

    @property
    def zero_shot(self) -> Method:
        return SELF_REFERENCE

    def learning(self, tools: Tools, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
        yield Progress("Remembering what is normal")
        settings = tools.settings
        seen: Seen = "on" if settings.tile == "on" else "off"
        bank = build_bank(tools.network(), shots, settings.seed + self.coreset, seen, region=tools.region)
        return Reference({self.name: bank}, self.name)

    def join(self, tools: Tools, learned: Learned, photo: RGBImage) -> MemoryBank:
        assert isinstance(learned, MemoryBank)
        return joined(learned, tools.network(learned.backbone), photo, tools.region)

    def restore(self, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> MemoryBank:
        return MemoryBank.restore(facts, tensors)

    def detector(self, tools: Tools, reference: Reference) -> Look:
        bank = reference.learned[self.name]
        if not isinstance(bank, MemoryBank):
            raise SettingsError(f"What was saved of the good parts for {self.title} is no memory bank.")
        network, settings = tools.network(bank.backbone), tools.settings
        known = PATCHCORE.depends_on(tools, bank.shots)  # a further coreset is PatchCore with another seed
        made_by = replace(known, backbone=bank.backbone, seed=bank.seed, tile=bank.tile)

        def detect(query: RGBImage, ignored: Mask | None = None) -> Iterator[Detection]:
            start = time.perf_counter()
            seen = as_compared(query, network.side, bank.tile)
            features = network(seen)
            if features.shape[-1] != bank.features.shape[-1]:
                raise WeightsError(
                    f"What was saved of the good parts was not learned with the network {bank.backbone}; learn again."
                )
            distances, nearest = compare(features, bank.features, ignored)
            error_map = blank(to_map(distances, *map_size(query.shape)), ignored)
            good = bank.good(features)
            yield Detection(
                image_score=float(error_map.max()),
                error_map=error_map,
                unit=DISTANCE,
                threshold=from_good_parts(counted_of(good, ignored), RATES).threshold(settings.alarm_rate),
                seconds=time.perf_counter() - start,
                made_by=made_by,
                seen=Matches(seen, distances, nearest[..., None], bank.crops),
                size=query.shape[:2],
                good=good,
                ignored=ignored,
            )

        return detect


@dataclass(frozen=True)
class TwoPatchCores(Sum):
    """The mean of two PatchCores with two coresets: the paper's baseline for the ensemble."""

    name = "2xpatchcore"
    title = "2 x PatchCore"
    shots = Shots.REQUIRED
    style = Style("#56b4e9", "v")
    offered = False

    @property
    def zero_shot(self) -> Method:
        return SELF_REFERENCE

    def parts(self, good: bool) -> tuple[Method, ...]:
        return PatchCore(0), PatchCore(1)

    def add(self, results: Sequence[Detection]) -> Detection:
        error_map = np.mean([result.error_map for result in results], axis=0)
        first, second = (result.threshold.ordinary for result in results)
        ordinary = replace(first, level=(first.level + second.level) / 2)
        threshold = ordinary.threshold(results[0].threshold.alarm_rate)
        return self.sum_of(results, error_map, DISTANCE, threshold)


PATCHCORE = register(PatchCore())
TWO_PATCHCORES = register(TwoPatchCores())
