"""A handful of each kind of hostile file; `python -m tests.fuzz` tries thousands."""

import random

import pytest

from tests.fuzz.harness import KINDS, fuzz
from tests.fuzz.kills import kill_adapt

COUNTS = {"picture": 40, "archive": 12, "video": 12, "saved": 20}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_taken_or_refused(kind):
    tally = fuzz(kind, COUNTS[kind], seconds=120)  # other tests run beside it
    assert not tally.faults
    assert sum(tally.answers.values()) == COUNTS[kind]


@pytest.mark.slow
def test_adapt_is_ended_at_any_moment(tmp_path):
    assert not kill_adapt(tmp_path, 1, random.Random())
