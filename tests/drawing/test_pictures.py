"""Pictures show what the result holds, on the scale that its unit has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps

from maeday_core.detection.calibration import Calibration
from maeday_core.detection.reading import Reading
from maeday_core.detection.reconstruction import detect
from maeday_core.detection.result import DEVIATIONS, DISTANCE, SQUARED_ERROR, Detection
from maeday_core.detection.settings import Settings
from maeday_core.drawing.figure import save_figure
from maeday_core.drawing.pictures import (
    COLOUR_MAP,
    HIDDEN_COLOUR,
    difference,
    heat_map,
    masked_input,
    outline,
    overlay,
    reconstruction,
    ring,
)
from maeday_core.drawing.shown import shown
from maeday_core.io.images import load_image
from maeday_core.methods import ENSEMBLE, ENSEMBLE_RAW, TWO_PATCHCORES, Method, Tools, detector, last, learn
from tests.drawing.detections import matched, reconstructed


@pytest.fixture(scope="module")
def result(tiny_model) -> Detection:
    query = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return detect(tiny_model, query, Settings(masks=3))


@pytest.fixture(scope="module")
def query(result: Detection) -> np.ndarray:
    return result.reconstructions.query


def calibration(relative: bool) -> Calibration:
    maps = np.random.default_rng(0).random((2, 2, 2, 64, 64), dtype=np.float32)
    return Calibration.of(maps, 3, relative)


def test_heat_map_uses_the_scale_it_is_given() -> None:
    ramp = np.linspace(0, 1, 9, dtype=np.float32)[None]
    assert (np.diff(heat_map(ramp, (0, 1)).astype(int).sum(axis=2)) > 0).all()
    assert np.array_equal(heat_map(ramp * 3, (0, 3)), heat_map(ramp, (0, 1)))
    assert np.array_equal(heat_map(ramp + 2, (2, 3)), heat_map(ramp, (0, 1)))
    assert np.array_equal(heat_map(ramp + 5, (0, 1))[0, 0], heat_map(np.ones((1, 1)), (0, 1))[0, 0])


def test_the_colours_are_those_of_the_colour_bar() -> None:
    ramp = np.arange(256, dtype=np.float32)[None] / 255
    assert np.array_equal(heat_map(ramp, (0, 1))[0], (colormaps[COLOUR_MAP](ramp[0])[:, :3] * 255).round())


def test_the_scale_of_squared_errors_lies_around_the_limit(tiny_model, result: Detection, query: np.ndarray) -> None:
    plain = detect(tiny_model, query, Settings(masks=3), Reading(calibration(relative=False), shots=2))
    for one in (result, plain):
        assert one.unit == SQUARED_ERROR
        assert one.unit.scale(one.threshold.value) == (one.threshold.value / 4, one.threshold.value * 7 / 4)


def test_good_parts_set_the_scale_of_deviations(tiny_model, query: np.ndarray, tmp_path: Path) -> None:
    judged = detect(tiny_model, query, Settings(masks=3), Reading(calibration(relative=True), shots=2))
    assert judged.unit == DEVIATIONS
    assert judged.unit.scale(judged.threshold.value) == (0, 2 * judged.threshold.value)
    save_figure(shown("", query, judged), tmp_path / "figure.png")
    assert load_image(tmp_path / "figure.png").std() > 5


def test_the_scale_of_distances_lies_around_the_threshold() -> None:
    low, top = DISTANCE.scale(0.8)
    assert 0 < low < 0.8 < top
    assert 0.8 - low == pytest.approx(top - 0.8)


def test_a_calm_map_leaves_the_photo_alone(query: np.ndarray) -> None:
    calm = np.zeros((64, 64), np.float32)
    assert np.array_equal(overlay(query, calm, (0, 1)), query)
    assert np.array_equal(outline(query, calm > 0.5), query)


def test_a_ring_is_dashed_and_leaves_its_place_free() -> None:
    grey = np.full((200, 300, 3), 128, np.uint8)
    changed = (ring(grey, 150, 100) != grey).any(axis=2)
    rows, columns = np.nonzero(changed)
    distance = np.hypot(rows - 100, columns - 150)
    assert 12 < distance.min() < distance.max() < 24
    angles = np.unique(np.degrees(np.arctan2(rows - 100, columns - 150)).round() % 360)
    assert 100 < len(angles) < 320
    assert (ring(grey, 0, 199) != grey).any()


def test_outline_encloses_what_is_above_the_threshold(query: np.ndarray) -> None:
    error_map = np.zeros((64, 64), np.float32)
    error_map[20:40, 20:40] = 1
    changed = (outline(query, error_map > 0.5) != query).any(axis=2)
    assert changed[20, 30]
    assert not changed[30, 30]
    assert not changed[:10].any()


def test_masked_input_hides_exactly_the_mask(result: Detection, query: np.ndarray) -> None:
    shown = masked_input(result.reconstructions, 1)
    hidden = np.kron(result.reconstructions.masks[1], np.ones((8, 8), bool))
    assert 0 < hidden.mean() < 1
    assert (shown[hidden] == HIDDEN_COLOUR).all()
    assert np.array_equal(shown[~hidden], query[~hidden])


def test_a_reconstruction_is_clipped_to_what_a_picture_can_show(result: Detection) -> None:
    seen = result.reconstructions
    shown = reconstruction(seen, 0)
    assert np.abs(shown / 255 - np.clip(seen.pictures[0], 0, 1)).max() < 0.6 / 255
    assert not np.array_equal(shown, reconstruction(seen, 1))


def test_the_difference_is_the_error_map_of_one_mask(result: Detection) -> None:
    seen = result.reconstructions
    assert np.array_equal(difference(seen, 2, (0, 1)), heat_map(seen.error_maps[2], (0, 1)))


@pytest.mark.parametrize("shape", [(40, 40), (30, 900), (2000, 50)])
def test_figure_opens(tiny_model, shape: tuple[int, int], tmp_path: Path) -> None:
    query = np.full((*shape, 3), 128, np.uint8)
    save_figure(shown("", query, detect(tiny_model, query, Settings(masks=1))), tmp_path / "figure.png")
    assert load_image(tmp_path / "figure.png").std() > 5


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        (ENSEMBLE, [reconstructed(), matched()]),
        (ENSEMBLE_RAW, [reconstructed(), matched()]),
        (TWO_PATCHCORES, [matched(crops=True, shots=2), matched(crops=True, shots=2)]),
    ],
    ids=["ensemble", "ensemble-raw", "2xpatchcore"],
)
def test_the_figure_of_a_sum_has_a_panel_for_each_part(method: Method, parts: list[Detection], tmp_path: Path) -> None:
    both = method.add(parts)
    query = np.full((*both.error_map.shape, 3), 128, np.uint8)
    save_figure(shown("", query, both), tmp_path / "both.png")
    save_figure(shown("", query, parts[0]), tmp_path / "one.png")
    widths = [load_image(tmp_path / f"{name}.png").shape[1] for name in ("one", "both")]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("method", [ENSEMBLE, TWO_PATCHCORES], ids=["ensemble", "2xpatchcore"])
def test_what_good_parts_taught_a_sum_can_be_drawn(tiny_model, method: Method, tmp_path: Path) -> None:
    tools = Tools.of(tiny_model, Settings(masks=1), preset="calibrate")
    query = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = last(detector(method, tools, learn(method, tools, [query[::-1].copy()]))(query))
    save_figure(shown("", query, found), tmp_path / "figure.png")
    assert load_image(tmp_path / "figure.png").std() > 5
