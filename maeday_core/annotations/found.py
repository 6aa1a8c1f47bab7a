"""From a result, or the verdict on a frame, to an annotated picture with the same boxes."""

from __future__ import annotations

import numpy as np

from maeday_core.annotations.picture import Annotated, Region
from maeday_core.detection.objects import find_objects, masks_of
from maeday_core.detection.result import Detection
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.methods.use import outlined_blocks


def of_result(result: Detection, name: str, path: str, by_hand: float | None = None) -> Annotated:
    """A result, with the boxes of its row.

    Args:
        result: of a detection.
        name: of the picture's file in the data set.
        path: where the picture comes from.
        by_hand: the threshold that the caller set; None for the automatic one.
    """
    limit = result.threshold.value if by_hand is None else by_hand
    blocks = outlined_blocks(result, by_hand)
    boxes = find_objects(blocks, -np.inf) if result.image_score > limit else []
    masks = masks_of(blocks, -np.inf, boxes)
    regions = tuple(Region(box, mask) for box, mask in zip(boxes, masks, strict=True))
    return Annotated(name, path, result.picture_size, result.image_score, limit, regions)


def of_verdict(verdict: Verdict, judgement: Judgement) -> Annotated:
    """The verdict on a frame, one of a judgement, with its objects."""
    record = verdict.record
    path = record.path if record.time is None else f"{record.path}#t={record.time:g}"
    masks = masks_of(judgement.baseline.map(record), verdict.threshold, verdict.boxes) if verdict.boxes else ()
    regions = tuple(Region(box, mask) for box, mask in zip(verdict.boxes, masks, strict=True))
    size = record.height, record.width
    return Annotated(f"{record.stem}.jpg", path, size, verdict.image_score, verdict.threshold, regions)
