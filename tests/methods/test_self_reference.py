"""Self-reference: each patch against the rest of its own picture, at the picture's own shape, in linear time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maeday_core.detection.decision import from_picture
from maeday_core.detection.result import DISTANCE
from maeday_core.detection.settings import Settings
from maeday_core.methods import SELF_REFERENCE, Tools, detect
from maeday_core.methods.self_reference import MATCHING, ROUGHNESS, match_itself


def surface(height: int, width: int, spot: tuple[int, int] | None = None, seed: int = 0) -> np.ndarray:
    picture = np.random.default_rng(seed).normal(120, 12, (height, width, 3))
    if spot:
        y, x = spot
        picture[y - 12 : y + 12, x - 12 : x + 12] = (200, 60, 40)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("apart", MATCHING.apart)
def test_distances_are_those_of_plain_loops(apart: int) -> None:
    rows, columns = 7, 13
    features = torch.randn(rows, columns, 5, generator=torch.Generator().manual_seed(0))
    distances, nearest = match_itself(features, apart)
    patches = features.double().numpy()
    for y in range(rows):
        for x in range(columns):
            far = [
                (math.dist(patches[y, x], patches[r, c]), r * columns + c)
                for r in range(rows)
                for c in range(columns)
                if max(abs(r - y), abs(c - x)) > apart
            ]
            far.sort()
            assert distances[y, x] == pytest.approx(np.mean([d for d, _ in far[:5]]), abs=1e-5)
            assert nearest[y, x, 0] == far[0][1]


@pytest.mark.parametrize("shape", [(224, 224), (224, 420), (500, 160)])
def test_what_is_unlike_the_rest_is_found_at_any_shape(shape: tuple[int, int]) -> None:
    spot = (shape[0] * 2 // 3, shape[1] // 3)
    calm, marked = (detect(SELF_REFERENCE, Tools(), surface(*shape, at)) for at in (None, spot))
    assert marked.image_score > calm.image_score
    assert marked.image_score == marked.error_map.max()
    assert marked.error_map.shape == shape
    assert marked.unit == DISTANCE
    y, x = np.unravel_index(marked.error_map.argmax(), shape)
    assert abs(y - spot[0]) < 16
    assert abs(x - spot[1]) < 16
    assert marked.matches is not None
    assert marked.matches.crops is None
    rows, columns = marked.matches.distances.shape
    assert rows / columns == pytest.approx(shape[0] / shape[1], rel=0.08)


def test_a_large_picture_is_compared_with_a_sample_of_itself() -> None:
    features = torch.nn.functional.normalize(torch.randn(60, 80, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    distances, nearest = match_itself(features, 4, seed=1)
    assert distances.shape == (60, 80)
    assert len(np.unique(nearest)) <= MATCHING.bank
    assert np.array_equal(distances, match_itself(features, 4, seed=1)[0])
    assert not np.array_equal(distances, match_itself(features, 4, seed=2)[0])
    whole = torch.cdist(features.flatten(0, 1), features.flatten(0, 1))
    assert (distances.ravel() >= whole.topk(6, largest=False).values[:, 1:].mean(dim=1).numpy() - 1e-4).all()


def test_a_picture_of_a_few_patches_has_nothing_to_compare_with() -> None:
    assert np.isfinite(detect(SELF_REFERENCE, Tools(), surface(8, 8)).error_map).all()
    distances, _ = match_itself(torch.randn(3, 3, 4), 2)
    assert (distances == 0).all()


def test_a_picture_is_seen_at_its_own_shape_or_at_the_scale_of_windows() -> None:
    frame = surface(480, 700)
    whole, close = (detect(SELF_REFERENCE, Tools(Settings(tile=tile)), frame) for tile in ("off", "on"))
    assert whole.matches.query.shape == (224, 327, 3)
    assert close.matches.query.shape == (480, 700, 3)
    assert whole.made_by.windows is None
    assert close.made_by.windows is None, "one picture at the scale of windows"


def test_the_threshold_is_a_guess_from_the_picture() -> None:
    found = detect(SELF_REFERENCE, Tools(), surface(224, 224))
    assert found.threshold == from_picture(found.error_map, ROUGHNESS).threshold()
    assert found.threshold.shots == 0


@pytest.mark.parametrize("colour", [(0, 0, 0), (90, 120, 60), (200, 30, 30)])
@pytest.mark.parametrize("size", [(300, 300), (1200, 1600)])
def test_a_blank_picture_of_any_size_stays_calm(colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    blank = np.full((*size, 3), np.uint8(colour))
    assert detect(SELF_REFERENCE, Tools(), blank).verdict == "normal"
