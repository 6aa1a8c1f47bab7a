"""Files made to break a decoder, or to fill the memory, are refused in one sentence."""

import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from maeday_core.errors import ImageError
from maeday_core.io.images import load_image
from tests.io.checks import load_all, refusal
from tests.io.picture_files import (
    COLOUR,
    RAMP,
    broken_files,
    chunk,
    encode,
    photo,
    png,
    png16,
    tiff_of_12_bits,
    tile_bomb,
    whole_files,
)


def test_bombs_are_refused_before_memory_is_spent(tmp_path):
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(24_001)) for _ in range(8000)) + packer.flush()
    big = png(8000, 8000, 8, 2).replace(chunk(b"IDAT", zlib.compress(b"", 1)), chunk(b"IDAT", rows))
    scan = encode(np.full((2000, 2000), 99, np.uint8), "JPEG", progressive=True)
    last = scan[scan.rindex(b"\xff\xda") : -2]
    bombs = {
        "header.png": png(60_000, 60_000, 8, 2, b"tiny"),
        "valid.png": big,
        "text.png": png(1, 1, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(300_000_000), 1)), data=b"\0\0"),
        "header.jpg": encode(photo(), "JPEG").replace(struct.pack(">HH", 12, 20), struct.pack(">HH", 65_500, 65_500)),
        "scans.jpg": scan[:-2] + last * 20_000 + scan[-2:],
        "header.gif": b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + encode(photo(), "GIF")[10:],
        "header.bmp": encode(photo(), "BMP").replace(struct.pack("<ii", 20, 12), struct.pack("<ii", 90_000, 90_000)),
        "header.ppm": b"P6 60000 60000 255\nabc",
        "tile.tif": tile_bomb(9000),
        "header.webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xff\x3f\0" * 2 + b"ANIM\x06\0\0\0" + bytes(6),
    }
    for name, data in bombs.items():
        (tmp_path / name).write_bytes(data)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")  # reading it would never end
    report = load_all(tmp_path)
    assert all(isinstance(result, str) for result in report["results"].values()), report["results"]
    for name in ("header.png", "valid.png", "header.jpg", "header.gif", "header.bmp", "header.ppm", "tile.tif"):
        assert "larger than 50 megapixels" in report["results"][name]
    assert report["megabytes"] < 120


def test_over_50_megapixels_is_refused_and_50_is_not():
    white = zlib.compress(b"\0" * (7000 * 876), 1)
    fits = png(7000, 7000, 1).replace(chunk(b"IDAT", zlib.compress(b"", 1)), chunk(b"IDAT", white))
    assert load_image(fits).shape == (7000, 7000, 3)
    for over in (
        png(7072, 7072, 1, data=bytes(100)),
        png(50_000_001, 1, 1, data=bytes(100)),
        png(500_001, 100, 1, data=bytes(100)),
        Image.new("1", (7072, 7072)),
        np.broadcast_to(np.uint8(0), (7072, 7072)),
        np.broadcast_to(np.float32(0), (10**6, 10**6)),
    ):
        assert "larger than 50 megapixels" in refusal(over)


@pytest.mark.parametrize("size", [(65_000, 1), (1, 65_000), (500, 1), (20_000, 30), (1, 1_000_000), (101, 1)])
def test_a_line_is_refused_and_a_strip_is_not(size):
    width, height = size
    for line in (
        png(width, height, 1, data=bytes(100)),
        Image.new("1", size),
        np.broadcast_to(np.uint8(0), size[::-1]),
    ):
        assert "more than 100 times as long as wide" in refusal(line)
    for strip in ((8000, 200), (100, 1), (60, 6000)):
        assert load_image(Image.new("L", strip)).shape[1::-1] == strip


def test_over_200_megabytes_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "huge.tif"
    with path.open("wb") as file:
        file.write(b"II*\0")
        file.truncate(200_000_001)
    assert "larger than 200 MB" in refusal(bytes(200_000_001))
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was read"))
    assert refusal(path).startswith("huge.tif is larger than 200 MB")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("RGBA", "PNG", {"compress_level": 1}),
        ("F", "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("RGB", "WEBP", {"method": 0}),
    ],
)
def test_the_largest_picture_costs_less_than_a_gigabyte(tmp_path, mode, form, options):
    Image.new(mode, (7000, 7000)).save(tmp_path / "large", form, **options)
    report = load_all(tmp_path)
    assert report["results"] == {"large": ["uint8", 3, 3]}
    assert report["megabytes"] < 1000


WHOLE = {**whole_files(), "12-bit.tif": tiff_of_12_bits(RAMP), "sbit.png": png16(COLOUR, chunk(b"sBIT", b"\x0c" * 3))}
PLACE = st.one_of(st.integers(0, 120), st.integers(0, 2**16))
DAMAGE = st.lists(st.tuples(PLACE, st.integers(0, 8), st.binary(max_size=8)), max_size=4)


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE, cut=st.one_of(st.none(), PLACE))
def test_any_bytes_are_a_picture_or_one_sentence(name, damage, cut):
    data = WHOLE[name]
    for place, removed, inserted in damage:  # which replaces, removes or inserts
        at = place % len(data)
        data = data[:at] + inserted + data[at + removed :]
    data = data[:cut]
    try:
        image = load_image(data)
    except ImageError as error:
        text = str(error)
    else:
        text = "The picture ."
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
    assert text.startswith("The picture ")
    assert text.endswith(".")


def test_malformed_files_decode_or_are_refused(tmp_path):
    files = dict(broken_files())
    assert len(files) > 900
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    report = load_all(tmp_path)
    results = report["results"]
    pictures = [name for name, result in results.items() if result == ["uint8", 3, 3]]
    sentences = {name: result for name, result in results.items() if isinstance(result, str)}
    assert len(pictures) + len(sentences) == len(files), [r for r in results.items() if isinstance(r[1], dict)]
    assert all(text.startswith(name) and text.endswith(".") for name, text in sentences.items())
    assert min(len(pictures), len(sentences)) > 200  # neither everything is refused, nor everything let through
    assert report["megabytes"] < 1000
