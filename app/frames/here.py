"""What is ignored where a frame is unusual."""

from __future__ import annotations

import cv2
import numpy as np

from maeday_core.detection.region import SIDE, Mask, united
from maeday_core.drawing.pictures import RING
from maeday_core.frames import Judgement, Verdict
from maeday_core.frames.records import peak_of

AROUND = 0.02
"""What is ignored around an object, as a share of the frame's shorter side."""


def also_ignored(mask: Mask | None, judgement: Judgement, verdict: Verdict) -> Mask | None:
    """A mask, and where a frame is unusual: around its objects, or its most unusual place.

    None where nothing in the frame is.
    """
    record, peak = verdict.record, peak_of(judgement.baseline.map(verdict.record))
    shrink = min(1.0, SIDE / max(record.height, record.width))
    plane = np.zeros((max(1, round(record.height * shrink)), max(1, round(record.width * shrink))), np.uint8)
    around = max(1, round(AROUND * min(plane.shape)))
    for box in verdict.boxes:
        left, top = round(box.x * shrink) - around, round(box.y * shrink) - around
        right, bottom = round((box.x + box.width) * shrink) + around, round((box.y + box.height) * shrink) + around
        plane[max(0, top) : bottom, max(0, left) : right] = 255
    if not verdict.boxes and peak is not None:
        x, y = peak
        cv2.circle(plane, (round(x * shrink), round(y * shrink)), max(1, round(RING * min(plane.shape))), 255, -1)
    return united(mask, plane > 0) if plane.any() else None
