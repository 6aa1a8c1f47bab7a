"""Metrics agree with scikit-learn and with a slow loop."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from maeday_core.evaluation.metrics import aupro, auroc, average_precision, f1_max, hit_rate, rank, rank_scores


def slow_aupro(masks, maps, limit: float = 0.3) -> float | None:
    """Bergmann et al.'s procedure: at every threshold the mean overlap over the regions, then the trapezoids."""
    regions, normal = [], []
    for index, mask in enumerate(masks):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
        regions += [(index, labels == i) for i in range(1, count)]
        normal.append(~mask)
    total_normal = sum(n.sum() for n in normal)
    if not regions or not total_normal:
        return None
    points = [(0.0, 0.0)]
    for threshold in sorted(set(np.concatenate([m.ravel() for m in maps])), reverse=True):
        above = [m >= threshold for m in maps]
        rate = sum((a & n).sum() for a, n in zip(above, normal, strict=True)) / total_normal
        overlap = np.mean([above[i][region].mean() for i, region in regions])
        points.append((rate, overlap))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 >= limit:
            break
        if x1 > limit:
            y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
            x1 = limit
        area += (x1 - x0) * (y0 + y1) / 2
    return 100 * area / limit


def pictures(masks, maps):
    return rank(lambda: zip(masks, maps, strict=True))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([2, 5, 1000]), density=st.sampled_from([0.0, 0.1, 0.6, 1.0]))
def test_aupro_agrees_with_a_slow_loop(seed, levels, density):
    rng = np.random.default_rng(seed)
    masks = [rng.random((9, 7)) < density for _ in range(3)]
    masks[0][:] = False
    maps = [(rng.integers(0, levels, (9, 7)) / levels + 0.3 * mask).astype(np.float32) for mask in masks]
    fast, slow = aupro(pictures(masks, maps)), slow_aupro(masks, maps)
    assert fast == slow if slow is None else fast == pytest.approx(slow, abs=1e-6)


def test_aupro_of_a_perfect_map_is_100():
    mask = np.zeros((20, 20), bool)
    mask[3:6, 3:6] = mask[10:12, 10:15] = True
    assert aupro(pictures([mask], [mask.astype(float)])) == pytest.approx(100)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.sampled_from([1, 3, 1000]),
    share=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    flat=st.booleans(),
)
def test_the_others_agree_with_scikit_learn(seed, levels, share, flat):
    """Of pictures together and of scores alike; with ties, without positives, without negatives."""
    rng = np.random.default_rng(seed)
    truth = rng.random((4, 6, 5)) < share
    scores = (rng.integers(0, levels, truth.shape) / levels).astype(np.float32)
    ranking = rank_scores(truth.ravel(), scores.ravel()) if flat else pictures(truth, scores)
    labels, scores = truth.ravel(), scores.ravel()
    if labels.all() or not labels.any():
        assert auroc(ranking) is None
        assert average_precision(ranking) is None
        assert f1_max(ranking) == (None, None)
        return
    assert auroc(ranking) == pytest.approx(100 * roc_auc_score(labels, scores), abs=1e-6)
    assert average_precision(ranking) == pytest.approx(100 * average_precision_score(labels, scores), abs=1e-6)
    best, threshold = f1_max(ranking)
    expected = max(f1_score(labels, scores >= t, zero_division=0) for t in np.unique(scores))
    assert best == pytest.approx(100 * expected, abs=1e-6)
    assert f1_score(labels, scores >= np.float32(threshold)) == pytest.approx(expected)


def test_a_hit_is_a_peak_of_its_surroundings_inside_the_box():
    truth, scores = np.zeros((40, 40), bool), np.zeros((40, 40))
    truth[10:14, 10:14] = truth[30:34, 30:34] = True
    scores[11, 12], scores[0, 0] = 0.5, 9.0  # what lies far away does not matter
    scores[35, 35], scores[31, 31] = 0.6, 0.5  # just outside the second box
    assert hit_rate(lambda: [(truth, scores)]) == 50
    assert hit_rate(lambda: [(np.zeros_like(truth), scores)]) is None
    scores[30, 33] = 0.7
    assert hit_rate(lambda: [(truth, scores), (np.zeros_like(truth), scores)]) == 100
