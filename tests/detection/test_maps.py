"""Maps of distances have the picture's size, and their peaks in place."""

import numpy as np
import pytest

from maeday_core.detection.maps import to_map


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
