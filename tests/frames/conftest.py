"""Shared by the tests of frames."""

from pathlib import Path

import pytest

from maeday_core.frames import FrameRun
from tests.frames.batches import measured, with_one_spot, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight frames of one ground, number 3 with a spot."""
    return write(tmp_path / "in", with_one_spot())


@pytest.fixture
def run(tmp_path: Path) -> FrameRun:
    """A run that has looked at eight frames, number 3 with a spot."""
    return measured(tmp_path, with_one_spot())
