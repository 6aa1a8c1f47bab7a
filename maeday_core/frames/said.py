"""What a person said of frames, as a file of corrections has it, and how far it moves the limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from maeday_core.detection.feedback import Moved, moved_limit
from maeday_core.frames.triage import Judged
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.io.corrections import Correction, Label

LABELS = {Judged.OBJECT: Label.DEFECT, Judged.FINE: Label.NORMAL}
"""What a correction calls it; that a place is ignored says nothing of the frame."""
JUDGED = {label: judged for judged, label in LABELS.items()}


def correction_of(verdict: Verdict, label: Label, time: str) -> Correction:
    """What is said of a frame; a defect is meant where its most unusual object is."""
    record = verdict.record
    box = max(verdict.boxes, key=lambda box: box.peak, default=None) if label is Label.DEFECT else None
    place = (box.x, box.y, box.width, box.height) if box else None
    return Correction(record.content, label, time, place, PurePath(record.path).name, record.time)


def labelled(judgement: Judgement, corrections: Iterable[Correction]) -> dict[int, Correction]:
    """The corrections that are of frames which are here, by the frames' numbers."""
    said = {one.key: one for one in corrections}
    keys = {verdict.record.number: (verdict.record.content, verdict.record.time) for verdict in judgement.verdicts}
    return {number: said[key] for number, key in keys.items() if key in said}


def moved_by(judgement: Judgement, said: Mapping[int, Label]) -> Moved:
    """Where the limit lies by what was said of frames, by their numbers."""
    limit = max(judgement.baseline.threshold, 1e-9)
    scores: dict[Label, list[float]] = {label: [] for label in Label}
    for verdict in judgement.verdicts:
        if label := said.get(verdict.record.number):
            scores[label].append(verdict.image_score / limit)
    return moved_limit(scores[Label.NORMAL], scores[Label.DEFECT])
