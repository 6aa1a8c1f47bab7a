"""Pictures given together without good parts are looked at again, beside the most ordinary of them."""

from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.peers import PEERS
from maeday_core.fewshot.doubts import appearance
from maeday_core.fewshot.fine_tuning import CALIBRATE
from maeday_core.methods import ENSEMBLE, MAEDAY, detect, learn
from maeday_core.methods.peers import Peers
from maeday_core.methods.second_look import SecondLooks
from tests.conftest import part

DEFECTIVE = 7
COUNT = 10

pytestmark = pytest.mark.usefixtures("small_banks")


@pytest.fixture(scope="module")
def photos():
    """Of a kind, most of them defective."""
    return [part(seed, defect=seed < DEFECTIVE) for seed in range(COUNT)]


@pytest.fixture(scope="module")
def peers(photos, tools):
    scores = [detect(ENSEMBLE, tools, photo).image_score for photo in photos]
    return Peers().with_more(scores, [appearance(photo) for photo in photos])


@pytest.fixture(scope="module")
def second(tools):
    return SecondLooks(ENSEMBLE, tools)


@pytest.fixture(scope="module")
def found(photos, peers, second, small_banks):
    looks = second.of(peers, photos.__getitem__, [f"{number}.png" for number in range(COUNT)])
    return [look(photo) for look, photo in zip(looks, photos, strict=True)]


def test_defects_score_above_what_is_good_where_most_are_defective(found):
    scores = [result.image_score for result, _ in found]
    assert min(scores[:DEFECTIVE]) > max(scores[DEFECTIVE:])
    row, column = np.unravel_index(found[0][0].error_map.argmax(), found[0][0].error_map.shape)
    assert 56 <= row < 80
    assert 16 <= column < 40


def test_no_picture_is_judged_by_itself(found, peers):
    ordinary = {f"{number}.png" for number in np.argsort(peers.scores)[: PEERS.ordinary(COUNT)]}
    for number, (_, reference) in enumerate(found):
        name = f"{number}.png"
        assert set(reference.names) == ordinary if name not in ordinary else ordinary > set(reference.names) > set()
        assert name not in reference.names


def test_it_is_what_the_ordinary_ones_give_as_good_parts_but_for_a_wider_limit(found, photos, tools):
    result, reference = found[0]
    calibrating = replace(tools, preset=CALIBRATE)
    chosen = [photos[int(name.removesuffix(".png"))] for name in reference.names]
    same = detect(ENSEMBLE, calibrating, photos[0], learn(ENSEMBLE, calibrating, chosen))
    assert np.array_equal(result.error_map, same.error_map)
    ordinary, expected = result.threshold.ordinary, same.threshold.ordinary
    assert (ordinary.level, ordinary.spread) == (expected.level, PEERS.chosen * expected.spread)
    assert (ordinary.shots, ordinary.peers) == (0, COUNT)  # nobody vouches for them
    assert f"on {COUNT} photos" in ordinary.reason
    assert f"({len(reference.names)})" in ordinary.reason


def test_what_a_group_taught_serves_the_next_and_another_kind_is_judged_by_none(found, second, photos):
    other = np.full_like(photos[0], 255)
    group = Peers().with_more([1.0, 1.0], [appearance(photos[0]), appearance(other)])
    look, none = second.of(group, {}.__getitem__, ["again.png", "other.png"])
    assert none is None
    assert look is not None
    assert look(photos[0])[0].image_score == pytest.approx(found[0][0].image_score)


def test_a_method_that_does_not_ask_for_it_looks_once(tools, photos, peers):
    looks = SecondLooks(MAEDAY, tools).of(peers, photos.__getitem__, [""] * COUNT)
    assert looks == [None] * COUNT


def test_kinds_are_told_apart_and_few_of_a_kind_are_none():
    near, far = np.zeros(9), np.full(9, 5.0)
    peers = Peers().with_more(np.arange(20.0), [near] * 9 + [far] * 8 + [2 * far] * 3)
    assert [kind.tolist() for kind in peers.kinds()] == [list(range(9)), list(range(9, 17))]
