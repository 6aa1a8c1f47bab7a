"""Places: the regions above the limit, worst first, or the peak; a place's score is comparable with the limit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maeday_core.detection.decision import image_score
from maeday_core.detection.places import MOST, find_places, outline, regions

SHAPE = (60, 90)
maps = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.floats(0, 100, width=32))


def surface(*spots: tuple[int, int, int, float]) -> np.ndarray:
    """A quiet map with squares: left, top, side, height."""
    values = np.full(SHAPE, 0.1, np.float32)
    for left, top, side, height in spots:
        values[top : top + side, left : left + side] = height
        values[top + side // 2, left + side // 2] = height + 0.1
    return values


def test_regions_are_told_worst_first_with_their_boxes_and_peaks() -> None:
    error_map = surface((10, 5, 6, 0.6), (50, 30, 11, 0.9))
    first, second = find_places(error_map, error_map > 0.5, float(error_map.max()))
    assert (first.left, first.top, first.width, first.height, first.x, first.y) == (50, 30, 11, 11, 55, 35)
    assert (second.left, second.top, second.width, second.height, second.x, second.y) == (10, 5, 6, 6, 13, 8)
    assert first.score == pytest.approx(1.0)
    assert second.score == pytest.approx(0.7)
    assert first.outlined
    assert second.outlined


def test_where_nothing_is_outlined_the_peak_is_the_place_and_has_the_pictures_score() -> None:
    error_map = surface((50, 30, 11, 0.9))
    (place,) = find_places(error_map, np.zeros(SHAPE, bool), 0.8)
    assert (place.x, place.y, place.score, place.outlined) == (55, 35, 0.8, False)


def test_pieces_close_together_are_one_place_and_others_are_not() -> None:
    near, apart = surface((10, 10, 5, 0.6), (16, 10, 5, 0.6)), surface((10, 10, 5, 0.6), (30, 10, 5, 0.6))
    assert len(find_places(near, near > 0.5, 0.7)) == 1
    assert len(find_places(apart, apart > 0.5, 0.7)) == 2
    assert regions(near > 0.5)[12, 15] == 0  # what joins them is not outlined


def test_of_many_the_worst_are_told() -> None:
    error_map = surface(*((10 * n, 5, 3, 0.5 + n / 20) for n in range(8)))
    assert [place.left for place in find_places(error_map, error_map > 0.45, 1.0)] == [70, 60, 50, 40, 30][:MOST]


@given(
    arrays(np.float32, (12, 17), elements=st.floats(0.125, 2, width=32)),
    st.floats(0.1, 2),
    st.booleans(),
    st.sampled_from([None, 0.65]),
)
def test_the_worst_place_has_the_pictures_score_and_no_place_is_below_the_limit(
    error_map: np.ndarray, limit: float, mean: bool, height: float | None
) -> None:
    score = image_score(error_map, 0.05) if mean else float(error_map.max())
    places = find_places(error_map, outline(error_map, score, limit, height), score, limit)
    assert 1 <= len(places) <= MOST
    assert [place.score for place in places] == sorted((place.score for place in places), reverse=True)
    if score > limit:
        assert all(place.outlined and place.score > limit for place in places)
        if len(places) == 1 or not mean:
            assert places[0].score == pytest.approx(score, rel=0.05) or places[0].score >= score
    else:
        assert [place.score for place in places] == [score]


@given(maps, st.floats(0, 120))
def test_something_is_outlined_where_and_only_where_the_score_is_above_the_limit(
    error_map: np.ndarray, limit: float
) -> None:
    for score in (image_score(error_map, 1e-9), image_score(error_map)):
        found = outline(error_map, score, limit)
        assert found.shape == error_map.shape
        assert found.any() == (score > limit)
        assert not (found & (error_map.astype(np.float64) <= limit)).any()


@given(maps, st.floats(0, 120), st.floats(0, 1))
def test_a_region_reaches_down_to_a_share_of_the_peak_or_else_to_the_limit(
    error_map: np.ndarray, limit: float, height: float
) -> None:
    score, middle, peak = float(error_map.max()), float(np.median(error_map)), float(error_map.max())
    found = outline(error_map, score, limit, height)
    assert found.any() == (score > limit)
    edge = middle + height * (peak - middle)
    assert (error_map[found].astype(np.float64) > min(edge, limit)).all()
    above = error_map.astype(np.float64) > limit
    count, labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    assert all(above[labels == number].any() for number in range(1, count)), "every region has a place above the limit"
    count, labels = cv2.connectedComponents(above.astype(np.uint8), connectivity=8)
    assert all(found[labels == number].any() for number in range(1, count)), "no such place is lost"


def test_a_region_hugs_the_defect_whether_the_limit_is_low_or_high() -> None:
    ramp = np.float32(1 - np.abs(np.arange(-10, 11)) / 10)  # its peak is 1
    error_map = np.zeros((60, 60), np.float32)
    error_map[20:41, 20:41] = np.minimum(ramp[:, None], ramp)
    error_map[50, 50] = 0.55
    low, high = (outline(error_map, 1.0, limit, 0.65) for limit in (0.5, 0.9))
    assert low[20:41, 20:41].sum() == high[20:41, 20:41].sum() == 7 * 7
    assert low[50, 50]
    assert not high[50, 50]
