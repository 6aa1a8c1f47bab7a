"""The ensemble: reconstruction and embeddings are different kinds of evidence, so their sum beats either (Section 4.4).

The paper adds the maps and does not say on which scale. Here a distance, which means the same in every picture, is
added to the logarithm of how abnormal the reconstruction error is: an error ten times as abnormal is not ten times the
evidence, and a picture that reconstructs badly all over cannot drown the other map.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from maeday_core.detection.reconstruction import DEVIATIONS, SQUARED_ERROR, Detection
from maeday_core.methods.self_reference import halfway

NORMAL = {DEVIATIONS: 1.0, SQUARED_ERROR: 0.001}
"""What an error is compared with: its normal deviation, or, where no good part tells it, a barely visible error."""
WEIGHT = {DEVIATIONS: 0.1, SQUARED_ERROR: 0.15}
"""How much its logarithm counts: a distance to good parts tells more than one to the rest of the picture."""
TYPICAL = 4.0
"""Through windows, nearly all that is seen is the surface: an error counts only beyond so many of its median ones."""
EVIDENCE = "evidence"
RAW = "raw sum"
LEVEL, LEVEL_TILED = 1.3, 0.85
STEP = 0.35


def evidence(part: Detection) -> np.ndarray:
    """What a part adds to the sum: float32 (H, W), a distance as it is, an error as a logarithm."""
    return _logarithm(part.error_map, part) if "masks" in part.settings else part.error_map


def _logarithm(value: np.ndarray | float, part: Detection) -> np.ndarray:
    normal = NORMAL[part.unit]
    if part.unit == SQUARED_ERROR and "tiles" in part.settings:
        normal = max(normal, TYPICAL * float(np.median(part.error_map)))
    return WEIGHT[part.unit] * np.log1p(np.asarray(value, np.float32) / normal)


def add(maeday: Detection, embedding: Detection, raw: bool = False) -> Detection:
    """The ensemble of MAEDAY and PatchCore, or, with no good parts, self-reference.

    Args:
        raw: add the maps as they are, which is how the paper reads; MAEDAY's should then not be calibrated.
    """
    if raw:
        error_map = maeday.error_map + embedding.error_map
        threshold = maeday.first_threshold + embedding.first_threshold
    else:
        error_map = evidence(maeday) + embedding.error_map
        threshold = (
            float(_logarithm(maeday.first_threshold, maeday)) + embedding.first_threshold
            if embedding.shots
            else halfway(error_map, LEVEL_TILED if "tiles" in maeday.settings else LEVEL, STEP)
        )
    return replace(
        maeday,
        image_score=float(error_map.max()),
        error_map=error_map,
        seconds=maeday.seconds + embedding.seconds,
        settings={**embedding.settings, **maeday.settings, "method": "ensemble", "sum": "raw" if raw else "evidence"},
        first_threshold=threshold,
        unit=RAW if raw else EVIDENCE,
        good_scores=(),
        shots=embedding.shots,
        match=embedding.match,
        parts=(maeday, embedding),
    )


def add_banks(parts: tuple[Detection, Detection]) -> Detection:
    """Two PatchCores with two coresets: the paper's baseline for the ensemble."""
    first, second = parts
    error_map = (first.error_map + second.error_map) / 2
    return replace(
        first,
        image_score=float(error_map.max()),
        error_map=error_map,
        seconds=first.seconds + second.seconds,
        settings={**first.settings, "method": "2xpatchcore"},
        first_threshold=(first.first_threshold + second.first_threshold) / 2,
        good_scores=(),
        parts=parts,
    )


def shares(result: Detection) -> list[float]:
    """How much of an ensemble's peak each part accounts for, by what it adds there above its own median; sums to 1."""
    peak = np.unravel_index(result.error_map.argmax(), result.error_map.shape)
    added = []
    for part in result.parts:
        values = evidence(part) if result.unit == EVIDENCE else part.error_map
        added.append(max(float(values[peak] - np.median(values)), 0.0))
    total = sum(added)
    return [value / total if total else 1 / len(added) for value in added]
