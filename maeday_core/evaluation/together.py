"""Without good parts, test pictures are judged among those of one kind, as `maeday detect` judges what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from maeday_core.detection.decision import Ordinary, Threshold
from maeday_core.evaluation.category import Sample
from maeday_core.evaluation.records import Score
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import load_image
from maeday_core.methods.peers import Peers


def judged_together(samples: Sequence[Sample], scores: Sequence[Score], alarm_rate: float) -> list[Score]:
    """The scores of a run without good parts, each with the threshold among its peers."""
    looks = [appearance(load_image(sample.path)) for sample in samples]
    peers = Peers().with_more([score.image_score for score in scores], looks)
    judged = []
    for score, look in zip(scores, looks, strict=True):
        by_itself = Ordinary(score.alone, score.alike, 0.0, "", least=score.least, alike=score.alike)
        threshold = peers.threshold(look, Threshold(score.alone, score.look, by_itself, alarm_rate))
        judged.append(replace(score, threshold=threshold.value, look=threshold.look))
    return judged
