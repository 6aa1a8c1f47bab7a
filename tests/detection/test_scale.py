"""Scale: how large a picture is compared patch by patch, and that it is neither too large nor too small."""

from __future__ import annotations

import numpy as np
import pytest

from maeday_core.detection.scale import LIMITS, own_scale, resize_by, window_scale


@pytest.mark.parametrize(
    ("shape", "seen"), [((448, 336), (299, 224)), ((100, 100), (224, 224)), ((1024, 1536), (512, 768))]
)
def test_the_shorter_side_is_that_of_the_network_or_half_of_a_large_picture_s(shape, seen) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    assert resize_by(picture, own_scale(*shape, 224)).shape == (*seen, 3)


@pytest.mark.parametrize("shape", [(1, 5000), (2, 2_000_000), (20, 4000), (40_000, 3), (1, 1_000_000)])
@pytest.mark.parametrize("scale", [own_scale, window_scale])
def test_a_picture_of_a_few_rows_stays_within_the_limits(shape: tuple[int, int], scale) -> None:
    rows, columns, _ = resize_by(np.zeros((*shape, 3), np.uint8), scale(*shape, 224)).shape
    assert rows * columns < 1.02 * LIMITS.pixels
    assert min(rows, columns) >= 8
    assert max(rows, columns) <= LIMITS.side


def test_windows_see_a_picture_at_its_own_size_if_two_fit_and_a_large_one_at_half() -> None:
    assert window_scale(448, 448, 224) == window_scale(900, 1500, 224) == 1
    assert window_scale(901, 1500, 224) == 0.5
    assert window_scale(400, 800, 224) == 224 / 400
    assert window_scale(10, 800, 224) == LIMITS.largest_scale
