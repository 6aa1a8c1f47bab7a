"""The perceptual error: nothing between equals, more where things look different, as a slow reference has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maeday_core.detection.perceptual import perceptual_error
from maeday_core.detection.reconstruction import Sums
from maeday_core.detection.settings import Settings
from maeday_core.io.images import resize_map
from maeday_core.model.backbone import load_backbone
from tests.conftest import part

CPU = torch.device("cpu")


def error(seen: np.ndarray, guess: np.ndarray, times: int = 1) -> np.ndarray:
    total = times * guess.astype(np.float32) / 255
    return perceptual_error(seen, total, np.full(seen.shape[:2], times), CPU)


def test_equal_pictures_have_no_error_and_a_defect_has() -> None:
    good, bad = part(0), part(0, True)
    assert error(good, good).max() < 1e-6
    found = error(bad, good)
    assert found.shape == good.shape[:2]
    assert found.dtype == np.float32
    changed = (good != bad).any(axis=2)
    assert changed[np.unravel_index(found.argmax(), found.shape)]
    assert np.array_equal(found, error(bad, good, times=3))


def test_other_grain_has_a_larger_squared_than_perceptual_error() -> None:
    rng = np.random.default_rng(0)
    grain, other = (rng.normal(128, 20, (96, 96, 3)).clip(0, 255).astype(np.uint8) for _ in range(2))
    smeared = np.full_like(grain, 128)
    pixels = [np.square(grain / 255 - guess / 255).sum(axis=2).mean() for guess in (other, smeared)]
    looks = [error(grain, guess).mean() for guess in (other, smeared)]
    assert pixels[0] > 1.5 * pixels[1]
    assert looks[0] < 0.5 * looks[1]


def test_a_pixel_that_no_mask_hid_has_no_error() -> None:
    seen = part(0)
    assert error(seen, np.zeros_like(seen), times=0).max() < 1e-6


@pytest.mark.parametrize("sampling", ["random", "balanced"])
def test_against_a_slow_loop(tiny_model, sampling: str) -> None:
    """Every pixel of the mean reconstruction by hand, from the masks that hid it."""
    sums = Sums(tiny_model, part(1)[:64, :64], Settings(masks=3, sampling=sampling), perceptual=True)
    sums.add(3)
    found = sums.result()
    seen = found.reconstructions
    size, cell = seen.query.shape[0], seen.query.shape[0] // seen.masks.shape[1]
    guess = np.empty((size, size, 3))
    for y, x in np.ndindex(size, size):
        hiding = [r[y, x] for r, m in zip(seen.pictures, seen.masks, strict=True) if m[y // cell, x // cell]]
        guess[y, x] = np.clip(np.mean(hiding, axis=0), 0, 1) * 255 if hiding else seen.query[y, x]
    features, guessed = (load_backbone()(picture).double() for picture in (seen.query, guess.round().astype(np.uint8)))
    rows, columns = features.shape[:2]
    distances = np.zeros((rows, columns))
    for place in np.ndindex(rows, columns):
        distances[place] = sum((a - b) ** 2 for a, b in zip(features[place], guessed[place], strict=True))
    ((squared, perceptual),) = sums.mean_errors()
    assert np.array_equal(squared, found.error_map)
    np.testing.assert_allclose(perceptual, resize_map(distances, size, size), atol=2e-3)
