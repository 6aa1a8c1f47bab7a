"""Calibration: errors of a query in deviations from the normal error, and the threshold that good parts give."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from maeday_core.detection.calibration import ALONE, NORMAL, Calibration


def noise(shots: int, copies: int, size: int = 64) -> np.ndarray:
    errors = np.random.default_rng(0).standard_normal((shots, copies, 2, size, size))
    return np.abs(errors).astype(np.float32)


def test_calibration_counts_in_deviations_from_the_normal_error() -> None:
    errors = noise(3, 2)
    calibration = Calibration.of(errors, 4, relative=True)
    usual, worse = calibration(errors[0, 0], 4), calibration(7 * errors[0, 0], 4)
    assert 0 < usual.mean() < 1
    assert worse.min() > usual.max()


def test_the_unit_of_the_error_does_not_matter() -> None:
    brighter, brightest = (Calibration.of(factor * noise(3, 2), 4, relative=True) for factor in (100, 400))
    assert brightest.threshold.value == pytest.approx(brighter.threshold.value, rel=0.01)


def test_the_threshold_is_the_highest_score_of_a_good_part() -> None:
    calibration = Calibration.of(noise(3, 2), 4, relative=True)
    assert calibration.shots == calibration.threshold.shots == 3
    assert len(calibration.scores) == 6
    assert calibration.threshold.value == max(calibration.scores)
    assert calibration.threshold.good_scores == calibration.scores


def test_the_threshold_of_a_single_good_part_has_a_margin() -> None:
    alone = Calibration.of(noise(1, 4), 4, relative=True)
    assert ALONE.factor > 1
    assert alone.threshold.value == ALONE.factor * max(alone.scores)
    assert alone.threshold.shots == 1


def test_a_calibration_that_is_not_relative_leaves_the_squared_error_as_it_is() -> None:
    errors = noise(3, 2)
    plain = Calibration.of(errors, 4, relative=False)
    assert max(plain.scores) == errors[:, :, 0].max()
    assert np.array_equal(plain(errors[1, 1], 4), errors[1, 1, 0])
    assert not plain.perceptual


def test_the_colour_part_leaves_the_perceptual_error_out() -> None:
    errors = noise(2, 2)
    both = Calibration.of(errors, 4, relative=True)
    colour = both.of_colour()
    assert both.perceptual
    assert not colour.perceptual
    assert colour.threshold.good_scores == both.colour_scores != both.scores
    found = colour(errors[0, 0, :1], 4)
    assert found.shape == (64, 64)
    assert not np.array_equal(found, both(errors[0, 0], 4))


def blurred(values: np.ndarray) -> np.ndarray:
    kernel = cv2.getGaussianKernel(2 * round(4 * NORMAL.blur) + 1, NORMAL.blur)
    return cv2.sepFilter2D(values.astype(np.float64), -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)


def rings(size: int) -> list[list[tuple[int, int]]]:
    """The places of each ring along the border; the last one is the whole inside."""
    found: dict[int, list[tuple[int, int]]] = {}
    for y, x in np.ndindex(size, size):
        ring = min(y, x, size - 1 - y, size - 1 - x) // NORMAL.ring
        found.setdefault(min(ring, NORMAL.rings), []).append((y, x))
    return list(found.values())


def slow_normal(values: np.ndarray, places: list[list[tuple[int, int]]]) -> np.ndarray:
    """Half a map as it is and half its mean over each ring, blurred."""
    halves = values / 2
    for ring in places:
        mean = sum(values[place] for place in ring) / len(ring)
        for place in ring:
            halves[place] += mean / 2
    return blurred(halves)


def slow_root(error: np.ndarray, scale: float) -> np.ndarray:
    """The root of a smoothed error, less the picture's own background."""
    root = np.sqrt(cv2.GaussianBlur(error, (0, 0), scale, borderType=cv2.BORDER_REFLECT_101))
    return root - NORMAL.background * np.median(root)


def slow_deviations(errors: np.ndarray, shot: int, copy: int) -> np.ndarray:
    """prod_s (max((r_s - mean_s) / deviation_s, 0) + 0.05) ^ share_s - 0.05, blurred: one copy among all the others."""
    shots, copies, _, size, _ = errors.shape
    places = rings(size)
    assert len(places) == NORMAL.rings + 1
    layers = [(scale, 0, NORMAL.least, 1 / (2 * len(NORMAL.scales))) for scale in NORMAL.scales]
    product = np.ones((size, size))
    for scale, which, least, share in [*layers, (NORMAL.perceptual_scale, 1, NORMAL.least_perceptual, 1 / 2)]:
        roots = [[slow_root(both[which], scale) for both in one] for one in errors]
        mean = slow_normal(sum(sum(one) for one in roots) / (shots * copies), places)
        variance = np.zeros((size, size))
        for one in roots:
            own = slow_normal(sum(one) / copies, places)
            variance += sum((root - own) ** 2 for root in one) / (shots * copies)
        deviation = np.sqrt(slow_normal(variance, places) + least**2)
        product *= (np.maximum((roots[shot][copy] - mean) / deviation, 0) + NORMAL.nearly_zero) ** share
    return blurred(product - NORMAL.nearly_zero)


def test_calibration_against_a_slow_loop() -> None:
    errors = noise(2, 3, size=128)
    errors[1] *= 2
    found = Calibration.of(errors, 8, relative=True)(errors[1, 1], 8)
    np.testing.assert_allclose(found, slow_deviations(errors, 1, 1), rtol=5e-3, atol=5e-3)


def test_with_fewer_masks_than_the_calibration_has_an_error_counts_less() -> None:
    errors = noise(1, 4)
    calibration = Calibration.of(errors, 16, relative=True)
    worse = 1000 * errors[0, 0]
    np.testing.assert_allclose(calibration(worse, 4).max(), calibration(worse, 16).max() / 2, rtol=0.01)
    assert np.array_equal(calibration(errors[0, 0], 64), calibration(errors[0, 0], 16))


def test_each_shot_is_scored_by_the_others() -> None:
    errors = noise(4, 2)
    errors[1] *= 9
    scores = np.reshape(Calibration.of(errors, 4, relative=True).scores, (4, 2))
    assert scores[1].min() > 2 * scores[[0, 2, 3]].max()


def test_where_good_parts_have_large_errors_an_error_counts_less() -> None:
    errors = 0.1 * noise(2, 2)
    errors[..., 32:] *= 5
    calibrated = Calibration.of(errors, 4, relative=True)(np.ones((2, 64, 64), dtype=np.float32), 4)
    assert calibrated[32, 4] > 1.2 * calibrated[32, 60]


def test_large_errors_at_one_border_lower_those_at_another() -> None:
    errors = 0.1 * noise(2, 2, size=112)
    errors[..., : NORMAL.ring] *= 5
    calibrated = Calibration.of(errors, 4, relative=True)(np.ones((2, 112, 112), dtype=np.float32), 4)
    left, right, inside = calibrated[56, 1], calibrated[56, 110], calibrated[56, 56]
    assert left < 0.9 * right < 0.8 * inside
