"""What programs read of a result: the same row of JSON on the command line and from every server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from maeday_core.detection.objects import find_objects
from maeday_core.detection.result import Detection
from maeday_core.methods.use import outlined_blocks


def row_of(result: Detection, model: str | None = None, by_hand: float | None = None) -> dict[str, Any]:
    """The facts of a result, ready for JSON.

    Args:
        result: of a detection.
        model: what the caller named the model; by default its own name.
        by_hand: the threshold that the caller set; None for the automatic one.
    """
    score, threshold, made_by = result.image_score, result.threshold, result.made_by.record()
    limit = threshold.value if by_hand is None else by_hand
    boxes = find_objects(outlined_blocks(result, by_hand), -np.inf) if score > limit else []
    return {
        "image_score": score,
        "threshold": limit,
        "verdict": "anomalous" if score > limit else "normal",
        "state": threshold.verdict(score, by_hand),
        "share_above": threshold.ordinary.share_above(score),
        "look": threshold.look,
        "threshold_between": threshold.between,
        "peers": threshold.ordinary.peers,
        "boxes": [asdict(box) for box in boxes],
        "seconds": round(result.seconds, 4),
        **made_by,
        "alarm_rate": threshold.alarm_rate,
        "model": made_by["model"] and (model or made_by["model"]),
    }
