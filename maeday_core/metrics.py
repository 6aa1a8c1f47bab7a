"""How good a detector is: the metrics of the anomaly detection literature, in per cent."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from sklearn.metrics import precision_recall_curve, roc_auc_score


def auroc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve; None where only one class is present."""
    return None if labels.all() or not labels.any() else 100 * float(roc_auc_score(labels, scores))


def f1_max(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """The best F1 over all thresholds; None where only one class is present."""
    if labels.all() or not labels.any():
        return None
    precision, recall, _ = precision_recall_curve(labels, scores)
    return 100 * float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))


def aupro(masks: Sequence[np.ndarray], maps: Sequence[np.ndarray], limit: float = 0.3) -> float | None:
    """Area under the per-region overlap curve up to a false positive rate of `limit`, divided by it.

    Each 8-connected defect counts alike, whatever its size (Bergmann et al., 2021).

    Args:
        masks: boolean (H, W) each, True on defects.
        maps: float (H, W) each.

    Returns:
        Per cent; None where there is no defect or no normal pixel.
    """
    overlap, normal = [], []
    regions = 0
    for mask in masks:
        count, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        sizes = np.bincount(components.ravel(), minlength=count)
        overlap.append(np.where(components > 0, 1 / sizes[components], 0).ravel())
        normal.append(components.ravel() == 0)
        regions += count - 1
    is_normal = np.concatenate(normal)
    if not regions or not is_normal.any():
        return None
    scores = np.concatenate([m.ravel() for m in maps])
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    false_positive_rate = np.append(0, np.cumsum(is_normal[order])[last_of_ties] / is_normal.sum())
    mean_overlap = np.append(0, np.cumsum(np.concatenate(overlap)[order])[last_of_ties] / regions)
    end = np.searchsorted(false_positive_rate, limit)  # the first point at or beyond the limit
    (x0, x1), (y0, y1) = false_positive_rate[end - 1 : end + 1], mean_overlap[end - 1 : end + 1]
    at_limit = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
    x, y = np.append(false_positive_rate[:end], limit), np.append(mean_overlap[:end], at_limit)
    return 100 * float(np.trapezoid(y, x) / limit)
