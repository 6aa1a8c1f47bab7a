"""The ensemble: reconstruction and embeddings are different kinds of evidence, so their sum beats either (Section 4.4).

The paper adds the maps and does not say on which scale. Here a distance, which means the same in every picture, is
added to the logarithm of how abnormal the reconstruction's errors are (`detection/reading.py`): an error ten times as
abnormal is not ten times the evidence, and a picture that reconstructs badly all over cannot drown the other map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from maeday_core.detection.decision import RULE, Rates, away_from_border, from_good_parts, from_picture, image_score
from maeday_core.detection.reading import EVIDENCE_ALONE, EVIDENCE_ALONE_LARGE
from maeday_core.detection.region import counted, counted_of
from maeday_core.detection.result import EVIDENCE, Detection, Unit
from maeday_core.detection.windows import is_large
from maeday_core.methods.base import Method, Style, Sum, register
from maeday_core.methods.maeday import MAEDAY, Maeday
from maeday_core.methods.patchcore import PATCHCORE
from maeday_core.methods.self_reference import SELF_REFERENCE

RAW_SUM = Unit("raw sum", "Anomaly map: raw sum", "raw sum")
RATES = Rates(  # docs/decisions.md#decision
    above=(0.115, -0.006), spread=(0.08, 0.09), uncertainty=(0.065, 0.06), least=0.2
)


@dataclass(frozen=True)
class Ensemble(Sum):
    """MAEDAY and PatchCore or, with no good parts, self-reference."""

    name = "ensemble"
    title = "Ensemble"
    about = "The ensemble adds both kinds of evidence."
    style = Style("#009e73", "^")
    height: ClassVar[float | None] = 0.65  # docs/decisions.md#outlines
    second_look: ClassVar[bool] = True  # docs/decisions.md#peers

    def parts(self, good: bool) -> tuple[Method, ...]:
        return Maeday("evidence"), PATCHCORE if good else SELF_REFERENCE

    def add(self, results: Sequence[Detection]) -> Detection:
        maeday, embedding = results
        judged, ignored = maeday.error_map + embedding.error_map, maeday.ignored
        error_map = judged
        if maeday.good and embedding.good:
            good = counted_of(maeday.good.plus(embedding.good), ignored)
            ordinary = from_good_parts(good, RATES, RULE.peak)
        elif is_large(maeday.picture_size):
            ordinary = from_picture(counted(error_map, ignored), EVIDENCE_ALONE_LARGE)
        else:
            judged = away_from_border(error_map)
            ordinary = from_picture(counted(judged, ignored), EVIDENCE_ALONE)
        threshold = ordinary.threshold(embedding.threshold.alarm_rate)
        score = image_score(counted(judged, ignored), size=maeday.picture_size)
        return self.sum_of(results, error_map, EVIDENCE, threshold, score)


@dataclass(frozen=True)
class RawEnsemble(Ensemble):
    """The maps added as they are, MAEDAY's not calibrated, and S = max: how the paper reads."""

    name = "ensemble-raw"
    title = "Ensemble, raw sum"
    style = Style("#999933", "P")
    offered = False
    height = None
    second_look = False

    def parts(self, good: bool) -> tuple[Method, ...]:
        return (Maeday("errors"), PATCHCORE) if good else (MAEDAY, SELF_REFERENCE)

    def add(self, results: Sequence[Detection]) -> Detection:
        maeday, embedding = (result.threshold.ordinary for result in results)
        ordinary = replace(embedding, level=maeday.level + embedding.level)
        threshold = ordinary.threshold(results[0].threshold.alarm_rate)
        return self.sum_of(results, results[0].error_map + results[1].error_map, RAW_SUM, threshold)


def shares(result: Detection, at: tuple[int, int] | None = None) -> list[float]:
    """How much of a sum each part accounts for, by what it adds above its own median; adds up to 1.

    Args:
        result: of the sum; none for one that is no sum.
        at: row and column; by default those of the peak.
    """
    place = np.unravel_index(result.error_map.argmax(), result.error_map.shape) if at is None else at
    middles = [np.median(counted(part.error_map, result.ignored)) for part in result.parts]
    heights = [part.error_map[place] for part in result.parts]
    added = [max(float(height - middle), 0.0) for height, middle in zip(heights, middles, strict=True)]
    total = sum(added)
    return [value / total if total else 1 / len(added) for value in added]


ENSEMBLE = register(Ensemble())
ENSEMBLE_RAW = register(RawEnsemble())
