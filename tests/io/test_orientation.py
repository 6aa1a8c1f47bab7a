"""Every EXIF orientation comes upright, and damaged EXIF does not lose the picture."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from maeday_core.io.images import load_image
from tests.io.checks import assert_close
from tests.io.picture_files import (
    encode,
    photo,
    tiff,
)

STORED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
BLOCKS = photo(2, 3).repeat(8, axis=0).repeat(8, axis=1)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
    ],
)
def test_every_orientation_comes_upright(orientation, form, options, tolerance):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](BLOCKS))
    data = encode(stored, form, exif=exif, **options)
    assert_close(load_image(data), BLOCKS, tolerance)
    with Image.open(io.BytesIO(data)) as opened:
        assert_close(load_image(opened), BLOCKS, tolerance)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<f4"])
def test_deep_grey_comes_upright(dtype):
    grey = np.ascontiguousarray(STORED[6](BLOCKS)[..., 0])
    samples = grey / 255 if dtype == "<f4" else grey.astype(np.uint16) * 257
    data = tiff(samples.astype(dtype), byteorder=dtype[0], photometric="minisblack", extratags=[(274, 3, 1, 6, True)])
    assert_close(load_image(data), BLOCKS[..., 0])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest puts the filters of the program aside
@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 100}), ("PNG", {}), ("WEBP", {"lossless": True})])
def test_damaged_exif_does_not_lose_the_picture(form, options):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x011A] = "Maker", 6, 72.0
    block, rng = exif.tobytes(), random.Random(0)
    pixels = load_image(encode(BLOCKS, form, **options))
    turned = np.rot90(pixels, -1)
    for cut in range(100):
        damaged = bytearray(block)
        for _ in range(1 + cut % 5):
            damaged[rng.randrange(6, len(block))] = rng.randrange(256)
        image = load_image(encode(BLOCKS, form, exif=bytes(damaged[: len(block) - cut % 3 * 9]), **options))
        assert any(np.array_equal(image, STORED[o](p)) for o in STORED for p in (pixels, turned))


def test_orientation_survives_damage_to_another_exif_tag():
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    block = exif.tobytes().replace(b"\x01\x1a\x00\x05", b"\x01\x1a\x00\x07")  # the resolution, of another type
    assert_close(load_image(encode(np.ascontiguousarray(STORED[6](BLOCKS)), "PNG", exif=block)), BLOCKS)


def test_tiff_with_an_exif_pointer_into_nowhere():
    assert_close(load_image(tiff(BLOCKS, photometric="rgb", extratags=[(34665, 4, 1, 99_999_999, True)])), BLOCKS)
