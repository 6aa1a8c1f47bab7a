"""What does not count in a picture, whatever size the mask has, and where the part was moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from maeday_core import ImageError, SettingsError
from maeday_core.detection.region import (
    SIDE,
    Region,
    blank,
    cells_that_count,
    counted,
    ignored_in,
    load_region,
    scaled,
    united,
)


def mask_of(height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[rows, columns] = True
    return mask


def test_masks_of_two_sizes_become_one() -> None:
    small, large = mask_of(2, 4, slice(2), slice(2)), mask_of(8, 16, slice(1), slice(15, 16))
    both = united(small, large)
    assert both is not None
    assert both.shape == (8, 16)
    assert both[:, :6].all()
    assert both[0, 15]
    assert not both[1:, 12:].any()
    assert united(None, small) is united(small, None) is small


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), times=st.integers(1, 4))
def test_a_mask_lies_in_the_same_place_at_any_size(rows: int, columns: int, times: int) -> None:
    mask = np.random.default_rng(rows * columns).random((rows, columns)) > 0.5
    enlarged = mask.repeat(times, 0).repeat(times, 1)
    assert np.array_equal(scaled(enlarged, rows, columns), mask) or times % 2 == 0  # at an even one, halves round
    assert scaled(mask, rows, columns) is mask


def test_what_counts_of_a_map_is_what_is_not_ignored() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    ignored = mask_of(4, 6, slice(2, 4), slice(0, 6))
    assert counted(values, None) is values
    assert counted(values, ignored).tolist() == [values[:2].ravel().tolist()]
    assert counted(np.stack([values, -values]), ignored).shape == (2, 1, 12)
    assert counted(values, np.ones((4, 6), bool)).tolist() == [[0]]
    assert np.array_equal(blank(values, ignored), np.where(ignored, 0, values))
    assert blank(values, None) is values
    with pytest.raises(SettingsError, match="smaller than a patch"):
        cells_that_count(~mask_of(40, 40, slice(1), slice(1)), 4, 4)


def test_a_region_is_kept_small_and_known_by_its_mask() -> None:
    mask = mask_of(30, 4000, slice(None), slice(2000))
    region = Region.of(mask)
    assert region.ignored.shape == (10, SIDE)
    assert region.id == Region.of(mask.copy()).id != Region.of(~mask).id
    picture = np.zeros((60, 80, 3), np.uint8)
    assert region.over(picture).tolist() == mask_of(60, 80, slice(None), slice(40)).tolist()
    assert region.id != Region.of(mask, picture).id
    with pytest.raises(SettingsError, match="All of the picture is ignored"):
        Region.of(np.ones((3, 3), bool))


def test_a_picture_is_ignored_where_any_region_says_so() -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    one, other = Region.of(mask_of(20, 20, slice(5), slice(20))), Region.of(mask_of(20, 20, slice(20), slice(5)))
    both = ignored_in(picture, [one, None, other])
    assert both is not None
    assert np.array_equal(both, one.ignored | other.ignored)
    assert ignored_in(picture, [None]) is None


def scene(x: int, y: int, height: int = 240, width: int = 320) -> np.ndarray:
    """A part of rough grain on a plain ground, its corner at column x, row y."""
    picture = np.full((height, width, 3), 60, np.uint8)
    grain = np.random.default_rng(1).integers(90, 250, (15, 20, 1), np.uint8)
    picture[y : y + 120, x : x + 160] = grain.repeat(8, 0).repeat(8, 1)
    return picture


@pytest.mark.parametrize(("right", "down"), [(0, 0), (25, 0), (-30, 14), (17, -21)])
def test_a_mask_follows_the_part_that_it_was_painted_on(right: int, down: int) -> None:
    mask = mask_of(240, 320, slice(90, 130), slice(110, 170))
    moved = mask_of(240, 320, slice(90 + down, 130 + down), slice(110 + right, 170 + right))
    follows = Region.of(mask, scene(80, 60)).over(scene(80 + right, 60 + down))
    assert (follows & moved).sum() / (follows | moved).sum() > 0.9
    stays = Region.of(mask).over(scene(80 + right, 60 + down))
    assert np.array_equal(stays, mask)


def test_a_mask_stays_where_the_part_is_not_found_again() -> None:
    mask = mask_of(240, 320, slice(90, 130), slice(110, 170))
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert np.array_equal(Region.of(mask, scene(80, 60)).over(noise), mask)


def test_a_region_is_read_from_masks(tmp_path: Path) -> None:
    half = mask_of(20, 30, slice(None), slice(15))
    Image.fromarray(half.astype(np.uint8) * np.uint8(255)).save(tmp_path / "half.png")
    Image.new("L", (30, 20), 255).save(tmp_path / "all.png")
    ignore, interest = load_region(tmp_path / "half.png"), load_region(None, tmp_path / "half.png")
    assert ignore is not None
    assert interest is not None
    assert np.array_equal(ignore.ignored, half)
    assert np.array_equal(interest.ignored, ~half)
    assert load_region(None) is None
    aligned = load_region(tmp_path / "half.png", painted_on=tmp_path / "all.png")
    assert aligned is not None
    assert aligned.anchor is not None
    for files, problem in (
        ((tmp_path / "all.png",), "All of the picture is ignored"),
        ((tmp_path / "half.png", tmp_path / "half.png"), "All of the picture is ignored"),
        ((None, None, tmp_path / "all.png"), "no mask to align"),
    ):
        with pytest.raises(SettingsError, match=problem):
            load_region(*files)
    with pytest.raises(ImageError, match=r"nowhere\.png"):
        load_region(tmp_path / "nowhere.png")
