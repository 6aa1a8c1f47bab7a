"""The largest picture that is taken, given to the page: what its server holds at most."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.timing import noise
from benchmarks.visitor import Visitor
from tests.app.servers import serving

SIDE = 7000
MEGABYTES = 1.35 * 1024
"""More than the command line may take: torch, in the build with CUDA, takes 530 before anything is done, and Gradio
150; 1309 were measured with all masks."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="others count memory in other units")
@pytest.mark.parametrize("content", ["one colour", "noise"])
def test_the_memory_for_the_largest_picture_is_bounded(tmp_path, content):
    large = tmp_path / "large.png"
    if content == "noise":
        Image.fromarray(noise(SIDE, SIDE)).save(large, compress_level=0)
    else:
        Image.new("RGB", (SIDE, SIDE), (90, 120, 60)).save(large, compress_level=1)
    with serving(tmp_path) as server:
        visitor = Visitor(server.url)
        visitor.set("query", visitor.upload(large))
        visitor.set("masks", 4)
        visitor.press("detect")
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        error_map = visitor.props[visitor.number("get-npy")]["value"]
        (tmp_path / "map.npy").write_bytes(visitor.fetch(error_map))
    assert int(status.partition("VmHWM:")[2].split()[0]) / 1024 < MEGABYTES
    assert np.load(tmp_path / "map.npy", mmap_mode="r").shape == (SIDE, SIDE)
