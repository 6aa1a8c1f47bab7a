"""Sums of methods: the ensemble adds evidence on one scale, the raw sum adds maps, two PatchCores are averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.result import (
    DEVIATIONS,
    DISTANCE,
    SQUARED_ERROR,
    Detection,
    Matches,
    Provenance,
    Threshold,
    Unit,
)
from maeday_core.detection.windows import Tiling
from maeday_core.methods import (
    ENSEMBLE,
    ENSEMBLE_RAW,
    MAEDAY,
    PATCHCORE,
    TWO_PATCHCORES,
    Reference,
    Tools,
    detect,
    detector,
    learn,
)
from maeday_core.methods.ensemble import EVIDENCE, RATES, RAW_SUM, ZERO_SHOT, shares
from maeday_core.methods.maeday import Maeday
from tests.conftest import part

pytestmark = pytest.mark.usefixtures("small_banks")


def result(error_map: np.ndarray, unit: Unit, threshold: float = 0.5, shots: int = 0, **made_by) -> Detection:
    error_map = error_map.astype(np.float32)
    seen = Matches(np.zeros((*error_map.shape, 3), np.uint8), error_map, np.zeros(error_map.shape, np.int64))
    source = Provenance("patchcore" if unit is DISTANCE else "maeday", shots, **made_by)
    return Detection(float(error_map.max()), error_map, unit, Threshold(threshold, shots=shots), 0.1, source, seen)


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((20, 30)), rng.random((20, 30))


@pytest.mark.parametrize("unit", [SQUARED_ERROR, DEVIATIONS], ids=["squared error", "deviations"])
def test_a_distance_and_the_logarithm_of_an_error_are_added(maps, unit: Unit) -> None:
    error, distance = maps
    both = ENSEMBLE.add([result(error, unit), result(distance, DISTANCE, threshold=0.7, shots=2)])
    expected = distance + RATES[unit].weight * np.log(1 + error / RATES[unit].normal)
    assert np.allclose(both.error_map, expected, atol=1e-5)
    assert both.error_map.dtype == np.float32
    assert both.image_score == pytest.approx(expected.max(), abs=1e-5)
    assert both.threshold.value == pytest.approx(
        0.7 + RATES[unit].weight * np.log(1 + 0.5 / RATES[unit].normal), abs=1e-5
    )
    assert both.threshold.shots == 2
    assert both.unit == EVIDENCE
    assert both.seconds == pytest.approx(0.2)
    assert [one.unit for one in both.parts] == [unit, DISTANCE]


def test_through_windows_an_error_is_compared_with_the_median_one(maps) -> None:
    error, distance = maps
    windows = Tiling.of((300, 1000), "on", 64)
    both = ENSEMBLE.add([result(error, SQUARED_ERROR, windows=windows), result(distance, DISTANCE)])
    normal = ZERO_SHOT.typical * np.median(error)
    assert normal > RATES[SQUARED_ERROR].normal
    expected = distance + RATES[SQUARED_ERROR].weight * np.log(1 + error / normal)
    assert np.allclose(both.error_map, expected, atol=1e-5)
    assert both.made_by.windows == windows


@pytest.mark.parametrize("windows", [None, Tiling.of((300, 1000), "on", 64)], ids=["whole", "windows"])
def test_without_good_parts_the_threshold_is_a_guess(maps, windows: Tiling | None) -> None:
    both = ENSEMBLE.add([result(maps[0], SQUARED_ERROR, windows=windows), result(maps[1], DISTANCE)])
    level = ZERO_SHOT.level_windows if windows else ZERO_SHOT.level
    expected = (level + np.quantile(both.error_map, 0.95) + ZERO_SHOT.step) / 2
    assert both.threshold.value == pytest.approx(expected, abs=1e-5)
    assert both.threshold.shots == 0


def test_the_raw_sum_is_the_papers(maps) -> None:
    error, distance = maps
    both = ENSEMBLE_RAW.add([result(error, SQUARED_ERROR, 0.5), result(distance, DISTANCE, 0.7)])
    assert np.allclose(both.error_map, error + distance, atol=1e-6)
    assert both.threshold.value == pytest.approx(1.2)
    assert both.unit == RAW_SUM
    assert both.made_by.method == "ensemble-raw"


def test_the_raw_sum_is_not_calibrated(tools: Tools, reference: Reference) -> None:
    raw = detect(ENSEMBLE_RAW, tools, part(2), reference)
    assert [one.unit for one in raw.parts] == [SQUARED_ERROR, DISTANCE]
    assert np.array_equal(raw.error_map, raw.parts[0].error_map + raw.parts[1].error_map)


def test_the_shares_say_which_map_made_the_peak() -> None:
    flat, peaked = np.full((9, 9), 0.4), np.full((9, 9), 0.4)
    peaked[4, 4] = 1.0
    for one, other, expected in ((flat, peaked, [0, 1]), (peaked, flat, [1, 0]), (flat, flat, [0.5, 0.5])):
        for method in (ENSEMBLE, ENSEMBLE_RAW):
            assert shares(method.add([result(one, SQUARED_ERROR), result(other, DISTANCE)])) == expected


def test_two_patchcores_are_averaged(maps) -> None:
    both = TWO_PATCHCORES.add([result(maps[0], DISTANCE, 0.4, shots=2), result(maps[1], DISTANCE, 0.6, shots=2)])
    assert np.allclose(both.error_map, (maps[0] + maps[1]) / 2)
    assert both.threshold == Threshold(0.5, shots=2)
    assert both.unit == DISTANCE


def test_two_patchcores_are_one_with_two_seeds(tools: Tools, good) -> None:
    both = detect(TWO_PATCHCORES, tools, part(2, True), learn(TWO_PATCHCORES, tools, good))
    assert [(one.made_by.method, one.made_by.seed) for one in both.parts] == [("patchcore", 1), ("patchcore", 2)]
    for one in both.parts:
        own = tools.with_settings(seed=one.made_by.seed)
        alone = detect(PATCHCORE, own, part(2, True), learn(PATCHCORE, own, good))
        assert np.array_equal(one.error_map, alone.error_map)
        assert one.made_by == alone.made_by


def test_with_good_parts_the_ensemble_adds_deviations_of_colour_alone(tools: Tools, reference: Reference) -> None:
    query, calibration = part(2, True), reference.learned["maeday"].calibration
    whole, alone = (detect(method, tools, query, reference) for method in (ENSEMBLE, MAEDAY))
    by_hand = detect(Maeday("colour"), tools, query, reference)
    assert np.array_equal(whole.parts[0].error_map, by_hand.error_map)
    assert whole.parts[0].threshold.good_scores == calibration.colour_scores
    assert not np.array_equal(alone.error_map, by_hand.error_map)
    assert alone.threshold.good_scores == calibration.scores != calibration.colour_scores


def test_without_good_parts_the_ensemble_is_maeday_and_self_reference(tools: Tools) -> None:
    *partial, whole = detector(ENSEMBLE, replace(tools, partial=True))(part(0))
    assert [one.made_by.method for one in whole.parts] == ["maeday", "self"]
    assert whole.complete
    assert [one.complete for one in partial] == [False]
    assert whole.unit == EVIDENCE


def test_the_record_of_a_sum_has_what_its_parts_depend_on(tools: Tools, reference: Reference) -> None:
    made_by = detect(ENSEMBLE, tools, part(2), reference).made_by
    assert (made_by.method, made_by.masks, made_by.backbone, made_by.shots) == ("ensemble", 3, "lite0", 2)
    assert made_by.adapter == "default, 2 shots, 2 steps, seed 1"
    assert made_by.record()["windows"] is None
