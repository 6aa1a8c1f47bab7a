"""What tests of the Frames tab share."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.frames.batch import Batch, State
from tests.app.frames.wired import ASKED, AUTOMATIC, Wired
from tests.frames.batches import measured, with_one_spot


@pytest.fixture(scope="module")
def wired() -> Wired:
    return Wired()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Eight frames, number 3 with a spot, judged."""
    return Batch(measured(tmp_path, with_one_spot()), ASKED, 8, state=State.DONE).judged(AUTOMATIC)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A visitor's folder with eight frames."""
    measured(tmp_path, with_one_spot())
    (tmp_path / "visitor").mkdir()
    return (tmp_path / "in").rename(tmp_path / "visitor" / "sources").parent
