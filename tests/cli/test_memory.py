"""The largest picture that is taken, through the command line: what the process holds at most."""

import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from benchmarks.memory import measured
from tests.io.picture_files import chunk, png

SIDE = 7000
MEGABYTES = 1.2 * 1024
"""Of which torch, in the build with CUDA, takes 530 before anything is done."""


def one_colour() -> bytes:
    packer = zlib.compressobj(1)
    row = b"\0" + bytes((90, 120, 60)) * SIDE
    rows = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    return png(SIDE, SIDE, 8, 2).replace(chunk(b"IDAT", zlib.compress(b"", 1)), chunk(b"IDAT", rows))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="others count memory in other units")
@pytest.mark.parametrize("content", ["one colour", "noise"])
def test_the_memory_for_the_largest_picture_is_bounded(tmp_path, content):
    large = tmp_path / "large.png"
    if content == "noise":
        noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(noise).save(large, compress_level=0)
        del noise
    else:
        large.write_bytes(one_colour())
    _, peak = measured("detect", str(large), "--method", "ensemble", "--masks", "4", "--out", str(tmp_path / "out"))
    assert peak < MEGABYTES
    assert np.load(tmp_path / "out" / "large-error-map.npy", mmap_mode="r").shape == (SIDE, SIDE)
