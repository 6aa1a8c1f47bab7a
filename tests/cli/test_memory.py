"""The largest picture that is taken, through the command line: what it costs beside the program itself."""

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.io.picture_files import chunk, png

SIDE = 7000
MEGABYTES = 1500
"""The picture has 147 MB, and each map 196: three for the ensemble of two methods, which holds more than either."""


def one_colour() -> bytes:
    packer = zlib.compressobj(1)
    row = b"\0" + bytes((90, 120, 60)) * SIDE
    rows = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    return png(SIDE, SIDE, 8, 2).replace(chunk(b"IDAT", zlib.compress(b"", 1)), chunk(b"IDAT", rows))


def peak(*arguments) -> float:
    """The most memory in MB that `maeday detect` has held."""
    command = [sys.executable, "-m", "maeday_core", "detect", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return used.ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="others count memory in other units")
@pytest.mark.parametrize("content", ["one colour", "noise"])
def test_the_memory_for_the_largest_picture_is_bounded(tmp_path, content):
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    Image.new("RGB", (300, 300), (90, 120, 60)).save(small)
    if content == "noise":
        noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(noise).save(large, compress_level=0)
        del noise
    else:
        large.write_bytes(one_colour())
    options = "--method", "ensemble", "--masks", 1, "--out", tmp_path / "out"
    assert peak(large, *options) - peak(small, *options) < MEGABYTES
    assert np.load(tmp_path / "out" / "large-error-map.npy", mmap_mode="r").shape == (SIDE, SIDE)
