"""Self-reference: each patch against the rest of its own picture, at the picture's own shape, in linear time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from maeday_core.methods.self_reference import MAX_BANK, halfway, match_itself, seen_size, self_reference
from maeday_core.model.backbone import load_backbone


def surface(height: int, width: int, spot: tuple[int, int] | None = None, seed: int = 0) -> np.ndarray:
    picture = np.random.default_rng(seed).normal(120, 12, (height, width, 3))
    if spot:
        y, x = spot
        picture[y - 12 : y + 12, x - 12 : x + 12] = (200, 60, 40)
    return picture.clip(0, 255).astype(np.uint8)


def test_distances_are_those_of_plain_loops() -> None:
    features = torch.randn(7, 9, 5, generator=torch.Generator().manual_seed(0))
    distances, nearest = match_itself(features)
    patches = features.double().numpy()
    for y in range(7):
        for x in range(9):
            far = [
                (math.dist(patches[y, x], patches[r, c]), r * 9 + c)
                for r in range(7)
                for c in range(9)
                if max(abs(r - y), abs(c - x)) > 2
            ]
            far.sort()
            assert distances[y, x] == pytest.approx(np.mean([d for d, _ in far[:5]]), abs=1e-5)
            assert nearest[y, x] == far[0][1]


@pytest.mark.parametrize("shape", [(224, 224), (224, 420), (500, 160)])
def test_what_is_unlike_the_rest_is_found_at_any_shape(shape: tuple[int, int]) -> None:
    spot = (shape[0] * 2 // 3, shape[1] // 3)
    calm, marked = (self_reference(load_backbone(), surface(*shape, at)) for at in (None, spot))
    assert marked.image_score > calm.image_score
    assert marked.error_map.shape == shape
    y, x = np.unravel_index(marked.error_map.argmax(), shape)
    assert abs(y - spot[0]) < 16
    assert abs(x - spot[1]) < 16
    assert marked.match is not None
    rows, columns = marked.match.distances.shape
    assert rows / columns == pytest.approx(shape[0] / shape[1], rel=0.08)


def test_a_large_picture_is_compared_with_a_sample_of_itself() -> None:
    features = torch.nn.functional.normalize(torch.randn(60, 80, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    distances, nearest = match_itself(features, seed=1)
    assert distances.shape == (60, 80)
    assert len(np.unique(nearest)) <= MAX_BANK
    assert np.array_equal(distances, match_itself(features, seed=1)[0])
    whole = torch.cdist(features.flatten(0, 1), features.flatten(0, 1))
    assert (distances.ravel() >= whole.topk(6, largest=False).values[:, 1:].mean(dim=1).numpy() - 1e-4).all()


def test_a_picture_of_a_few_patches_has_nothing_to_compare_with() -> None:
    result = self_reference(load_backbone(), surface(8, 8))
    assert np.isfinite(result.error_map).all()
    distances, _ = match_itself(torch.randn(3, 3, 4))
    assert (distances == 0).all()


def test_the_size_it_looks_at() -> None:
    assert seen_size(448, 336, 224) == (299, 224)
    assert seen_size(100, 100, 224) == (224, 224)
    assert seen_size(1024, 1536, 224) == (512, 768)
    for height, width in ((1, 5000), (2, 2_000_000), (20, 4000), (40_000, 3), (1, 50_000_000)):
        rows, columns = seen_size(height, width, 224)
        assert rows * columns < 8.1e6
        assert min(rows, columns) >= 8


def test_the_guessed_threshold_is_halfway() -> None:
    ramp = np.linspace(0, 1, 10001, dtype=np.float32).reshape(73, 137)
    assert halfway(ramp, 0.7, 0.15) == pytest.approx((0.7 + 0.95 + 0.15) / 2, abs=1e-3)
