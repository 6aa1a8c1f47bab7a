"""The metrics of a run, read off its scores and error maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from maeday_core.detection.places import outline
from maeday_core.detection.region import Region, scaled
from maeday_core.evaluation.category import Sample, ground_truth
from maeday_core.evaluation.metrics import (
    Bools,
    Floats,
    aupro,
    auroc,
    average_precision,
    best_balanced_accuracy,
    confusion,
    f1_max,
    hit_rate,
    rank,
    rank_scores,
)
from maeday_core.evaluation.records import Metrics, Score


def measure(
    samples: Sequence[Sample],
    scores: Sequence[Score],
    maps: Path,
    height: float | None = None,
    region: Region | None = None,
) -> Metrics:
    """All metrics of a category.

    Pixel metrics are over all pixels of all pictures together, each at its own size; defective pictures without ground
    truth do not count in them.

    Args:
        samples: the test pictures.
        scores: of each of them.
        maps: the folder of their error maps.
        height: of the method.
        region: what is ignored: no pixel of it counts as defective or found.
    """
    labels = np.array([sample.anomalous for sample in samples])
    images = rank_scores(labels, np.array([score.image_score for score in scores]))
    verdicts = confusion([(labels, np.array([score.judged_score > score.threshold for score in scores]))])
    by_themselves = confusion([(labels, np.array([score.image_score > score.alone for score in scores]))])
    looks = confusion([(labels, np.array([score.look < score.judged_score <= score.threshold for score in scores]))])
    best_f1, best_threshold = f1_max(images)

    known = [pair for pair in zip(samples, scores, strict=True) if pair[0].mask or not pair[0].anomalous]
    if not any(sample.mask for sample in samples):
        known = []

    def ignored_at(shape: tuple[int, ...]) -> Bools | None:
        return scaled(region.ignored, *shape) if region else None

    def pixels(judged: bool = False) -> Iterator[tuple[Bools, Floats]]:
        for sample, score in known:
            error_map = np.load(maps / (score.judged_map if judged else score.map))
            truth = ground_truth(sample, error_map.shape)
            if (ignored := ignored_at(error_map.shape)) is not None:
                truth, error_map = truth & ~ignored, np.where(ignored, -np.inf, error_map)
            yield truth, error_map

    outlines = (
        (truth, outline(error_map, score.judged_score, score.threshold, height, ignored_at(error_map.shape)))
        for (truth, error_map), (_, score) in zip(pixels(judged=True), known, strict=True)
    )
    ranking = rank(pixels)
    return Metrics(
        image_auroc=auroc(images),
        image_ap=average_precision(images),
        f1_max=best_f1,
        f1_threshold=best_threshold,
        balanced_accuracy=verdicts.balanced_accuracy,
        best_balanced_accuracy=best_balanced_accuracy(images),
        false_alarms=verdicts.false_positive_rate,
        hits=verdicts.recall,
        balanced_accuracy_alone=by_themselves.balanced_accuracy,
        false_alarms_alone=by_themselves.false_positive_rate,
        hits_alone=by_themselves.recall,
        good_looks=looks.false_positive_rate,
        defective_looks=looks.recall,
        pixel_auroc=auroc(ranking),
        pixel_ap=average_precision(ranking),
        aupro=aupro(ranking),
        hit_rate=hit_rate(pixels),
        outline_f1=confusion(outlines).f1,
        best_outline_f1=f1_max(ranking)[0],
    )
