"""Hostile pictures: of absurd shapes, of any depth and format, spoiled, and no pictures at all."""

from __future__ import annotations

import functools
import random

import numpy as np
from PIL import Image

from tests.fuzz.damage import damaged
from tests.io.picture_files import encode, png, tiff, tile_bomb, whole_files

SIDES = (1, 2, 3, 7, 16, 100, 224, 1000, 7000, 20_000, 65_000)
MOST = 49_000_000
"""Pixels: the most that the decoder takes is a little more."""
MODES = ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
FORMS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")


def picture(rng: random.Random) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that is, or pretends to be, a picture."""
    return rng.choice((spoiled, spoiled, spoiled, shaped, shaped, deep, impostor))(rng)


def spoiled(rng: random.Random) -> tuple[str, bytes]:
    """A good file of any format, damaged."""
    suffix = rng.choice(sorted(_whole()))
    return f".{suffix}", damaged(_whole()[suffix], rng)


def shaped(rng: random.Random) -> tuple[str, bytes]:
    """A sound picture of one colour, as large or as long as its format takes it."""
    width = rng.choice(SIDES)
    height = rng.choice([side for side in SIDES if side * width <= MOST])
    form, mode = rng.choice(FORMS), rng.choice(MODES)
    try:
        return f".{form.lower()}", encode(Image.new(mode, (width, height), rng.randrange(2)), form)
    except (OSError, ValueError):  # not every format takes every mode and size
        return ".png", encode(Image.new("L", (width, height)), "PNG")


def deep(rng: random.Random) -> tuple[str, bytes]:
    """Samples of 16 bits, floats and integers with outliers, no numbers and infinities."""
    kind = rng.choice((np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64))
    draw = np.random.default_rng(rng.randrange(2**32))
    samples = draw.normal(rng.choice((0.5, 100, 700, 40_000)), rng.choice((0, 0.1, 50)), (40, 60)).astype(kind)
    with np.errstate(all="ignore"):
        for value in rng.sample((-9999, 65_535, 1e30, -1e30, np.nan, np.inf, -np.inf, 0), rng.randrange(4)):
            samples[rng.randrange(40), rng.randrange(60)] = np.float64(value).astype(kind)
    return ".tif", tiff(samples, photometric="minisblack")


def impostor(rng: random.Random) -> tuple[str, bytes]:
    """Something else under a picture's name."""
    bomb = rng.choice((tile_bomb(rng.choice((64, 9000))), png(*rng.sample((1, 50_000_000, 2**31 - 1), 2), data=b"\0")))
    content = rng.choice(
        (
            b"",
            bytes(rng.choice((1, 10_000_000))),
            rng.randbytes(1000),
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
            b"%PDF-1.7\n" + rng.randbytes(200),
            b"%!PS\n(/etc/passwd) (r) file",
            b"cos\nsystem\n(S'true'\ntR.",
            b"#EXTM3U\nfile:///etc/passwd\n",
            b"\0\0\0\x18ftypheic" + rng.randbytes(300),
            b"\0\0\0\x18ftypavif" + rng.randbytes(300),
            bomb,
        )
    )
    return rng.choice((".png", ".jpg", ".tif", ".gif", ".webp", ".bmp", ".ppm", "")), content


@functools.cache
def _whole() -> dict[str, bytes]:
    return whole_files()
