"""Procedural surfaces: every kind, reproducible, varied, and exactly periodic where it says so."""

import numpy as np
import pytest

from maeday_core.pretraining.textures import CELL, TEXTURES, coordinates, draw_texture, repeat


@pytest.mark.parametrize("kind", TEXTURES)
def test_every_kind_is_reproducible_and_varied(kind):
    drawn = [draw_texture(96, np.random.default_rng(seed), kind) for seed in range(8)]
    again = draw_texture(96, np.random.default_rng(0), kind)
    assert drawn[0].shape == (96, 96, 3)
    assert drawn[0].dtype == np.uint8
    assert np.array_equal(drawn[0], again)
    assert len({picture.tobytes() for picture in drawn}) == 8
    assert sum(picture.std() > 3 for picture in drawn) >= 5  # few are nearly flat
    assert np.ptp([picture.mean() for picture in drawn]) > 30  # dark ones and bright ones


def test_any_kind_is_drawn():
    rng = np.random.default_rng(0)
    shades = [draw_texture(64, rng) for _ in range(60)]
    grey = [np.ptp(s.astype(int), axis=2).max() == 0 for s in shades]
    assert 10 < sum(grey) < 50  # grey ones and coloured ones


@pytest.mark.parametrize("period", [8, 20, 64])
def test_a_cell_repeats_exactly(period):
    cell = np.random.default_rng(0).random((CELL, CELL)).astype(np.float32)
    v, u = (np.mgrid[:128, :128] / period).astype(np.float32)
    surface = repeat(cell, u, v)
    assert surface.std() > 0.02
    np.testing.assert_allclose(surface[:, period:], surface[:, :-period], atol=1e-3)
    np.testing.assert_allclose(surface[period:], surface[:-period], atol=1e-3)


def test_coordinates_span_the_scales():
    rng = np.random.default_rng(0)
    steps = [np.hypot(*(np.diff(axis[112])[112] for axis in coordinates(224, rng))) for _ in range(200)]
    periods = 1 / np.array(steps)
    assert np.quantile(periods, 0.05) < 12
    assert np.quantile(periods, 0.95) > 45
