"""Metrics agree with scikit-learn and with a slow loop."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, recall_score, roc_auc_score

from maeday_core.evaluation.category import Sample
from maeday_core.evaluation.measure import measure
from maeday_core.evaluation.metrics import (
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
from maeday_core.evaluation.records import METRICS, Score


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


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.1, 0.5, 1.0]), called=st.sampled_from([0.0, 0.4, 1.0])
)
def test_verdicts_agree_with_scikit_learn(seed, share, called):
    """Over several pictures together; without positives, without negatives, without any verdict of either kind."""
    rng = np.random.default_rng(seed)
    truth, verdict = rng.random((3, 5, 4)) < share, rng.random((3, 5, 4)) < called
    found = confusion(zip(truth, verdict, strict=True))
    labels, verdicts = truth.ravel(), verdict.ravel()
    if labels.all() or not labels.any():
        assert (found.balanced_accuracy, found.recall, found.false_positive_rate, found.f1) == (None,) * 4
        return
    assert found.balanced_accuracy == pytest.approx(100 * balanced_accuracy_score(labels, verdicts))
    assert found.recall == pytest.approx(100 * recall_score(labels, verdicts))
    assert found.false_positive_rate == pytest.approx(100 * verdicts[~labels].mean())
    assert found.f1 == pytest.approx(100 * f1_score(labels, verdicts))


def scored(folder: Path, maps, truths, thresholds):
    """Samples with their ground truth, and their scores with maps, as an evaluation leaves them."""
    samples, scores = [], []
    for i, (error_map, truth, threshold) in enumerate(zip(maps, truths, thresholds, strict=True)):
        mask = folder / f"{i}_mask.png" if truth.any() else None
        if mask:
            Image.fromarray(truth.astype(np.uint8) * 255).save(mask)
        np.save(folder / f"{i}.npy", error_map)
        samples.append(Sample(folder / f"{i}.png", "spot" if mask else "good", mask))
        facts = {"run": "x", "category": "c", "method": "maeday", "shots": 0, "seed": 0, "mask": None, "defect": "spot"}
        facts |= {"path": str(samples[-1].path), "map": f"{i}.npy", "seconds": 0.1, "learn_seconds": None}
        facts |= {"threshold": threshold, "look": threshold / 2, "alone": 2 * threshold, "alike": 0.04, "least": 0.0}
        peak = float(error_map.max())
        scores.append(Score(**facts, image_score=peak, judged_score=peak, judged_map=f"{i}.npy"))
    return samples, scores


def test_verdicts_and_outlines_are_at_the_threshold_of_each_picture(tmp_path):
    rng = np.random.default_rng(0)
    maps, truths = rng.random((8, 9, 11)).astype(np.float32), np.zeros((8, 9, 11), bool)
    truths[3:, 2:6, 3:7] = True
    scores = maps.max(axis=(1, 2))
    thresholds = np.where(np.arange(8) % 2 == 0, scores + 0.1, scores / 2).tolist()  # those of odd number are above
    thresholds[5] = float(scores[5])  # not above
    samples, kept = scored(tmp_path, maps, truths, thresholds)
    low = float(scores[7] / 3)  # not the highest value of its map, as of a sum
    kept[7] = replace(kept[7], image_score=low, judged_score=low)
    for calm in (2, 6):
        kept[calm] = replace(kept[calm], look=kept[calm].threshold)
    scores = np.array([score.image_score for score in kept])
    found = measure(samples, kept, tmp_path)
    labels, verdicts = truths.any(axis=(1, 2)), scores > thresholds
    assert verdicts.tolist() == [False, True, False, True, False, False, False, False]
    assert found.balanced_accuracy == pytest.approx(100 * balanced_accuracy_score(labels, verdicts))
    assert (found.false_alarms, found.hits) == pytest.approx((100 / 3, 100 / 5))
    alone = scores > 2 * np.array(thresholds)
    assert found.balanced_accuracy_alone == pytest.approx(100 * balanced_accuracy_score(labels, alone))
    assert (found.false_alarms_alone, found.hits_alone) == pytest.approx(
        (100 * alone[~labels].mean(), 100 * alone[labels].mean())
    )
    assert (found.good_looks, found.defective_looks) == pytest.approx((100 / 3, 100 * 3 / 5))
    above = (maps > np.array(thresholds, np.float32)[:, None, None]) & verdicts[:, None, None]
    assert found.outline_f1 == pytest.approx(100 * f1_score(truths.ravel(), above.ravel()))
    best = max(balanced_accuracy_score(labels, scores > threshold) for threshold in scores)
    assert found.best_balanced_accuracy == pytest.approx(100 * best)
    best = max(f1_score(truths.ravel(), maps.ravel() > limit, zero_division=0) for limit in np.unique(maps))
    assert found.best_outline_f1 == pytest.approx(100 * best)
    assert found.pixel_auroc == pytest.approx(100 * roc_auc_score(truths.ravel(), maps.ravel()))


def test_metrics_without_ground_truth_or_with_one_class_are_none(tmp_path):
    maps, truths = np.random.default_rng(0).random((4, 6, 6)).astype(np.float32), np.zeros((4, 6, 6), bool)
    truths[2:, 1:3, 1:3] = True
    samples, kept = scored(tmp_path, maps, truths, [0.5] * 4)
    of_pixels = {"pixel_auroc", "pixel_ap", "aupro", "hit_rate", "outline_f1", "best_outline_f1"}
    of_images = set(METRICS) - of_pixels

    def known(metrics):
        return {name for name, value in vars(metrics).items() if value is not None}

    assert known(measure(samples, kept, tmp_path)) == of_images | of_pixels
    assert known(measure(samples[:2], kept[:2], tmp_path)) == set()
    assert known(measure(samples[2:], kept[2:], tmp_path)) == of_pixels
    unmasked = [Sample(sample.path, sample.defect, None) for sample in samples]
    assert known(measure(unmasked, kept, tmp_path)) == of_images


def test_aupro_of_a_perfect_map_is_100():
    mask = np.zeros((20, 20), bool)
    mask[3:6, 3:6] = mask[10:12, 10:15] = True
    assert aupro(pictures([mask], [mask.astype(float)])) == pytest.approx(100)


@settings(max_examples=60, deadline=None)
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
        assert best_balanced_accuracy(ranking) is None
        return
    assert auroc(ranking) == pytest.approx(100 * roc_auc_score(labels, scores), abs=1e-6)
    assert average_precision(ranking) == pytest.approx(100 * average_precision_score(labels, scores), abs=1e-6)
    best, threshold = f1_max(ranking)
    expected = max(f1_score(labels, scores >= t, zero_division=0) for t in np.unique(scores))
    assert best == pytest.approx(100 * expected, abs=1e-6)
    assert f1_score(labels, scores >= np.float32(threshold)) == pytest.approx(expected)
    expected = max(balanced_accuracy_score(labels, scores > t) for t in [-1, *np.unique(scores)])
    assert best_balanced_accuracy(ranking) == pytest.approx(100 * expected, abs=1e-6)


def test_a_hit_is_a_peak_of_its_surroundings_inside_the_box():
    truth, scores = np.zeros((40, 40), bool), np.zeros((40, 40))
    truth[10:14, 10:14] = truth[30:34, 30:34] = True
    scores[11, 12], scores[0, 0] = 0.5, 9.0  # what lies far away does not matter
    scores[35, 35], scores[31, 31] = 0.6, 0.5  # just outside the second box
    assert hit_rate(lambda: [(truth, scores)]) == 50
    assert hit_rate(lambda: [(np.zeros_like(truth), scores)]) is None
    scores[30, 33] = 0.7
    assert hit_rate(lambda: [(truth, scores), (np.zeros_like(truth), scores)]) == 100


def test_a_negative_without_a_score_does_not_count():
    rng = np.random.default_rng(0)
    truth, scores, ignored = rng.random((20, 30)) > 0.8, rng.random((20, 30)), rng.random((20, 30)) > 0.5
    truth &= ~ignored
    left_out = rank(lambda: [(truth, np.where(ignored, -np.inf, scores))])
    rest = rank(lambda: [(truth[~ignored], scores[~ignored])])
    assert (left_out.positives, left_out.negatives) == (rest.positives, rest.negatives)
    assert auroc(left_out) == auroc(rest) != auroc(rank(lambda: [(truth, scores)]))
    assert average_precision(left_out) == average_precision(rest)
