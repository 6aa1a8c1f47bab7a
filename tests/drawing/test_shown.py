"""A result at display size, and its pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.detection.decision import Verdict
from maeday_core.detection.result import Detection, Reconstructions
from maeday_core.drawing import pictures
from maeday_core.drawing import shown as drawing
from maeday_core.drawing.pictures import DARK, HIDDEN_COLOUR
from maeday_core.drawing.shown import SHOWN_SIDE, Shown, shown
from tests.drawing.detections import HEIGHT, WIDTH, ensemble, matched, query, reconstructed


def view(result: Detection) -> Shown:
    return shown("part.png", query(), result)


def large(result: Detection) -> Shown:
    """Of a grey picture that is ten times as large."""
    error_map = result.error_map.repeat(10, axis=0).repeat(10, axis=1)
    return shown("part.png", np.full((*error_map.shape, 3), 128, np.uint8), replace(result, error_map=error_map))


def test_a_small_picture_keeps_its_size() -> None:
    assert view(reconstructed()).query.shape == (HEIGHT, WIDTH, 3)


def test_a_large_picture_is_shrunk_and_its_peak_stays() -> None:
    large = shown("part.png", np.zeros((300, 2 * SHOWN_SIDE, 3), np.uint8), ensemble())
    assert large.query.shape == (150, SHOWN_SIDE, 3)
    for result in (large.result, *large.result.parts):
        assert result.error_map.shape == (150, SHOWN_SIDE)
        assert result.error_map.max() == pytest.approx(2.0 if result.parts else result.image_score, rel=1e-5)


def test_a_picture_s_own_scale_ends_at_its_peak() -> None:
    assert drawing.scale_of(ensemble(), own_scale=True)[1] == 2.0
    low, top = drawing.scale_of(matched(score=1.5), own_scale=True)
    assert low == pytest.approx(0.15)
    assert top == 1.5


@pytest.mark.parametrize("result", [reconstructed(), matched(), ensemble()])
def test_the_limit_is_in_the_middle_of_the_scale_whatever_the_unit_and_the_score(result: Detection) -> None:
    for limit in (result.threshold.value, 0.2):
        assert np.mean(drawing.scale_of(result, False, limit)) == pytest.approx(limit)
    assert drawing.scale_of(result, False) == drawing.scale_of(result, False, result.threshold.value)
    low, top = drawing.scale_of(result, False, limit=0.0)
    assert low < top


def test_the_map_of_a_clean_picture_is_dark() -> None:
    calm = replace(view(reconstructed(score=0.05, limit=0.4)), by_hand=0.4)
    ringed = (drawing.map_picture(calm, False) != drawing.map_picture(calm, False)[0, 0]).any(axis=2)
    assert drawing.map_picture(calm, False)[~ringed].max() < 10


def test_squared_errors_have_three_digits_and_distances_two() -> None:
    assert drawing.number(reconstructed(), 0.12345) == "0.123"
    assert drawing.number(matched(), 0.12345) == "0.12"


def test_the_overlay_begins_with_the_photo_as_it_is() -> None:
    result = reconstructed()
    result.error_map[20, 4] = 0.39
    one = view(result)
    photo, covered = drawing.overlay_pair(one, False)
    assert np.array_equal(photo, drawing.marked(one, query()))
    assert not np.array_equal(photo, covered)


@pytest.mark.parametrize("score", [0.5, 0.9])
def test_the_peak_of_what_is_not_anomalous_is_ringed_in_every_picture(score: float) -> None:
    one = large(matched(score))
    (place,) = one.places
    assert one.verdict is not Verdict.ANOMALOUS
    lines = (drawing.marked(one, one.query) == DARK).all(axis=2)
    assert lines.any()
    assert not lines[place.y, place.x]
    for picture in (*drawing.overlay_pair(one, True), drawing.map_picture(one, True)):
        assert (picture[lines] == DARK).all()


def test_what_is_anomalous_is_outlined_and_several_places_are_numbered() -> None:
    result = matched(1.5)
    one = large(result)
    assert np.array_equal(drawing.marked(one, one.query), pictures.outline(one.query, one.anomalous))
    result.error_map[20, 4] = 1.2
    several = large(result)
    first, second = several.places
    assert first.score > second.score
    assert first.x > second.x
    numbers = drawing.marked(several, one.query) != pictures.outline(one.query, several.anomalous)
    for place in several.places:
        assert numbers[place.top - 20 : place.top + 1, place.left - 20 : place.left + 1].any()


def test_a_picture_whose_score_is_not_above_the_threshold_has_no_outline() -> None:
    unflagged = replace(view(ensemble()), by_hand=1.9)  # the peak of its map is 2, its score 1.8
    assert unflagged.verdict is Verdict.LOOK
    assert not unflagged.anomalous.any()
    assert replace(unflagged, by_hand=1.7).anomalous.sum() == 1


@given(st.floats(0.125, 3, width=32), st.floats(0, 3, width=32))
def test_something_is_outlined_exactly_if_the_score_is_above_the_threshold(score: float, limit: float) -> None:
    one = replace(view(matched(score)), by_hand=limit)
    assert one.anomalous.any() == (one.verdict is Verdict.ANOMALOUS) == (score > limit)


def test_a_shrunk_picture_is_outlined_if_the_picture_is() -> None:
    error_map = np.zeros((300, 2 * SHOWN_SIDE), np.float32)
    error_map[100, 701] = 1.5  # shrinking alone would lower it below the threshold
    small = shown("part.png", np.zeros((300, 2 * SHOWN_SIDE, 3), np.uint8), replace(matched(), error_map=error_map))
    assert small.anomalous.any()


def masks(result: Detection) -> Reconstructions:
    assert result.reconstructions
    return result.reconstructions


def test_a_mask_number_too_high_gives_the_last_mask() -> None:
    last, beyond = (drawing.one_mask(masks(reconstructed()), index, False) for index in (3, 99))
    assert all(np.array_equal(a, b) for a, b in zip(last, beyond, strict=True))


def test_a_mask_hides_grey_patches_of_the_query() -> None:
    seen = masks(reconstructed())
    masked, _, _ = drawing.one_mask(seen, 1, False)
    changed = (masked != seen.query).any(axis=-1)
    assert (masked[changed] == HIDDEN_COLOUR).all()
    assert changed.any()


def test_a_method_without_masks_has_none_to_count() -> None:
    assert drawing.mask_count(matched()) == 0
    assert drawing.mask_count(ensemble()) == 3


def test_all_masks_are_numbered() -> None:
    tiles = drawing.all_masks(masks(ensemble()), False)
    assert [caption for _, caption in tiles] == [f"Mask {n} of 3, squared error up to 1.00" for n in (1, 2, 3)]
