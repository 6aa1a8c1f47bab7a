"""Sums of methods: the ensemble adds evidence on one scale, the raw sum adds maps, two PatchCores are averaged."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.decision import (
    RULE,
    GoodParts,
    Ordinary,
    Verdict,
    away_from_border,
    from_good_parts,
    from_picture,
    image_score,
)
from maeday_core.detection.reading import EVIDENCE_ALONE, EVIDENCE_ALONE_LARGE
from maeday_core.detection.result import (
    DEVIATIONS,
    DISTANCE,
    EVIDENCE,
    SQUARED_ERROR,
    Detection,
    Matches,
    Provenance,
    Unit,
)
from maeday_core.detection.settings import Settings
from maeday_core.methods import (
    ENSEMBLE,
    ENSEMBLE_RAW,
    MAEDAY,
    PATCHCORE,
    SELF_REFERENCE,
    TWO_PATCHCORES,
    Reference,
    Tools,
    detect,
    detector,
    learn,
)
from maeday_core.methods.ensemble import RATES, RAW_SUM, shares
from maeday_core.methods.maeday import Maeday
from tests.conftest import part
from tests.methods.checks import FEW

pytestmark = pytest.mark.usefixtures("small_banks")


def result(error_map: np.ndarray, unit: Unit, level: float = 0.5, shots: int = 0, **made_by) -> Detection:
    error_map = error_map.astype(np.float32)
    seen = Matches(np.zeros((*error_map.shape, 3), np.uint8), error_map, np.zeros(error_map.shape, np.int64))
    source = Provenance("patchcore" if unit is DISTANCE else "maeday", shots, **made_by)
    threshold = Ordinary(level, 0.1, 0.1, "", shots).threshold()
    return Detection(float(error_map.max()), error_map, unit, threshold, 0.1, source, seen)


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((20, 30)), rng.random((20, 30))


def good_parts(shots: int, seed: int, mirrored: bool = False) -> GoodParts:
    left_out = np.random.default_rng(seed).random((max(shots, 2), 56, 56), dtype=np.float32)
    return GoodParts(left_out, shots, left_out[:1] / 2 if mirrored else None)


def test_the_evidence_of_both_is_added(maps) -> None:
    both = ENSEMBLE.add([result(maps[0], EVIDENCE), result(maps[1], DISTANCE)])
    assert np.allclose(both.error_map, maps[0] + maps[1], atol=1e-6)
    assert both.error_map.dtype == np.float32
    assert both.image_score == image_score(away_from_border(both.error_map)) < both.error_map.max()
    assert both.unit == EVIDENCE
    assert both.seconds == pytest.approx(0.2)
    assert [one.unit for one in both.parts] == [EVIDENCE, DISTANCE]


@pytest.mark.parametrize("shots", [1, 3])
def test_with_good_parts_their_maps_are_added_as_the_query_s_are(maps, shots: int) -> None:
    one, other = good_parts(shots, 1), good_parts(shots, 2, mirrored=True)
    both = ENSEMBLE.add(
        [
            replace(result(maps[0], EVIDENCE, shots=shots), good=one),
            replace(result(maps[1], DISTANCE, shots=shots), good=other),
        ]
    )
    assert both.threshold == from_good_parts(one.plus(other), RATES, RULE.peak).threshold(both.threshold.alarm_rate)
    assert both.threshold.shots == shots
    assert both.image_score == image_score(both.error_map), "good parts tell what is normal at the border"


def test_without_good_parts_the_sum_alone_decides(maps) -> None:
    both = ENSEMBLE.add([result(maps[0], EVIDENCE), result(maps[1], DISTANCE)])
    assert both.threshold == from_picture(away_from_border(both.error_map), EVIDENCE_ALONE).threshold()
    assert both.threshold.shots == 0


def test_a_large_picture_counts_all_over() -> None:
    one = np.random.default_rng(0).random((1100, 1200), dtype=np.float32)
    both = ENSEMBLE.add([result(one, EVIDENCE), result(one, DISTANCE)])
    assert both.image_score == image_score(both.error_map)
    assert both.threshold == from_picture(both.error_map, EVIDENCE_ALONE_LARGE).threshold()


def test_the_raw_sum_is_the_papers(maps) -> None:
    error, distance = maps
    both = ENSEMBLE_RAW.add([result(error, SQUARED_ERROR, 0.5), result(distance, DISTANCE, 0.7)])
    assert np.allclose(both.error_map, error + distance, atol=1e-6)
    assert both.image_score == both.error_map.max()
    assert both.threshold.ordinary.level == pytest.approx(1.2)
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
    assert both.image_score == both.error_map.max()
    assert both.threshold.ordinary.level == pytest.approx(0.5)
    assert both.threshold.shots == 2
    assert both.unit == DISTANCE


def test_two_patchcores_are_one_with_two_seeds(tools: Tools, good) -> None:
    both = detect(TWO_PATCHCORES, tools, part(2, True), learn(TWO_PATCHCORES, tools, good))
    assert [(one.made_by.method, one.made_by.seed) for one in both.parts] == [("patchcore", 1), ("patchcore", 2)]
    for one in both.parts:
        own = tools.with_settings(seed=one.made_by.seed)
        alone = detect(PATCHCORE, own, part(2, True), learn(PATCHCORE, own, good))
        assert np.array_equal(one.error_map, alone.error_map)
        assert one.made_by == alone.made_by


def test_with_good_parts_the_ensemble_adds_what_maeday_gives_as_evidence(tools: Tools, reference: Reference) -> None:
    query = part(2, True)
    whole, alone = (detect(method, tools, query, reference) for method in (ENSEMBLE, MAEDAY))
    by_hand = detect(Maeday("evidence"), tools, query, reference)
    assert np.array_equal(whole.parts[0].error_map, by_hand.error_map)
    assert whole.parts[0].unit == EVIDENCE
    assert alone.unit == DEVIATIONS


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("preset", ["default", "paper", "full", "calibrate"])
def test_a_defect_is_told_from_a_good_part_by_every_preset(tiny_model, preset: str, count: int) -> None:
    tools = Tools.of(tiny_model, FEW, preset=preset, steps=0)
    judge = detector(ENSEMBLE, tools, learn(ENSEMBLE, tools, [part(seed) for seed in range(count)]))
    (good,), (bad,) = (judge(part(5, defect)) for defect in (False, True))
    assert 0 < good.threshold.value < math.inf
    assert bad.verdict is Verdict.ANOMALOUS
    assert good.verdict is not Verdict.ANOMALOUS


@pytest.mark.parametrize("count", [4, 8])
def test_one_photo_given_several_times_is_one_photo(tiny_model, count: int) -> None:
    tools = Tools.of(tiny_model, FEW, preset="calibrate")
    once, often = (detect(ENSEMBLE, tools, part(5), learn(ENSEMBLE, tools, [part(0)] * n)) for n in (1, count))
    assert once.threshold.shots == often.threshold.shots == 1
    assert often.threshold.value == pytest.approx(once.threshold.value, rel=0.1)
    assert often.made_by.shots == count


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("preset", ["calibrate", "paper"])
def test_through_windows_good_parts_give_a_limit_too(tiny_model, preset: str, count: int) -> None:
    tools = Tools.of(tiny_model, replace(FEW, masks=1, tile="on"), preset=preset, steps=0)
    shots = [np.tile(part(seed), (3, 6, 1)) for seed in range(count)]
    shots[0][10:60, 10:60] = (40, 160, 60)
    known = learn(ENSEMBLE, tools, shots)
    calm, defect = np.tile(part(5), (3, 6, 1)), np.tile(part(5), (3, 6, 1))
    defect[100:180, 300:380] = (250, 220, 30)
    good, bad = (detect(ENSEMBLE, tools, query, known) for query in (calm, defect))
    assert good.threshold.shots == count
    assert [len(one.good.left_out) for one in good.parts] == [8, 8 if count == 1 else count]
    assert 0 < good.threshold.value < math.inf
    assert bad.image_score > good.image_score
    assert bad.verdict is Verdict.ANOMALOUS


def test_blank_good_parts_give_a_limit_that_is_a_number(tiny_model) -> None:
    tools = Tools.of(tiny_model, FEW, preset="calibrate")
    blank = np.full((96, 96, 3), 128, np.uint8)
    for count in (1, 3):
        known = learn(ENSEMBLE, tools, [blank] * count)
        for query in (blank, part(0)):
            found = detect(ENSEMBLE, tools, query, known)
            assert np.isfinite(found.error_map).all()
            assert RATES.least <= found.threshold.look <= found.threshold.value < math.inf


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


@pytest.mark.parametrize("method", [ENSEMBLE, SELF_REFERENCE], ids=lambda method: method.name)
def test_a_blank_picture_and_a_smooth_ramp_stay_calm(method) -> None:
    tools = Tools.of("bundled", Settings(masks=4, sampling="balanced"))
    ramp = np.tile(np.linspace(60, 200, 300).astype(np.uint8)[None, :, None], (300, 1, 3))
    for picture in (np.full((300, 300, 3), 128, np.uint8), ramp):
        found = detect(method, tools, picture)
        assert found.verdict is Verdict.NORMAL
        assert found.threshold.ordinary.share_above(found.image_score) == 1
