"""PatchCore: what it computes is what its paper says, written down as plain loops in float64."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.errors import SettingsError, WeightsError
from maeday_core.methods.patchcore import (
    CROP,
    MARGIN_ALONE,
    MAX_PATCHES,
    MemoryBank,
    build_bank,
    compare,
    coreset,
    crops_of,
    load_bank,
    patchcore,
    views,
)
from maeday_core.model.backbone import load_backbone
from tests.conftest import part


@pytest.fixture(scope="module")
def bank() -> MemoryBank:
    return build_bank(load_backbone(), [part(0), part(1)])


def slow_coreset(features: np.ndarray, size: int, first: int) -> list[int]:
    chosen = [first]
    while len(chosen) < size:
        nearest = [min(math.dist(feature, features[c]) for c in chosen) for feature in features]
        for c in chosen:
            nearest[c] = -1
        chosen.append(int(np.argmax(nearest)))
    return chosen


def slow_compare(patches: np.ndarray, known: np.ndarray, neighbours: int = 9) -> tuple[np.ndarray, np.ndarray]:
    distances, nearest = [], []
    for patch in patches:
        all_distances = [math.dist(patch, other) for other in known]
        distances.append(min(all_distances))
        nearest.append(int(np.argmin(all_distances)))
    worst = int(np.argmax(distances))
    found = known[nearest[worst]]
    around = sorted(range(len(known)), key=lambda i: math.dist(found, known[i]))[:neighbours]
    powers = [math.exp(math.dist(patches[worst], known[i])) for i in around]
    weight = 1 - math.exp(distances[worst]) / sum(powers)
    return weight * np.array(distances), np.array(nearest)


def test_the_coreset_is_the_greedy_one() -> None:
    features = torch.randn(80, 5, generator=torch.Generator().manual_seed(0))
    chosen = coreset(features, 20, seed=3)
    assert chosen.tolist() == slow_coreset(features.double().numpy(), 20, int(chosen[0]))


@given(st.integers(0, 1000), st.integers(1, 40))
def test_a_coreset_has_no_patch_twice_and_a_seed_gives_it_again(seed: int, size: int) -> None:
    features = torch.randn(40, 100, generator=torch.Generator().manual_seed(seed))
    chosen = coreset(features, size, seed)
    assert len(set(chosen.tolist())) == size
    assert torch.equal(chosen, coreset(features, size, seed))


def test_distances_and_their_weight_are_the_papers() -> None:
    generator = torch.Generator().manual_seed(0)
    features, known = torch.randn(4, 5, 7, generator=generator), torch.randn(30, 7, generator=generator)
    distances, nearest = compare(features, known)
    expected, places = slow_compare(features.view(20, 7).double().numpy(), known.double().numpy())
    assert np.allclose(distances.ravel(), expected, atol=1e-5)
    assert np.array_equal(nearest.ravel(), places)


def test_a_defect_is_found_where_it_is_and_shown_beside_what_is_most_alike(bank: MemoryBank) -> None:
    good, bad = (patchcore(load_backbone(), bank, part(2, defect)) for defect in (False, True))
    assert bad.image_score > 1.3 * good.image_score
    y, x = np.unravel_index(bad.error_map.argmax(), bad.error_map.shape)
    assert abs(y - 68) < 12
    assert abs(x - 28) < 12
    assert bad.error_map.shape == (96, 96)
    assert bad.image_score == pytest.approx(bad.error_map.max())
    assert bad.first_threshold == bank.threshold == max(bank.scores)
    assert len(bank.scores) == 2
    assert bad.match is not None
    assert bad.match.crops is not None
    assert bad.match.nearest.max() < len(bad.match.crops)


def test_a_shot_is_near_to_itself_and_its_reflections(bank: MemoryBank) -> None:
    backbone = load_backbone()
    small = build_bank(backbone, [part(0)], augment=True)
    for view in views(part(0)):
        assert patchcore(backbone, small, view).image_score < 0.6 * small.threshold
    assert len(small.scores) == 8
    assert small.threshold == max(small.scores) + MARGIN_ALONE


def test_one_photo_given_twice_is_one_photo() -> None:
    once, twice = (build_bank(load_backbone(), [part(0)] * count) for count in (1, 2))
    assert twice.threshold == pytest.approx(once.threshold, abs=0.05)


def test_a_bank_is_bounded_whatever_the_number_of_shots() -> None:
    shots = (part(i) for i in range(40))
    bank = build_bank(load_backbone("test_resnet", pretrained=False), shots)
    assert len(bank.features) == len(bank.crops) == MAX_PATCHES
    assert bank.shots == 40


def test_a_small_bank_keeps_every_patch() -> None:
    bank = build_bank(load_backbone(), [part(0)], augment=False)
    assert len(bank.features) == 28 * 28


def test_a_saved_bank_gives_the_same_map(bank: MemoryBank, tmp_path: Path) -> None:
    bank.save(tmp_path / "bank.safetensors")
    loaded = load_bank(tmp_path / "bank.safetensors")
    maps = [patchcore(load_backbone(), b, part(3, True)).error_map for b in (bank, loaded)]
    assert np.array_equal(*maps)
    assert loaded.threshold == bank.threshold
    assert (tmp_path / "bank.safetensors").stat().st_size < 6e6


def test_a_bank_of_another_backbone_is_refused(bank: MemoryBank) -> None:
    with pytest.raises(SettingsError, match="belongs to the backbone lite0, not to test_vit"):
        patchcore(load_backbone("test_vit", pretrained=False), bank, part(0))


def test_no_shots_are_an_error() -> None:
    with pytest.raises(SettingsError, match="at least one"):
        build_bank(load_backbone(), [])


@pytest.mark.parametrize(
    "broken",
    [
        {"features": torch.zeros(3)},
        {"features": torch.full((2, 4), torch.nan), "crops": np.zeros((2, CROP, CROP, 3), np.uint8)},
        {"crops": np.zeros((1, 2, 2, 3), np.uint8)},
        {"scores": ()},
        {"shots": 0},
    ],
)
def test_a_damaged_bank_is_one_sentence(bank: MemoryBank, tmp_path: Path, broken: dict) -> None:
    replace(bank, **broken).save(tmp_path / "bank.safetensors")
    with pytest.raises(WeightsError, match=r"bank\.safetensors holds no memory bank"):
        load_bank(tmp_path / "bank.safetensors")


def test_a_missing_bank_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        load_bank(tmp_path / "none.safetensors")
    (tmp_path / "notes.safetensors").write_text("notes")
    with pytest.raises(WeightsError, match="build it again"):
        load_bank(tmp_path / "notes.safetensors")


def test_crops_show_the_place_they_are_of() -> None:
    picture = np.zeros((224, 224, 3), np.uint8)
    picture[80:88, 160:168] = 255  # row 10, column 20 of 28
    crops = crops_of(picture, 28, 28)
    assert crops.shape == (784, CROP, CROP, 3)
    brightest = crops[10 * 28 + 20]
    y, x = (round(float(c.mean())) for c in np.nonzero(brightest.max(axis=2) > 128))
    assert abs(y - CROP // 2) <= 1
    assert abs(x - CROP // 2) <= 1
    assert crops[0].max() == 0
    assert np.array_equal(crops_of(picture, 28, 28, [300, 5]), crops[[300, 5]])
