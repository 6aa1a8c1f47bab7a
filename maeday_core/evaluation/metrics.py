"""How good a detector is: the metrics of the anomaly detection literature, in per cent, computed exactly.

Those over all thresholds are read off the same counts: how many positives and how many negatives lie at or above each
distinct score of a positive. Between two such scores only negatives are added, so nothing else can change a curve. That
takes memory for the positives alone; the negatives, nearly all pixels of a data set, pass by picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Samples = Callable[[], Iterable[tuple[Bools, Floats]]]
"""Gives, each time it is called, the same pairs of ground truth and scores, of equal shape; a negative whose score is
-inf does not count."""


@dataclass(frozen=True)
class Ranking:
    """How many positives and negatives lie at or above each threshold.

    Attributes:
        thresholds: (k,) the distinct scores of the positives, from the highest to the lowest.
        found: (k,) positives at or above each threshold.
        false: (k,) negatives at or above it.
        false_above: (k,) negatives above it.
        overlap: (k,) the share of each defect that is found, summed over the defects; in pictures only.
        positives, negatives, regions: how many there are; the regions are 8-connected defects.
    """

    thresholds: Floats
    found: Ints
    false: Ints
    false_above: Ints
    overlap: Floats
    positives: int
    negatives: int
    regions: int

    @property
    def one_class(self) -> bool:
        """Whether there are only positives or only negatives, so that the metrics are undefined."""
        return not (self.positives and self.negatives)


def rank(samples: Samples) -> Ranking:
    """Count; goes through the samples twice. No samples are one class."""
    scores: list[Floats] = [np.empty(0, np.float32)]
    weights: list[Floats] = []
    regions = 0
    for truth, values in samples():
        scores.append(values[truth])
        if truth.ndim == 2:
            count, components = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
            found = components[truth]
            weights.append(1 / np.bincount(found, minlength=count)[found])
            regions += count - 1
    thresholds, which = np.unique(np.concatenate(scores), return_inverse=True)
    size = len(thresholds)
    at_or_above, above = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    negatives = 0
    for truth, values in samples():
        others = values[~truth & (values > -np.inf)]
        negatives += others.size
        at_or_above += np.bincount(np.searchsorted(thresholds, others, side="right"), minlength=size + 1)
        above += np.bincount(np.searchsorted(thresholds, others, side="left"), minlength=size + 1)
    shares = np.bincount(which, np.concatenate(weights), size) if regions else np.zeros(size)
    return Ranking(
        thresholds=thresholds[::-1],
        found=np.bincount(which, minlength=size)[::-1].cumsum(),
        false=at_or_above[:0:-1].cumsum(),
        false_above=above[:0:-1].cumsum(),
        overlap=shares[::-1].cumsum(),
        positives=which.size,
        negatives=negatives,
        regions=regions,
    )


def rank_scores(labels: Bools, scores: Floats) -> Ranking:
    """Of whole pictures: boolean (n,) and float (n,)."""
    return rank(lambda: [(labels, scores)])


def auroc(ranking: Ranking) -> float | None:
    """Area under the ROC curve; None where only one class is present."""
    if ranking.one_class:
        return None
    here = np.diff(ranking.found, prepend=0)
    beaten = ranking.negatives - (ranking.false + ranking.false_above) / 2  # ties count by half
    return 100 * float((here * beaten).sum() / (ranking.positives * ranking.negatives))


def average_precision(ranking: Ranking) -> float | None:
    """Area under the precision-recall curve as a sum of steps; None where only one class is present."""
    if ranking.one_class:
        return None
    here = np.diff(ranking.found, prepend=0)
    return 100 * float((here * ranking.found / (ranking.found + ranking.false)).sum() / ranking.positives)


def f1_max(ranking: Ranking) -> tuple[float, float] | tuple[None, None]:
    """The best F1 over all thresholds, and the threshold, at or above which a score counts; None with one class."""
    if ranking.one_class:
        return None, None
    f1 = 2 * ranking.found / (ranking.positives + ranking.found + ranking.false)
    best = int(f1.argmax())
    return 100 * float(f1[best]), float(ranking.thresholds[best])


def best_balanced_accuracy(ranking: Ranking) -> float | None:
    """The best balanced accuracy over all thresholds; None where only one class is present."""
    if ranking.one_class:
        return None
    return 50 * float((1 + ranking.found / ranking.positives - ranking.false / ranking.negatives).max())


def aupro(ranking: Ranking, limit: float = 0.3) -> float | None:
    """Area under the per-region overlap curve up to a false positive rate of `limit`, divided by it.

    Each 8-connected defect counts alike, whatever its size (Bergmann et al., 2021). None where there is no defect or no
    normal pixel.
    """
    if ranking.one_class or not ranking.regions:
        return None
    before = np.concatenate([[0.0], ranking.overlap[:-1]])
    # At each threshold the curve first goes right, over the negatives above it, then to its ties and what they find.
    rates = np.stack([ranking.false_above, ranking.false], axis=1).ravel() / ranking.negatives
    overlaps = np.stack([before, ranking.overlap], axis=1).ravel() / ranking.regions
    rates, overlaps = np.concatenate([[0.0], rates, [1.0]]), np.concatenate([[0.0], overlaps, [1.0]])
    inside = int(np.searchsorted(rates, limit, side="right"))
    ends = slice(inside - 1, inside + 1)
    at_limit = np.interp(limit, rates[ends], overlaps[ends])
    x, y = np.append(rates[:inside], limit), np.append(overlaps[:inside], at_limit)
    return 100 * float(np.trapezoid(y, x) / limit)


@dataclass(frozen=True)
class Confusion:
    """How verdicts agree with the ground truth; rates are per cent, None where there is only one class.

    Attributes:
        true_positives, false_positives, false_negatives, true_negatives: how many there are.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def one_class(self) -> bool:
        """Whether the ground truth holds only positives or only negatives."""
        return not (self.true_positives + self.false_negatives and self.false_positives + self.true_negatives)

    @property
    def recall(self) -> float | None:
        """The share of the positives that are called positive."""
        return None if self.one_class else 100 * self.true_positives / (self.true_positives + self.false_negatives)

    @property
    def false_positive_rate(self) -> float | None:
        """The share of the negatives that are called positive."""
        return None if self.one_class else 100 * self.false_positives / (self.false_positives + self.true_negatives)

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the shares of positives and of negatives that are called what they are."""
        if self.recall is None or self.false_positive_rate is None:
            return None
        return (self.recall + 100 - self.false_positive_rate) / 2

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        if self.one_class:
            return None
        return 200 * self.true_positives / (2 * self.true_positives + self.false_positives + self.false_negatives)


def confusion(verdicts: Iterable[tuple[Bools, Bools]]) -> Confusion:
    """Count pairs of ground truth and verdicts, of equal shape, over all of them."""
    counts = np.zeros(4, np.int64)
    for truth, verdict in verdicts:
        both, called, true = (np.count_nonzero(x) for x in (truth & verdict, verdict, truth))
        counts += (both, called - both, true - both, truth.size - called - true + both)
    return Confusion(*counts.tolist())


def hit_rate(samples: Samples) -> float | None:
    """The share of defects whose surroundings have their highest score within the defect's box.

    The surroundings reach as far beyond the box on each side as the box is wide and high. None without a defect.
    """
    hits = regions = 0
    for truth, scores in samples():
        _, _, boxes, _ = cv2.connectedComponentsWithStats(truth.astype(np.uint8), connectivity=8)
        for x, y, width, height, _ in boxes[1:]:
            top, left = max(y - height, 0), max(x - width, 0)
            around = scores[top : y + 2 * height, left : x + 2 * width]
            row, column = np.unravel_index(around.argmax(), around.shape)
            hits += y <= row + top < y + height and x <= column + left < x + width
            regions += 1
    return 100 * hits / regions if regions else None
