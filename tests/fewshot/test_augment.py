"""Augmentation: crops, turns and light stay in their ranges, and the picture stays the picture."""

from __future__ import annotations

import cv2
import numpy as np

from maeday_core.fewshot.augment import COPY_CROP, copy_of, relit, varied
from maeday_core.io.images import load_image
from tests.conftest import ROOT
from tests.fewshot.checks import photo


def test_without_crop_and_turn_a_shot_is_only_resized() -> None:
    still = varied(photo(0), (64, 64), np.random.default_rng(0), 0, 0)
    expected = cv2.resize(photo(0), (64, 64), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(still.astype(int) - expected).mean() < 4


def test_crops_and_turns_differ_and_stay_in_their_ranges() -> None:
    rng = np.random.default_rng(0)
    crops = [varied(photo(0), (64, 64), rng, 15, 0.2) for _ in range(8)]
    assert len({crop.tobytes() for crop in crops}) == 8
    for distance in middles(lambda dot: varied(dot, (100, 100), rng, 15, 0.2)):
        assert distance < 100 * 0.25 * 0.75


def test_a_copy_is_nearly_the_shot() -> None:
    rng = np.random.default_rng(0)
    distances = middles(lambda dot: copy_of(dot, (100, 100), rng))
    assert max(distances) < 100 * COPY_CROP
    assert len(set(distances)) > 1
    copied = copy_of(photo(0), (70, 90), rng)
    assert copied.shape == photo(0).shape
    assert not np.array_equal(copied, photo(0))


def middles(vary) -> list[float]:
    """How far the middle of a shot moves, in 50 variations."""
    dot = np.zeros((200, 200, 3), np.uint8)
    dot[95:105, 95:105] = 255
    return [
        float(np.hypot(*(np.argwhere(vary(dot)[..., 0] > 99).mean(axis=0) - 50)))
        for _ in range(50)
    ]  # fmt: skip


def test_another_light_keeps_the_picture() -> None:
    shot, rng = load_image(ROOT / "assets" / "examples" / "metal-scratch.jpg"), np.random.default_rng(0)
    assert relit(shot, rng, 0) is shot
    for _ in range(20):
        lit = relit(shot, rng, 0.2)
        assert lit.dtype == np.uint8
        assert np.corrcoef(lit.ravel(), shot.ravel())[0, 1] > 0.9
        assert abs(lit.mean() - shot.mean()) < 25
