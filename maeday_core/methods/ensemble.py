"""The ensemble: reconstruction and embeddings are different kinds of evidence, so their sum beats either (Section 4.4).

The paper adds the maps and does not say on which scale. Here a distance, which means the same in every picture, is
added to the logarithm of how abnormal the reconstruction error is: an error ten times as abnormal is not ten times the
evidence, and a picture that reconstructs badly all over cannot drown the other map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maeday_core.detection.decision import from_distance
from maeday_core.detection.result import DEVIATIONS, SQUARED_ERROR, Detection, Threshold, Unit
from maeday_core.detection.windows import FloatMap
from maeday_core.methods.base import Method, Style, Sum, register
from maeday_core.methods.maeday import MAEDAY, Maeday
from maeday_core.methods.patchcore import PATCHCORE
from maeday_core.methods.self_reference import SELF_REFERENCE


@dataclass(frozen=True)
class Rate:  # docs/decisions.md#ensemble-weights
    """How an error becomes evidence: weight * log(1 + error / normal)."""

    normal: float
    weight: float


RATES = {DEVIATIONS: Rate(normal=1.0, weight=0.1), SQUARED_ERROR: Rate(normal=0.001, weight=0.15)}
"""By the unit of the error. It is compared with its normal deviation or, where no good part gives one, with a barely
visible error. A distance to good parts is a stronger sign than one to the rest of the picture, so less is added to it."""


@dataclass(frozen=True)
class EnsembleSettings:  # docs/decisions.md#ensemble-weights
    """Numbers of the zero-shot ensemble.

    Attributes:
        typical: nearly all that windows see is the surface, so an error is compared with this multiple of the median
            one, if that is more.
        level, level_windows, step: of the first threshold (`decision.from_distance`).
    """

    typical: float = 4.0
    level: float = 1.3
    level_windows: float = 0.85
    step: float = 0.35


ZERO_SHOT = EnsembleSettings()
EVIDENCE = Unit("evidence", "Map of evidence", "evidence")
RAW_SUM = Unit("raw sum", "Map of raw sum", "raw sum")


def evidence(part: Detection) -> FloatMap:
    """What a part adds to the sum: float32 (H, W), an error as a logarithm, a distance as it is."""
    return _logarithm(part.error_map, part) if part.unit in RATES else part.error_map


def _logarithm(value: FloatMap | float, part: Detection) -> FloatMap:
    rate = RATES[part.unit]
    normal = rate.normal
    if part.unit == SQUARED_ERROR and part.made_by.windows:
        normal = max(normal, ZERO_SHOT.typical * float(np.median(part.error_map)))
    logarithm: FloatMap = np.log1p(np.asarray(value, np.float32) / normal)
    return rate.weight * logarithm


@dataclass(frozen=True)
class Ensemble(Sum):
    """MAEDAY and PatchCore or, with no good parts, self-reference.

    With good parts only deviations of colour are added: the distance compares features already.
    """

    name = "ensemble"
    title = "Ensemble"
    about = "The ensemble adds both kinds of evidence."
    style = Style("#009e73", "^")

    def parts(self, good: bool) -> tuple[Method, ...]:
        return (Maeday("colour"), PATCHCORE) if good else (MAEDAY, SELF_REFERENCE)

    def add(self, results: Sequence[Detection]) -> Detection:
        maeday, embedding = results
        error_map = evidence(maeday) + embedding.error_map
        if embedding.threshold.shots:
            value = float(_logarithm(maeday.threshold.value, maeday)) + embedding.threshold.value
            threshold = Threshold(value, shots=embedding.threshold.shots)
        else:
            level = ZERO_SHOT.level_windows if maeday.made_by.windows else ZERO_SHOT.level
            threshold = from_distance(error_map, level, ZERO_SHOT.step)
        return self.sum_of(results, error_map, EVIDENCE, threshold)


@dataclass(frozen=True)
class RawEnsemble(Ensemble):
    """The maps added as they are, MAEDAY's not calibrated, which is how the paper reads."""

    name = "ensemble-raw"
    title = "Ensemble, raw sum"
    style = Style("#999933", "P")
    offered = False

    def parts(self, good: bool) -> tuple[Method, ...]:
        return (Maeday("none"), PATCHCORE) if good else (MAEDAY, SELF_REFERENCE)

    def add(self, results: Sequence[Detection]) -> Detection:
        maeday, embedding = results
        value = maeday.threshold.value + embedding.threshold.value
        threshold = Threshold(value, shots=embedding.threshold.shots)
        return self.sum_of(results, maeday.error_map + embedding.error_map, RAW_SUM, threshold)


def shares(result: Detection) -> list[float]:
    """How much of a sum's peak each part accounts for, by what it adds there above its own median; adds up to 1."""
    peak = np.unravel_index(result.error_map.argmax(), result.error_map.shape)
    added = []
    for part in result.parts:
        values = evidence(part) if result.unit == EVIDENCE else part.error_map
        added.append(max(float(values[peak] - np.median(values)), 0.0))
    total = sum(added)
    return [value / total if total else 1 / len(added) for value in added]


ENSEMBLE = register(Ensemble())
ENSEMBLE_RAW = register(RawEnsemble())
