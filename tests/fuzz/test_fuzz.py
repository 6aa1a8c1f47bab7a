"""A handful of each kind of hostile file; `python -m tests.fuzz` tries thousands."""

import random

import pytest

from tests.fuzz.harness import KINDS, fuzz
from tests.fuzz.kills import KILLS

COUNTS = {"picture": 40, "archive": 12, "video": 12, "saved": 20, "corrections": 100}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_taken_or_refused(kind):
    tally = fuzz(kind, COUNTS[kind], seconds=120)  # other tests run beside it
    assert not tally.faults
    assert sum(tally.answers.values()) == COUNTS[kind]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "times"), [("adapt", 1), ("page-learning", 10), ("page-frames", 10)])
def test_what_is_ended_at_any_moment_is_whole_or_begun_again(tmp_path, name, times):
    assert not KILLS[name](tmp_path, times, random.Random())
