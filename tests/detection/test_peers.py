"""Pictures of one kind tell what is ordinary: by those that score alike, low down, whatever defective ones score."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.peers import PEERS, from_peers

ALONE = Ordinary(1.0, 0.3, 0.3, "By itself.", least=0.2, alike=0.04)
SCORES = st.lists(st.floats(0.5, 3.0), min_size=PEERS.least, max_size=40).map(np.array)


def drawn(good, bad, seed, spread=0.04, factor=1.3):
    """Scores of good pictures about 0.8, then of defective ones."""
    rng = np.random.default_rng(seed)
    return np.exp(np.log(0.8) + np.concatenate([rng.normal(0, spread, good), np.log(factor) + rng.normal(0, 0.1, bad)]))


def test_too_few_or_an_unknown_spread_tell_nothing():
    assert from_peers(drawn(PEERS.least - 1, 0, 0), ALONE) is None
    assert from_peers(drawn(20, 0, 0), Ordinary(1.0, 0.3, 0.3, "")) is None


def test_what_is_told_says_what_it_rests_on():
    found = from_peers(drawn(12, 4, 0), ALONE)
    assert (found.peers, found.shots, found.least, found.alike) == (16, 0, 0.2, 0.04)
    assert "16 photos of one kind" in found.reason
    assert 0 < found.uncertainty < found.spread


@given(SCORES, st.randoms(use_true_random=False))
def test_order_does_not_matter(scores, random):
    shuffled = np.array(random.sample(list(scores), len(scores)))
    assert from_peers(shuffled, ALONE) == from_peers(scores, ALONE)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_the_unit_does_not_matter(seed, unit):
    scores = drawn(18, 6, seed)  # no two gaps are alike to the last bit, so none is chosen by rounding
    alone = replace(ALONE, level=ALONE.level * unit, least=ALONE.least * unit)
    found, scaled = from_peers(scores, ALONE), from_peers(scores * unit, alone)
    assert scaled.level == pytest.approx(found.level * unit)
    assert scaled.spread == pytest.approx(found.spread)


@given(SCORES, st.floats(3.5, 1e6))
def test_how_far_above_a_defect_scores_does_not_matter(scores, high):
    defective = [np.append(scores, one) for one in (3.5, high)]
    low, far = (from_peers(one, ALONE) for one in defective)
    assert (low and (low.level, low.spread)) == (far and (far.level, far.spread))


@pytest.mark.parametrize("share", [0, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("count", [10, 24, 60])
def test_false_alarms_are_as_many_as_wanted_and_defects_are_found(count, share):
    bad = round(share * count)
    alarms, hits = [], []
    for seed in range(200):
        scores = drawn(count - bad, bad, seed, factor=1.5)
        above = scores > from_peers(scores, ALONE).limit(0.05)
        alarms.append(above[: count - bad].mean())
        hits += list(above[count - bad :])
    assert np.mean(alarms) < 0.08
    assert not bad or np.mean(hits) > 0.95


@given(st.integers(0, 1000), st.floats(0.2, 3))
def test_where_most_are_defective_a_picture_is_not_judged_more_mildly_than_by_itself(seed, level):
    alone = replace(ALONE, level=level)
    mostly_defective = drawn(4, 16, seed, factor=2.5)
    found = from_peers(mostly_defective, alone) or alone
    assert found.limit(0.05) <= alone.limit(0.05)
