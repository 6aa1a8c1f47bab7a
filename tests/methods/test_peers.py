"""Pictures given together are judged among those of their kind, and only without good parts."""

import numpy as np
import pytest

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.peers import from_peers
from maeday_core.fewshot.doubts import APPEARANCE, LIMITS, appearance
from maeday_core.methods.peers import Peers
from tests.conftest import part

ALONE = Ordinary(1.0, 0.3, 0.3, "By itself.", alike=0.04).threshold(0.1)


def of_kinds(*counts, apart=2 * LIMITS.alike):
    """Peers of several kinds, each of another score, and the appearance of each kind."""
    looks = [np.full(APPEARANCE, kind * apart) for kind in range(len(counts))]
    scores = [np.linspace(0.9, 1.1, count) * (kind + 1) for kind, count in enumerate(counts)]
    peers = Peers()
    for own, look in zip(scores, looks, strict=True):
        peers = peers.with_more(own, [look] * len(own))
    return peers, scores, looks


def test_each_kind_is_judged_by_its_own():
    peers, scores, looks = of_kinds(10, 12)
    for own, look in zip(scores, looks, strict=True):
        found = peers.threshold(look, ALONE)
        assert found.ordinary == from_peers(own, ALONE.ordinary)
        assert found.alarm_rate == 0.1


def test_a_picture_of_a_kind_of_which_there_are_few_is_judged_alone():
    peers, _, looks = of_kinds(20, 3)
    assert peers.threshold(looks[1], ALONE) is ALONE
    assert Peers().with_more([1.0], [looks[0]]).threshold(looks[0], ALONE) is ALONE


def test_good_parts_know_better():
    peers, _, looks = of_kinds(20)
    known = Ordinary(1.0, 0.3, 0.3, "Good parts.", shots=2, alike=0.04).threshold()
    assert peers.threshold(looks[0], known) is known


@pytest.mark.parametrize("brightness", [0.97, 1.03])
def test_the_same_part_in_a_little_other_light_is_of_one_kind(brightness):
    one, other = part(0), np.clip(part(1) * brightness, 0, 255).astype(np.uint8)
    assert np.linalg.norm(np.subtract(appearance(one), appearance(other))) < LIMITS.alike
