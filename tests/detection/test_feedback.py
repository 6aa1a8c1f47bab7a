"""The rule that moves the limit: whatever an inspector says, in whatever order, it keeps its promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.feedback import RULE, Moved, moved_limit

SCORES = st.lists(st.floats(0, 5), max_size=12)
SCORE = st.floats(0, 5)


@given(SCORES, SCORES)
def test_no_normal_picture_is_above_the_limit(normal: list[float], defects: list[float]) -> None:
    moved = moved_limit(normal, defects)
    assert all(score <= moved.factor for score in normal)
    assert moved.factor >= min(RULE.least, 1)


@given(SCORES, SCORES, SCORE)
def test_a_defect_never_raises_the_limit(normal: list[float], defects: list[float], more: float) -> None:
    assert moved_limit(normal, [*defects, more]).factor <= moved_limit(normal, defects).factor


@given(SCORES, SCORES, SCORE)
def test_a_normal_picture_never_lowers_the_limit(normal: list[float], defects: list[float], more: float) -> None:
    assert moved_limit([*normal, more], defects).factor >= moved_limit(normal, defects).factor


@given(SCORES, SCORES, st.randoms())
def test_the_order_does_not_matter(normal: list[float], defects: list[float], random) -> None:
    shuffled = random.sample(normal, len(normal)), random.sample(defects, len(defects))
    assert moved_limit(*shuffled) == moved_limit(normal, defects)


@given(SCORES, SCORES)
def test_a_missed_defect_is_found_unless_normal_pictures_forbid_it(normal: list[float], defects: list[float]) -> None:
    moved = moved_limit(normal, defects)
    for score in defects:
        assert score > moved.factor or score <= max([RULE.least, *normal])
    assert moved.missed == sum(score <= moved.factor for score in defects)


def test_what_was_not_missed_moves_nothing() -> None:
    assert moved_limit([], []) == Moved()
    assert moved_limit([0.3, 0.9], [1.1, 4.0]) == Moved(1.0, 2, 2, 0)


def test_the_limit_is_lowered_as_far_as_normal_pictures_allow_and_says_so() -> None:
    lowered = moved_limit([0.85], [0.95])
    assert lowered.factor == pytest.approx(0.95 * 0.98)
    assert lowered.told == "Your corrections lowered the limit by 7%."
    near = moved_limit([0.94], [0.95, 0.9])
    assert (near.factor, near.missed) == (0.94, 1)
    assert near.told.endswith("1 of the defects stays below it: good pictures score as high.")
    assert moved_limit([1.3], []).told == "Your corrections raised the limit by 30%."
    assert moved_limit([], [0.1]).told.startswith("Your corrections leave the limit where it was. 1 of")
    assert Moved().told == ""


def test_every_limit_of_a_picture_moves_by_the_same_factor() -> None:
    ordinary = Ordinary(0.8, 0.1, 0.1, "So it is.", least=0.2)
    moved = moved_limit([], [0.9])
    applied = moved.applied(ordinary)
    for rate in (0.01, 0.05, 0.2):
        assert applied.threshold(rate).value == pytest.approx(moved.factor * ordinary.threshold(rate).value)
        assert applied.threshold(rate).look == pytest.approx(moved.factor * ordinary.threshold(rate).look)
    assert applied.reason == f"So it is. {moved.told}"
    assert Moved().applied(ordinary) is ordinary
