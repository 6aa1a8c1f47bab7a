"""The threshold: a guess from a picture alone, or what good parts score."""

from __future__ import annotations

import numpy as np
import pytest

from maeday_core.detection.decision import Margin, from_distance, from_good_parts, ordinary_level
from maeday_core.detection.result import Threshold


def test_the_guess_for_distances_is_halfway_between_a_fixed_level_and_the_picture_s_own() -> None:
    ramp = np.linspace(0, 1, 10001, dtype=np.float32).reshape(73, 137)
    guess = from_distance(ramp, 0.7, 0.15)
    assert guess.value == pytest.approx((0.7 + 0.95 + 0.15) / 2, abs=1e-3)
    assert guess.good_scores == ()
    assert guess.shots == 0


def test_a_large_map_is_sampled_without_changing_what_is_ordinary() -> None:
    ramp = np.linspace(0, 1, 1600 * 1700, dtype=np.float32).reshape(1600, 1700)
    assert ordinary_level(ramp) == pytest.approx(0.95, abs=2e-3)


def test_good_parts_give_their_highest_score_and_a_single_one_a_margin() -> None:
    assert from_good_parts([1.0, 3.0, 2.0], 3, None) == Threshold(3.0, (1.0, 3.0, 2.0), 3)
    assert from_good_parts([1.0, 3.0], 1, Margin(factor=2.0, step=0.5)).value == 6.5
