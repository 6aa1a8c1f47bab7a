"""Pictures show what the result holds."""

from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.calibration import Calibration
from maeday_core.detection.reconstruction import Settings, detect
from maeday_core.drawing.pictures import (
    COLOUR_SCALE,
    HIDDEN_COLOUR,
    colour_scale,
    difference,
    heat_map,
    masked_input,
    outline,
    overlay,
    reconstruction,
    save_figure,
)
from maeday_core.io.images import load_image


@pytest.fixture(scope="module")
def result(tiny_model):
    query = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return detect(tiny_model, query, Settings(masks=3))


def test_heat_map_uses_the_scale_it_is_given():
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[None]
    assert (np.diff(heat_map(ramp, (0, 1)).astype(int).sum(axis=2)) > 0).all()
    assert np.array_equal(heat_map(ramp * 3, (0, 3)), heat_map(ramp, (0, 1)))
    assert np.array_equal(heat_map(ramp + 2, (2, 3)), heat_map(ramp, (0, 1)))
    assert np.array_equal(heat_map(ramp + 5, (0, 1))[0, 0], heat_map(np.ones((1, 1)), (0, 1))[0, 0])


def test_good_parts_set_the_colour_scale(tiny_model, result, tmp_path):
    assert colour_scale(result) == (0, COLOUR_SCALE)
    maps = np.random.default_rng(0).random((2, 2, 2, 64, 64), dtype=np.float32)
    judged = detect(tiny_model, result.query, Settings(masks=3), Calibration.of(maps, 3, relative=True))
    assert colour_scale(judged) == (0, 2 * judged.first_threshold)
    low, top = colour_scale(replace(result, unit="distance"))
    assert 0 < low < result.first_threshold < top
    plain = detect(tiny_model, result.query, Settings(masks=3), Calibration.of(maps, 3, relative=False))
    assert colour_scale(plain) == (0, COLOUR_SCALE)
    save_figure(judged.query, judged, judged.first_threshold, tmp_path / "figure.png")
    assert load_image(tmp_path / "figure.png").std() > 5


def test_a_calm_map_leaves_the_photo_alone(result):
    calm = np.zeros((64, 64), np.float32)
    assert np.array_equal(overlay(result.query, calm, (0, 1)), result.query)
    assert np.array_equal(outline(result.query, calm, 0.5), result.query)


def test_outline_encloses_what_is_above(result):
    error_map = np.zeros((64, 64), np.float32)
    error_map[20:40, 20:40] = 1
    changed = (outline(result.query, error_map, 0.5) != result.query).any(axis=2)
    assert changed[20, 30]
    assert not changed[30, 30]
    assert not changed[:10].any()


def test_masked_input_hides_exactly_the_mask(result):
    shown = masked_input(result, 1)
    hidden = np.kron(result.masks[1], np.ones((8, 8), bool))
    assert (shown[hidden] == HIDDEN_COLOUR).all()
    assert np.array_equal(shown[~hidden], result.query[~hidden])


def test_views_have_the_models_size(result):
    assert reconstruction(result, 0).shape == difference(result, 2, (0, 1)).shape == (64, 64, 3)
    assert not np.array_equal(reconstruction(result, 0), reconstruction(result, 1))


@pytest.mark.parametrize("shape", [(40, 40), (30, 900), (2000, 50)])
def test_figure_opens(tiny_model, shape, tmp_path):
    query = np.full((*shape, 3), 128, np.uint8)
    save_figure(query, detect(tiny_model, query, Settings(masks=1)), 0.2, tmp_path / "figure.png")
    assert load_image(tmp_path / "figure.png").std() > 5
