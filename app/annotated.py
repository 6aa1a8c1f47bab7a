"""What was found, as COCO has it, for pictures that the visitor has: they go by their own names."""

from __future__ import annotations

import json
from dataclasses import replace

from maeday_core.annotations import coco
from maeday_core.annotations.found import of_result, of_verdict
from maeday_core.drawing.shown import Shown
from maeday_core.frames import Judgement


def photo_coco(view: Shown) -> str:
    """The places of a photo, in its own pixels; their outlines are as fine as the shown map."""
    result = replace(view.result, size=view.size)
    return json.dumps(coco([of_result(result, view.name, view.name, view.by_hand)]), indent=1)


def frames_coco(judgement: Judgement) -> str:
    """The objects of all frames."""
    frames = [of_verdict(verdict, judgement) for verdict in judgement.verdicts]
    return json.dumps(coco([replace(frame, name=frame.path) for frame in frames]), indent=1)
