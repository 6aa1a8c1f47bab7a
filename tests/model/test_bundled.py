"""The bundled model says what it should: a clean surface stays calm, a foreign object lights up where it lies."""

import numpy as np
import pytest

from benchmarks.detect import forward_flops
from maeday_core import Settings, load_model
from maeday_core.detection.reconstruction import detect
from tests.conftest import ROOT
from tests.foreign import SURFACES, paste, surface

EACH = 8
PROTOTYPE_GFLOP = 45


@pytest.fixture(scope="module")
def found_and_calm() -> tuple[np.ndarray, np.ndarray]:
    """Of each kind, new draws of trained procedural ones and untrained photographs: objects found, clean ones calm."""
    model = load_model("bundled")
    found, calm = np.zeros((2, len(SURFACES), EACH), dtype=bool)
    for kind, i in np.ndindex(found.shape):
        rng = np.random.default_rng([99, kind, i])
        clean = surface(SURFACES[kind], rng)
        picture, (x0, y0, x1, y1) = paste(clean, int(rng.integers(24, 49)), rng)
        error_map = detect(model, picture, Settings()).error_map
        y, x = np.unravel_index(error_map.argmax(), error_map.shape)
        found[kind, i] = x0 <= x < x1 and y0 <= y < y1
        untouched = detect(model, clean, Settings())
        calm[kind, i] = untouched.image_score < untouched.threshold.value
    for kind, name in enumerate(SURFACES):
        print(f"{name}: found {found[kind].sum()}, calm {calm[kind].sum()} of {EACH}")
    return found, calm


@pytest.mark.slow
def test_objects_are_found(found_and_calm):
    found, _ = found_and_calm
    assert found.mean() >= 0.95
    assert (found.mean(axis=1) >= 0.6).all()  # no kind of surface is given up


@pytest.mark.slow
def test_clean_surfaces_stay_calm(found_and_calm):
    _, calm = found_and_calm
    assert calm.mean() >= 0.9
    assert (calm.mean(axis=1) >= 0.6).all()


def test_it_is_small_and_no_slower_than_promised():
    assert (ROOT / "maeday_core" / "assets" / "mae-small.safetensors").stat().st_size <= 20e6
    assert forward_flops(load_model("bundled").config, 32) <= 1.5e9 * PROTOTYPE_GFLOP
