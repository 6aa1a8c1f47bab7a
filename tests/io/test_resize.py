"""Resizing is bilinear and antialiased."""

import numpy as np

from maeday_core.io.images import resize
from tests.io.checks import assert_close
from tests.io.picture_files import smooth


def test_resize():
    image = smooth(40, 60)
    half = resize(image, 30, 20)
    assert_close(half, image.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)), 2)
    assert resize(image, 7, 90).shape == (90, 7, 3)
    assert np.array_equal(resize(image, 60, 40), image)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert_close(resize(stripes, 8, 8), np.full((8, 8, 3), 127), 6)  # antialiased, and not every eighth column
