"""Maps: of distances, peaks in place; of large pictures, bounded, and at the picture's own size strip by strip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core import ENSEMBLE, Settings, Tools, detect
from maeday_core.detection.decision import image_score
from maeday_core.detection.maps import strips, to_map
from maeday_core.detection.objects import BlockMap
from maeday_core.detection.scale import LIMITS, map_size
from maeday_core.io.images import resize_map

SIDES = st.integers(1, 70)


@pytest.mark.parametrize("shape", [(28, 28), (30, 52)])
def test_a_map_has_the_pictures_size_and_its_peak_in_place(shape: tuple[int, int]) -> None:
    distances = np.zeros(shape, np.float32)
    distances[3, 20] = 1
    error_map = to_map(distances, shape[0] * 10, shape[1] * 10)
    assert error_map.shape == (shape[0] * 10, shape[1] * 10)
    assert error_map.dtype == np.float32
    y, x = np.unravel_index(error_map.argmax(), error_map.shape)
    assert abs(y - 35) <= 1
    assert abs(x - 205) <= 1
    assert error_map.sum() == pytest.approx(100, rel=0.01)


@given(SIDES, SIDES, SIDES, SIDES, st.none() | st.integers(1, 80))
def test_strips_are_the_map_interpolated_at_once(rows: int, columns: int, height: int, width: int, each: int) -> None:
    small = np.random.default_rng(0).random((rows, columns), np.float32)
    found = list(strips(small, (height, width), each))
    assert all(len(strip) == (each or height) for strip in found[:-1])
    np.testing.assert_allclose(np.concatenate(found), resize_map(small, height, width), atol=2e-3)


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_a_map_has_at_most_so_many_pixels_and_the_pictures_shape(height: int, width: int) -> None:
    rows, columns = map_size((height, width, 3))
    if height * width <= LIMITS.map_pixels:
        assert (rows, columns) == (height, width)
    else:
        assert 0.9 * LIMITS.map_pixels < rows * columns <= LIMITS.map_pixels
        assert rows / height == pytest.approx(columns / width, rel=0.05, abs=1 / min(height, width))


def test_what_is_found_in_a_large_picture_is_at_its_own_size(tiny_model, tmp_path) -> None:
    """A square in 5 megapixels: the map on disk, the boxes and the score do not depend on the size of the map."""
    query = np.full((2100, 2400, 3), 120, np.uint8)
    query += np.random.default_rng(0).integers(0, 20, query.shape, np.uint8)
    query[600:800, 1500:1700] = (250, 30, 30)
    result = detect(ENSEMBLE, Tools.of(tiny_model, Settings(masks=1)), query)
    assert result.picture_size == (2100, 2400)
    assert result.error_map.size <= LIMITS.map_pixels
    result.save_map(tmp_path / "map.npy")
    full = np.load(tmp_path / "map.npy")
    assert full.shape == (2100, 2400)
    assert full.dtype == np.float32
    np.testing.assert_array_equal(full, np.concatenate([*result.strips(rows=77)]))
    assert full.max() == pytest.approx(result.error_map.max(), rel=0.02)
    assert image_score(full) == pytest.approx(result.image_score, rel=0.01)
    blocks, expected = BlockMap.of(result.error_map, result.size), BlockMap.of(full)
    assert (blocks.block, blocks.height, blocks.width) == (expected.block, 2100, 2400)
    np.testing.assert_array_equal(blocks.values, expected.values)
