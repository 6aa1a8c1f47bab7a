"""The memory bank: coreset, distances and weights are those of PatchCore's paper, written down as plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.detection.calibration import GRID
from maeday_core.detection.decision import from_good_parts
from maeday_core.detection.maps import to_map
from maeday_core.errors import SettingsError
from maeday_core.methods.building import build_bank
from maeday_core.methods.memory_bank import LIMITS, MemoryBank, as_compared, compare, mirrored_map, turned_back
from maeday_core.methods.patchcore import RATES
from maeday_core.methods.patches import coreset, crops_of, rotations_and_reflections
from maeday_core.model.backbone import Backbone, load_backbone
from tests.conftest import part
from tests.foreign import SURFACES, surface


@pytest.fixture(scope="module")
def bank() -> MemoryBank:
    return build_bank(load_backbone(), [part(0), part(1)])


@pytest.fixture(scope="module")
def untrained() -> Backbone:
    """A small network of random weights, for what does not depend on what it has learned."""
    return load_backbone("test_resnet", pretrained=False)


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


def test_a_bank_of_one_patch_gives_plain_distances() -> None:
    features, known = torch.eye(3)[None], torch.zeros(1, 3)
    distances, nearest = compare(features, known)
    assert np.allclose(distances, 1)
    assert (nearest == 0).all()


def limit(bank: MemoryBank, query: np.ndarray) -> float:
    return from_good_parts(bank.good(load_backbone()(query)), RATES).limit(0.05)


def test_each_good_part_is_judged_by_the_others(bank: MemoryBank) -> None:
    assert (bank.shots, bank.alone) == (2, False)
    assert bank.left_out.shape == (2, GRID, GRID)
    often = build_bank(load_backbone(), [part(0), part(0), part(3, defect=True)])
    one, again, defect = often.left_out.max(axis=(1, 2))
    assert defect > 1.3 * max(one, again), "nothing in the others looks like it"


def test_a_single_good_part_is_judged_by_its_copies() -> None:
    bank = build_bank(load_backbone(), [part(0)])
    assert (bank.shots, bank.alone) == (1, True)
    assert bank.left_out.shape == (LIMITS.copies, GRID, GRID)
    assert bank.left_out.max() > 0


@pytest.mark.parametrize("count", [2, 4, 9])
def test_one_photo_given_several_times_is_one_photo(count: int) -> None:
    once, often = (build_bank(load_backbone(), [part(0)] * shots) for shots in (1, count))
    query = part(3)
    assert (often.shots, often.alone) == (count, True)
    assert often.good(load_backbone()(query)).shots == 1
    assert limit(often, query) == pytest.approx(limit(once, query), rel=0.05)


def test_good_parts_unlike_each_other_allow_more() -> None:
    alike, unlike = (build_bank(load_backbone(), shots) for shots in ([part(0), part(1)], [part(0), 255 - 2 * part(1)]))
    assert not unlike.alone
    assert limit(unlike, part(3)) > limit(alike, part(3))


def test_a_query_judges_the_first_two_good_parts(bank: MemoryBank) -> None:
    features = load_backbone()(part(3))
    good = bank.good(features)
    assert good.mirrored.shape == (LIMITS.mirrored, GRID, GRID)
    assert np.array_equal(good.left_out, bank.left_out)
    for views, found in zip(bank.views, good.mirrored, strict=True):
        own = to_map(compare(views[0], bank.features)[0], GRID, GRID)
        assert np.array_equal(found, np.maximum(mirrored_map(views, features), own))
    three = build_bank(load_backbone(), [part(0), part(1), part(2)])
    assert len(three.good(features).mirrored) == 2
    through_windows = build_bank(load_backbone(), [part(0)], tile="on")
    assert through_windows.good(features).mirrored is None


def slow_mirrored(views: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Each patch of a good part (8, n, n, C), in the best of its views, against all patches of the query."""
    side = len(views[0])
    distances, _ = slow_compare(views.reshape(-1, views.shape[-1]), query.reshape(-1, query.shape[-1]))
    best = np.full((side, side), np.inf)
    for index, distance in enumerate(distances):
        number, y, x = np.unravel_index(index, views.shape[:3])
        for _ in range(number % 4):
            y, x = x, side - 1 - y
        if number >= 4:
            x = side - 1 - x
        best[y, x] = min(best[y, x], distance)
    return best


def test_good_parts_are_looked_for_in_a_query_under_all_rotations() -> None:
    generator = torch.Generator().manual_seed(0)
    views, query = torch.randn(8, 4, 4, 7, generator=generator), torch.randn(3, 5, 7, generator=generator)
    expected = slow_mirrored(views.double().numpy(), query.double().numpy())
    np.testing.assert_allclose(mirrored_map(views, query), to_map(expected, GRID, GRID), atol=1e-5)


@given(st.integers(1, 6), st.integers(0, 7))
def test_values_of_a_view_are_turned_back(side: int, number: int) -> None:
    values = np.arange(3 * side * side).reshape(side, side, 3)
    view = rotations_and_reflections(values)[number][..., 0]
    assert np.array_equal(turned_back(view, number), values[..., 0])


@pytest.mark.parametrize("kind", SURFACES)
def test_a_query_judges_a_good_part_as_the_good_part_judges_the_query(kind: str) -> None:
    rng = np.random.default_rng(0)
    a, b = surface(kind, rng), surface(kind, rng)
    network = load_backbone()
    one, other = (build_bank(network, [shot]) for shot in (a, b))
    judged = to_map(compare(network(b), one.features)[0], GRID, GRID)
    (mirrored,) = other.good(network(a)).mirrored
    assert mirrored.mean() == pytest.approx(judged.mean(), rel=0.35)


def test_a_defect_of_the_query_does_not_raise_the_limit_by_much(bank: MemoryBank) -> None:
    calm, defect = (limit(bank, part(3, bad)) for bad in (False, True))
    assert defect == pytest.approx(calm, rel=0.1)


def test_a_bank_is_bounded_whatever_the_number_of_shots(untrained: Backbone) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 3), dtype=np.uint8)
    bank = build_bank(untrained, (np.tile(colour, (96, 96, 1)) for colour in colours))
    assert len(bank.features) == len(bank.crops) == LIMITS.patches
    assert bank.shots == 40
    assert len(bank.left_out) == LIMITS.judged
    assert len(bank.views) == LIMITS.mirrored
    good = bank.good(untrained(np.full((96, 96, 3), 99, np.uint8)))
    assert good.shots == 40
    assert 0 < from_good_parts(good, RATES).limit(0.05) < math.inf


@pytest.mark.parametrize("count", [1, 3])
def test_blank_good_parts_give_a_limit_that_is_a_number(count: int) -> None:
    blank = np.full((96, 96, 3), 128, np.uint8)
    bank = build_bank(load_backbone(), [blank] * count)
    for query in (blank, part(0)):
        assert 0 < limit(bank, query) < math.inf


@pytest.mark.parametrize("name", ["wide_resnet50_2.tv_in1k", "test_vit"])
def test_other_networks_have_views_of_their_own_grid(name: str) -> None:
    network = load_backbone(name, pretrained=False)
    bank = build_bank(network, [part(0)])
    good = bank.good(network(part(1)))
    assert bank.views.shape[:2] == (1, 8)
    assert bank.views.shape[2] == bank.views.shape[3]
    assert good.mirrored.shape == (1, GRID, GRID)
    assert 0 < from_good_parts(good, RATES).limit(0.05) < math.inf


def test_shots_are_taken_one_at_a_time(untrained: Backbone) -> None:
    class Photo(np.ndarray):
        alive = most = 0

        def __array_finalize__(self, other: object) -> None:
            Photo.alive += 1
            Photo.most = max(Photo.most, Photo.alive)

        def __del__(self) -> None:
            Photo.alive -= 1

    build_bank(untrained, (part(i).view(Photo) for i in range(12)), augment=False)
    assert 1 <= Photo.most < 6


def test_a_small_bank_keeps_every_patch() -> None:
    bank = build_bank(load_backbone(), [part(0)], augment=False)
    assert len(bank.features) == 28 * 28


def test_shots_are_turned_and_reflected_unless_seen_as_windows_see_them(untrained: Backbone) -> None:
    def patches(**options) -> int:
        return len(build_bank(untrained, [part(0)[:16, :16]], **options).features)

    assert patches(augment=False) == 28 * 28
    assert patches() == patches(augment=True) == LIMITS.patches < 8 * 28 * 28
    assert patches(tile="on") == 8 * 8
    assert patches(tile="on", augment=True) == 8 * 8 * 8


def test_rotations_and_reflections_are_eight_different_views() -> None:
    views = rotations_and_reflections(part(0, True))
    assert len({view.tobytes() for view in views}) == 8
    assert np.array_equal(views[0], part(0, True))


def test_another_seed_is_another_coreset(untrained: Backbone) -> None:
    one, again, other = (build_bank(untrained, [part(0), part(1)], seed) for seed in (0, 0, 1))
    assert torch.equal(one.features, again.features)
    assert not torch.equal(one.features, other.features)
    assert other.seed == 1


def test_a_bank_has_a_summary_and_no_doubts(bank: MemoryBank) -> None:
    assert bank.summary == f"{len(bank.features)} patches to compare with"
    assert bank.doubts == ()
    assert bank.doubt_of(part(2, True)) is None
    assert bank.describe() == {
        "backbone": "lite0",
        "patches": len(bank.features),
        "shots": 2,
    }


def test_no_shots_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least one"):
        build_bank(load_backbone(), [])


def test_crops_show_the_place_they_are_of() -> None:
    size = LIMITS.crop
    picture = np.zeros((224, 224, 3), np.uint8)
    picture[80:88, 160:168] = 255  # row 10, column 20 of 28
    crops = crops_of(picture, 28, 28)
    assert crops.shape == (784, size, size, 3)
    brightest = crops[10 * 28 + 20]
    y, x = (round(float(c.mean())) for c in np.nonzero(brightest.max(axis=2) > 128))
    assert abs(y - size // 2) <= 1
    assert abs(x - size // 2) <= 1
    assert crops[0].max() == 0
    assert np.array_equal(crops_of(picture, 28, 28, [300, 5]), crops[[300, 5]])


def test_a_picture_is_compared_whole_or_at_the_scale_of_windows() -> None:
    picture = np.zeros((480, 700, 3), np.uint8)
    assert as_compared(picture, 224, "off").shape == (224, 224, 3)
    assert as_compared(picture, 224, "on").shape == (480, 700, 3)
    assert as_compared(np.zeros((1000, 1200, 3), np.uint8), 224, "on").shape == (500, 600, 3)
