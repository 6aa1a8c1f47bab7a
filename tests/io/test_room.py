"""The pixels of a large picture lie in a file, and are the same wherever they lie."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from maeday_core.io import room
from maeday_core.io.images import load_image, resize
from maeday_core.io.room import leave_to_the_file, room_for

NOISE = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_picture_in_a_file_is_the_same(tmp_path, monkeypatch, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    in_memory = load_image(tmp_path / "a.png")
    monkeypatch.setattr(room, "LARGE", 100)
    in_file = load_image(tmp_path / "a.png")
    for _ in range(2):
        assert (resize(in_file, 30, 40) == resize(in_memory, 30, 40)).all()
        leave_to_the_file(in_file[5:, ::2])
    assert (in_file == in_memory).all()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="pictures lie in memory")
def test_where_the_disk_is_full_it_lies_in_memory(monkeypatch):
    monkeypatch.setattr(room, "LARGE", 100)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert room_for(90, 70, 3).base is not None
    monkeypatch.setattr(os, "posix_fallocate", full)
    pixels = room_for(90, 70, 3)
    assert pixels.base is None
    pixels[:] = NOISE
    leave_to_the_file(pixels)
    assert (pixels == NOISE).all()
