"""How errors are read: as Eq. 1 has them, in deviations from normal, or as the evidence that an ensemble adds."""

from __future__ import annotations

import numpy as np
import pytest

from maeday_core.detection.calibration import GRID, NORMAL, Calibration, perceptual_layer
from maeday_core.detection.reading import PLAIN, WEIGHTS, Reading
from maeday_core.detection.result import DEVIATIONS, EVIDENCE, SQUARED_ERROR

SIZE, MASKS = 64, 4


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 2, SIZE, SIZE), dtype=np.float32)


@pytest.fixture(scope="module")
def relative() -> Calibration:
    return Calibration.of(noise(3, 2), MASKS, relative=True)


@pytest.fixture(scope="module")
def plain() -> Calibration:
    return Calibration.of(noise(3, 2), MASKS, relative=False)


def test_the_unit_says_what_a_map_counts_in(relative: Calibration, plain: Calibration) -> None:
    for calibration, alone in ((None, SQUARED_ERROR), (plain, SQUARED_ERROR), (relative, DEVIATIONS)):
        assert Reading(calibration).unit == alone
        assert Reading(calibration, evidence=True).unit == EVIDENCE


def test_the_perceptual_error_is_computed_where_it_is_read(relative: Calibration, plain: Calibration) -> None:
    needed = {
        (name, evidence): [Reading(calibration, evidence).perceptual(large) for large in (False, True)]
        for name, calibration in (("none", None), ("plain", plain), ("relative", relative))
        for evidence in (False, True)
    }
    assert needed == {
        ("none", False): [False, False],
        ("none", True): [True, False],
        ("plain", False): [False, False],
        ("plain", True): [True, True],
        ("relative", False): [True, True],
        ("relative", True): [True, True],
    }


@pytest.mark.parametrize("large", [False, True])
def test_equation_1_is_left_as_it_is(plain: Calibration, large: bool) -> None:
    errors = noise(2, seed=1)
    for reading in (PLAIN, Reading(plain)):
        assert np.array_equal(reading.maps(errors, MASKS, large), errors[:, 0])
    assert np.array_equal(PLAIN.maps(errors[:, :1], MASKS, large), errors[:, 0])


def test_deviations_of_both_errors_are_averaged_geometrically(relative: Calibration) -> None:
    errors = 3 * noise(2, seed=1)
    squared, perceptual = np.stack([relative.deviations(one, MASKS) for one in errors], axis=1)
    expected = np.sqrt((squared + NORMAL.nearly_zero) * (perceptual + NORMAL.nearly_zero)) - NORMAL.nearly_zero
    np.testing.assert_allclose(Reading(relative).maps(errors, MASKS), expected, atol=1e-5)


def test_a_deviation_ten_times_as_large_is_not_ten_times_the_evidence(relative: Calibration) -> None:
    errors = 3 * noise(2, seed=1)
    deviations = np.stack([relative.deviations(one, MASKS) for one in errors])
    expected = WEIGHTS.deviations * np.log(1 + deviations).sum(axis=1)
    np.testing.assert_allclose(Reading(relative, evidence=True).maps(errors, MASKS), expected, atol=1e-6)


def test_without_good_parts_an_error_is_compared_with_a_visible_one() -> None:
    errors = noise(2, seed=1)
    smoothed = np.stack([perceptual_layer(one)[1] for one in errors])
    expected = WEIGHTS.error * np.log(1 + errors[:, 0] / WEIGHTS.visible) + WEIGHTS.perceptual * np.sqrt(smoothed)
    np.testing.assert_allclose(Reading(evidence=True).maps(errors, MASKS), expected, rtol=1e-5)


def test_in_a_large_picture_an_error_is_compared_with_what_is_usual_in_all_of_it() -> None:
    errors = noise(3, seed=1)[:, :1]
    errors[1] *= 5
    reading, usual = Reading(evidence=True), np.quantile(errors, WEIGHTS.ordinary)
    assert reading.usual(errors[:, 0], large=True) == pytest.approx(usual)
    assert reading.usual(errors[:, 0], large=False) == 0
    expected = WEIGHTS.error * np.log(1 + errors[:, 0] / usual)
    np.testing.assert_allclose(reading.maps(errors, MASKS, True, usual), expected, rtol=1e-5, atol=1e-7)
    calm = 1e-5 * errors
    expected = WEIGHTS.error * np.log(1 + calm[:, 0] / WEIGHTS.visible)
    found = reading.maps(calm, MASKS, True, reading.usual(calm[:, 0], large=True))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("evidence", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_good_parts_are_read_as_queries_are(plain: Calibration, evidence: bool, large: bool) -> None:
    """A query with the errors of the good parts has their maps."""
    flat = np.broadcast_to(np.float32([0.1, 0.04])[:, None, None], (2, 2, 2, SIZE, SIZE))
    reading = Reading(Calibration.of(flat, MASKS, relative=False), evidence, shots=2)
    assert reading.good is not None
    assert reading.good.left_out.shape == (2, GRID, GRID)
    assert reading.good.shots == 2
    query = reading.maps(flat[0], MASKS, large)
    np.testing.assert_allclose(query[:, :GRID, :GRID], reading.good.left_out, rtol=1e-5)
    ordinary = reading.ordinary(query[0])
    assert ordinary == reading.ordinary(9 * query[0]), "it rests on the good parts alone"
    assert ordinary.shots == 2


@pytest.mark.parametrize("evidence", [False, True])
def test_errors_of_nothing_are_nothing_and_a_number(relative: Calibration, plain: Calibration, evidence: bool) -> None:
    for calibration in (None, plain, relative):
        found = Reading(calibration, evidence).maps(np.zeros((1, 2, SIZE, SIZE), np.float32), MASKS)
        assert found.min() >= 0
        assert found.max() == pytest.approx(0, abs=1e-6)


def test_without_good_parts_the_picture_alone_decides() -> None:
    smooth, rough = (np.full((SIZE, SIZE), value, np.float32) for value in (1.2, 2.4))
    for evidence in (False, True):
        reading = Reading(evidence=evidence)
        assert reading.good is None
        assert 0 < reading.ordinary(smooth).limit(0.05) < reading.ordinary(rough).limit(0.05)
        assert reading.ordinary(smooth).shots == 0
