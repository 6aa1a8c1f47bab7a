"""Training crops: reproducible and varied."""

import numpy as np

from maeday_core.pretraining.crops import draw_crops
from tests.pretraining.pictures import pictures


def test_crops_are_reproducible_and_varied():
    images = pictures(3)
    first, again, other = (draw_crops(images, 40, 32, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (40, 32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({crop.tobytes() for crop in first}) == 40
