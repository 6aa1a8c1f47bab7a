"""The decision: a threshold is a quantile of what good pictures are expected to score under the query's conditions."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maeday_core.detection.decision import (
    RULE,
    GoodParts,
    Ordinary,
    Rates,
    Roughness,
    Verdict,
    away_from_border,
    from_good_parts,
    from_picture,
    image_score,
    ordinary_level,
)

RATES = Rates(above=(0.2, -0.1), spread=(0.3, 0.1), uncertainty=(0.4, 0.2), least=0.0)
maps = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.floats(0, 100, width=32))
shares = st.floats(1e-12, 1 - 1e-12)
ordinaries = st.builds(
    Ordinary, st.floats(1e-6, 1e3), st.floats(0.01, 2), st.floats(0, 1), st.just(""), least=st.sampled_from([0.0, 0.1])
)


def random_maps(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 56, 56), dtype=np.float32) + 0.1


@given(ordinaries, shares, shares)
def test_fewer_false_alarms_need_a_higher_limit(ordinary: Ordinary, one: float, other: float) -> None:
    few, many = sorted((one, other))
    assert ordinary.limit(few) >= ordinary.limit(many) >= ordinary.least


@given(ordinaries, st.floats(1e-6, 1 - 1e-6))
def test_the_limit_is_the_score_that_so_many_good_pictures_exceed(ordinary: Ordinary, share: float) -> None:
    limit = ordinary.limit(share)
    assert math.isfinite(limit)
    assert limit == ordinary.least or ordinary.share_above(limit) == pytest.approx(share)


def test_the_logarithms_of_good_scores_are_normal() -> None:
    ordinary = Ordinary(2.0, 0.3, 0.1, "")
    scores = [2 * math.exp(0.3 * z) for z in NormalDist().samples(100_000, seed=0)]
    for share in (0.01, 0.2, 0.7):
        assert np.mean(np.array(scores) > ordinary.limit(share)) == pytest.approx(share, abs=0.005)
    assert ordinary.limit(0.5) == 2
    assert ordinary.share_above(0) == 1


@given(ordinaries, shares, st.lists(st.floats(0, 1e4), min_size=2))
def test_the_higher_a_score_the_graver_the_verdict(ordinary: Ordinary, share: float, scores: list[float]) -> None:
    threshold = ordinary.threshold(share)
    assert ordinary.least <= threshold.look <= threshold.value
    order = [Verdict.NORMAL, Verdict.LOOK, Verdict.ANOMALOUS]
    found = [order.index(threshold.verdict(score)) for score in sorted(scores)]
    assert found == sorted(found)
    assert threshold.verdict(threshold.value) is not Verdict.ANOMALOUS
    assert threshold.verdict(threshold.look) is Verdict.NORMAL


def test_a_place_is_worth_a_look_where_five_times_the_false_alarms_would_be_given() -> None:
    ordinary = Ordinary(1.0, 0.2, 0.1, "")
    threshold = ordinary.threshold(0.04)
    assert (threshold.value, threshold.look) == (ordinary.limit(0.04), ordinary.limit(0.2))
    assert ordinary.threshold(0.2).look == ordinary.limit(0.25), "a quarter of the good pictures at most"
    often = ordinary.threshold(0.3)
    assert often.look == often.value == ordinary.limit(0.3)


def test_a_value_by_hand_takes_the_threshold_s_place() -> None:
    threshold = Ordinary(1.0, 0.2, 0.1, "").threshold()
    assert threshold.verdict(threshold.value + 0.1, by_hand := threshold.value + 0.2) is Verdict.LOOK
    assert threshold.verdict(by_hand + 0.1, by_hand) is Verdict.ANOMALOUS
    assert threshold.verdict(0.2, 0.1) is Verdict.ANOMALOUS
    assert threshold.verdict(0.1, 0.1) is Verdict.NORMAL, "below a low value nothing is worth a look"


def test_what_other_good_parts_would_give_lies_about_the_threshold() -> None:
    threshold = Ordinary(1.0, 0.2, 0.1, "", shots=3).threshold()
    low, high = threshold.between
    assert low < threshold.value < high
    assert low * high == pytest.approx(threshold.value**2)
    assert math.log(high / threshold.value) == pytest.approx(0.1)
    assert threshold.shots == 3


@given(maps)
def test_the_image_score_lies_between_the_median_and_the_highest_value(error_map: np.ndarray) -> None:
    score = image_score(error_map)
    assert np.median(error_map) <= score * (1 + 1e-6)
    assert score <= error_map.max() * (1 + 1e-6)
    assert image_score(error_map, 1e-9) == error_map.max()
    assert image_score(error_map, 1) == pytest.approx(error_map.mean(dtype=np.float64))


def test_the_image_score_is_the_mean_of_the_highest_hundredth() -> None:
    assert image_score(np.arange(10_000, dtype=np.float32).reshape(100, 100)) == np.arange(9900, 10_000).mean()


def test_a_defect_in_a_large_picture_scores_the_same_however_much_surface_is_around_it() -> None:
    defect = 1 + np.random.default_rng(0).random((60, 60))
    scores = []
    for height, width in ((1200, 1400), (1200, 2800), (3000, 4000)):
        error_map = np.zeros((height, width), np.float32)
        error_map[500:560, 700:760] = defect
        scores.append(image_score(error_map))
    assert scores[0] == scores[1] == scores[2] > 1


def test_a_large_surface_twice_over_scores_hardly_higher() -> None:
    once = np.random.default_rng(0).random((1200, 1200), dtype=np.float32)
    once = np.asarray(once + np.linspace(0, 1, 1200), np.float32)
    twice = np.tile(once, 2)
    assert image_score(once) <= image_score(twice) < 1.02 * image_score(once)


@given(maps)
def test_what_lies_near_the_border_counts_less(error_map: np.ndarray) -> None:
    judged = away_from_border(error_map)
    assert judged.shape == error_map.shape
    assert judged.dtype == np.float32
    assert (judged <= error_map).all()
    assert np.allclose(judged[[0, -1]], (1 - RULE.border_less) * error_map[[0, -1]])
    assert np.allclose(judged[:, [0, -1]], (1 - RULE.border_less) * error_map[:, [0, -1]])
    assert np.array_equal(away_from_border(error_map[::-1, ::-1]), judged[::-1, ::-1])


def test_the_inside_of_a_picture_counts_in_full() -> None:
    judged = away_from_border(np.ones((112, 56), np.float32))
    assert (judged[12:-12, 6:-6] == 1).all()
    assert (judged[5:-5, 28] < 1).sum() == 2 * (12 - 5)
    assert (np.diff(judged[:13, 28]) > 0).all()


def test_a_large_map_is_sampled_without_changing_what_is_ordinary() -> None:
    ramp = np.linspace(0, 1, 1600 * 1700, dtype=np.float32).reshape(1600, 1700)
    assert ordinary_level(ramp) == pytest.approx(0.95, abs=2e-3)


def test_without_good_parts_a_rough_picture_is_expected_to_score_higher() -> None:
    ramp = np.linspace(0, 1, 10_001, dtype=np.float32).reshape(73, 137)
    roughness = Roughness(factor=3.0, power=0.5, spread=0.2, least=0.4)
    ordinary = from_picture(ramp, roughness)
    assert ordinary.level == pytest.approx(3 * 0.95**0.5, rel=1e-3)
    assert (ordinary.spread, ordinary.least, ordinary.shots) == (0.2, 0.4, 0)
    assert from_picture(4 * ramp, roughness).level == pytest.approx(2 * ordinary.level)
    blank = from_picture(0 * ramp, roughness)
    assert blank.level > 0
    assert blank.limit(0.05) == 0.4


@given(st.floats(0.01, 100), st.integers(1, 5), st.booleans())
def test_the_limit_has_the_unit_of_the_maps(factor: float, shots: int, mirrors: bool) -> None:
    left_out, mirrored = random_maps(max(shots, 2)), random_maps(1, seed=1) if mirrors else None
    once = GoodParts(left_out, shots, mirrored)
    scaled = GoodParts(
        np.float32(factor) * left_out, shots, None if mirrored is None else np.float32(factor) * mirrored
    )
    for peak in (0.0, RULE.peak):
        one, other = (from_good_parts(good, RATES, peak).limit(0.05) for good in (once, scaled))
        assert other == pytest.approx(factor * one, rel=1e-4)


@pytest.mark.parametrize("peak", [0.0, 0.01])
def test_several_good_parts_score_as_written(peak: float) -> None:
    left_out, mirrored = random_maps(3), random_maps(2, seed=1) * 2
    count = max(1, round(peak * 56 * 56))

    def level(maps: np.ndarray) -> float:
        return float(np.mean([np.log(np.sort(one, axis=None)[-count:].mean()) for one in maps]))

    alone = level(left_out) - RULE.more_shots[1] * math.log(3 / 2)
    found = from_good_parts(GoodParts(left_out, 3), RATES, peak)
    assert math.log(found.level) == pytest.approx(alone + RATES.above[1], abs=1e-5)
    assert (found.spread, found.uncertainty, found.shots) == (0.1, 0.2, 3)

    both = from_good_parts(GoodParts(left_out, 3, mirrored), RATES, peak)
    by_query = level(mirrored) - RULE.more_shots[0] * math.log(3)
    weight = RULE.mirrored[1]
    assert math.log(both.level) == pytest.approx(weight * by_query + (1 - weight) * alone + RATES.above[1], abs=1e-5)


def test_a_single_good_part_says_that_it_is_one() -> None:
    copies = random_maps(8)
    one = from_good_parts(GoodParts(copies, 1), RATES)
    assert math.log(one.level) == pytest.approx(np.log(copies.max(axis=(1, 2))).mean() + RATES.above[0], abs=1e-5)
    assert one.spread == pytest.approx(math.hypot(0.3, 0.4)), "its level is not known for sure"
    assert (one.uncertainty, one.shots) == (0.4, 1)
    assert "one good part" in one.reason
    assert "4 good parts, which score" in from_good_parts(GoodParts(copies[:4], 4), RATES).reason


def test_good_parts_that_tell_no_more_than_one_are_not_called_one() -> None:
    copies = random_maps(8)
    one, alike = (from_good_parts(GoodParts(copies, 1, given=given), RATES) for given in (1, 4))
    assert "4 good parts that are too alike" in alike.reason
    assert alike.limit(0.05) == one.limit(0.05)
    both = GoodParts(copies[:4], 4, given=4).plus(GoodParts(copies, 1, given=4))
    assert "4 good parts that are too alike" in from_good_parts(both, RATES).reason


def test_blank_good_parts_give_a_limit_that_is_a_number() -> None:
    for shots in (1, 4):
        limit = from_good_parts(GoodParts(np.zeros((8, 56, 56), np.float32), shots), RATES).limit(0.05)
        assert 0 < limit < 1e-6


def test_maps_of_the_same_good_parts_are_added_one_by_one() -> None:
    one, other, query = random_maps(3, 1), random_maps(3, 2), random_maps(2, 3)
    both = GoodParts(one, 3).plus(GoodParts(other, 3, query))
    assert np.array_equal(both.left_out, one + other)
    assert np.array_equal(both.mirrored, one[:2] + query)
    assert both.shots == 3
    assert GoodParts(one, 3).plus(GoodParts(other, 3)).mirrored is None


@pytest.mark.parametrize(
    ("own", "own_shots", "others", "shots"),
    [(8, 1, 8, 1), (8, 3, 3, 3), (8, 1, 32, 1), (4, 1, 8, 1), (4, 4, 8, 1)],
    ids=["one photo", "windows of three", "windows of one", "one photo four times", "four that look the same"],
)
def test_maps_that_do_not_correspond_are_added_by_their_mean(own: int, own_shots: int, others: int, shots: int) -> None:
    one, other, query = random_maps(own, 1), random_maps(others, 2), random_maps(2, 3)
    both = GoodParts(one, own_shots).plus(GoodParts(other, shots, query))
    assert both.shots == shots
    assert np.allclose(both.left_out, other + (one if own == others else one.mean(axis=0)))
    assert np.allclose(both.mirrored, query + (one[:2] if own == own_shots else one.mean(axis=0)))
