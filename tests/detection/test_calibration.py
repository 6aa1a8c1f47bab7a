"""Calibration: errors of a query in deviations from the normal error, and the maps of the good parts themselves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from maeday_core.detection.calibration import GRID, NORMAL, Calibration
from maeday_core.io.images import resize_map


def noise(shots: int, copies: int, size: int = 64) -> np.ndarray:
    errors = np.random.default_rng(0).standard_normal((shots, copies, 2, size, size))
    return np.abs(errors).astype(np.float32)


def test_calibration_counts_in_deviations_from_the_normal_error() -> None:
    errors = noise(3, 2)
    calibration = Calibration.of(errors, 4, relative=True)
    usual, worse = calibration.deviations(errors[0, 0], 4), calibration.deviations(7 * errors[0, 0], 4)
    assert usual.shape == (2, 64, 64)
    for one, other in zip(usual, worse, strict=True):
        assert 0 < one.mean() < 1.5
        assert other.min() > one.max()


def test_the_unit_of_the_error_does_not_matter() -> None:
    brighter, brightest = (Calibration.of(factor * noise(3, 2), 4, relative=True) for factor in (100, 400))
    np.testing.assert_allclose(brightest.judged, brighter.judged, rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize(("shots", "copies", "maps"), [(3, 2, 3), (1, 4, 4)])
def test_there_is_a_map_of_each_good_part_or_of_each_copy_of_a_single_one(shots, copies, maps, relative) -> None:
    calibration = Calibration.of(noise(shots, copies), 4, relative)
    assert calibration.shots == shots
    assert calibration.judged.shape == (maps, 2, GRID, GRID)
    assert calibration.judged.dtype == np.float32


def test_a_calibration_that_is_not_relative_leaves_the_errors_as_they_are() -> None:
    errors = noise(3, 2)
    plain = Calibration.of(errors, 4, relative=False)
    expected = [resize_map(one, GRID, GRID) for one in errors[:, :, 0].mean(axis=1)]
    np.testing.assert_allclose(plain.judged[:, 0], expected, rtol=1e-5)


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
    """One copy among all the others, z_s = max((r_s - mean_s) / deviation_s, 0): of the squared error
    prod_s (z_s + 0.05) ^ (1 / 4) - 0.05, and z of the perceptual one; blurred."""
    shots, copies, _, size, _ = errors.shape
    places = rings(size)
    assert len(places) == NORMAL.rings + 1
    layers = [(scale, 0, NORMAL.least) for scale in NORMAL.scales]
    found = []
    for scale, which, least in [*layers, (NORMAL.perceptual_scale, 1, NORMAL.least_perceptual)]:
        roots = [[slow_root(both[which], scale) for both in one] for one in errors]
        mean = slow_normal(sum(sum(one) for one in roots) / (shots * copies), places)
        variance = np.zeros((size, size))
        for one in roots:
            own = slow_normal(sum(one) / copies, places)
            variance += sum((root - own) ** 2 for root in one) / (shots * copies)
        deviation = np.sqrt(slow_normal(variance, places) + least**2)
        found.append(np.maximum((roots[shot][copy] - mean) / deviation, 0))
    squared = np.ones((size, size))
    for one in found[:-1]:
        squared *= (one + NORMAL.nearly_zero) ** (1 / len(NORMAL.scales))
    return np.stack([blurred(squared - NORMAL.nearly_zero), blurred(found[-1])])


def test_calibration_against_a_slow_loop() -> None:
    errors = noise(2, 3, size=128)
    errors[1] *= 2
    found = Calibration.of(errors, 8, relative=True).deviations(errors[1, 1], 8)
    np.testing.assert_allclose(found, slow_deviations(errors, 1, 1), rtol=5e-3, atol=5e-3)


def test_with_fewer_masks_than_the_calibration_has_an_error_counts_less() -> None:
    errors = noise(1, 4)
    calibration = Calibration.of(errors, 16, relative=True)
    worse = 1000 * errors[0, 0]
    few, as_many = calibration.deviations(worse, 4), calibration.deviations(worse, 16)
    np.testing.assert_allclose(few.max(axis=(1, 2)), as_many.max(axis=(1, 2)) / 2, rtol=0.01)
    assert np.array_equal(calibration.deviations(errors[0, 0], 64), calibration.deviations(errors[0, 0], 16))


def test_each_shot_is_judged_by_the_others() -> None:
    errors = noise(4, 2)
    errors[1] *= 9
    highest = Calibration.of(errors, 4, relative=True).judged.max(axis=(2, 3))
    assert (highest[1] > 2 * highest[[0, 2, 3]].max(axis=0)).all()


def test_where_good_parts_have_large_errors_an_error_counts_less() -> None:
    errors = 0.1 * noise(2, 2)
    errors[..., 32:] *= 5
    calibration = Calibration.of(errors, 4, relative=True)
    calibrated, _ = calibration.deviations(np.ones((2, 64, 64), dtype=np.float32), 4)
    assert calibrated[32, 4] > 1.2 * calibrated[32, 60]


def test_large_errors_at_one_border_lower_those_at_another() -> None:
    errors = 0.1 * noise(2, 2, size=112)
    errors[..., : NORMAL.ring] *= 5
    calibration = Calibration.of(errors, 4, relative=True)
    calibrated, _ = calibration.deviations(np.ones((2, 112, 112), dtype=np.float32), 4)
    left, right, inside = calibrated[56, 1], calibrated[56, 110], calibrated[56, 56]
    assert left < 0.9 * right < 0.8 * inside
