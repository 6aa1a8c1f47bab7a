"""What a mask marks, however it was saved."""

import numpy as np
import pytest
from PIL import Image

from maeday_core.io.masks import load_mask

MARKED = np.zeros((24, 32), bool)
MARKED[4:10, 6:20] = True


def painted(ground, mark, mode):
    """A picture of one colour with another one where it is marked."""
    channels = len(np.atleast_1d(ground))
    colours = np.where(MARKED[..., None], np.uint8(mark), np.uint8(ground)).reshape(24, 32, channels)
    return Image.fromarray(colours.squeeze(), mode) if channels == 1 else Image.fromarray(colours)


def palette(first, second, indices=MARKED):
    picture = Image.fromarray(indices.astype(np.uint8)).convert("P")
    picture.putpalette([*first, *second])
    return picture


PICTURES = {
    "white on black": painted(0, 255, "L"),
    "one of 255": painted(0, 1, "L"),
    "one bit": Image.fromarray(MARKED),
    "red on black": painted((0, 0, 0), (255, 0, 0), "RGB"),
    "red on nothing": painted((0, 0, 0, 0), (255, 0, 0, 255), "RGBA"),
    "black on nothing": painted((255, 255, 255, 0), (0, 0, 0, 255), "RGBA"),
    "faint on nothing": painted((0, 0, 0, 0), (255, 0, 0, 40), "RGBA"),
    "white on black, opaque": painted((0, 0, 0, 255), (255, 255, 255, 255), "RGBA"),
    "white on black, all transparent": painted((0, 0, 0, 0), (255, 255, 255, 0), "RGBA"),
    "grey on nothing": painted((0, 0), (90, 255), "LA"),
    "palette, black ground": palette((0, 0, 0), (128, 0, 0)),
    "palette, white ground": palette((255, 255, 255), (128, 0, 0)),
    "palette, white then black": palette((255, 255, 255), (200, 200, 200)),
    "palette, all of it black": palette((0, 0, 0), (0, 0, 0)),
    "palette, white before a black ground": palette((255, 255, 255), (0, 0, 0), ~MARKED),
    "dimmed ground": painted((0, 0, 0, 128), (255, 255, 255, 255), "RGBA"),
    "nearly opaque mark": painted((0, 0, 0, 255), (255, 255, 255, 254), "RGBA"),
    "numbers up to 65535": Image.fromarray(
        np.where(MARKED, np.arange(32, dtype=np.uint16) * 2000 + 1, 0).astype(np.uint16)
    ),
    "a fraction": Image.fromarray(np.where(MARKED, 0.001, -1).astype(np.float32)),
    "16 bits": Image.fromarray(MARKED.astype(np.uint16) * 65535),
    "one of 65535": Image.fromarray(MARKED.astype(np.uint16)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_marked_is_found(tmp_path, name):
    path = tmp_path / ("mask.tif" if PICTURES[name].mode.startswith(("I", "F")) else "mask.png")
    PICTURES[name].save(path)
    levels = load_mask(path)
    assert levels.dtype == np.uint8
    assert np.array_equal(levels > 0, MARKED)


def test_a_transparent_colour_of_a_palette_is_the_ground(tmp_path):
    palette((255, 255, 255), (128, 0, 0)).save(tmp_path / "mask.png", transparency=0)
    assert np.array_equal(load_mask(tmp_path / "mask.png") > 0, MARKED)


def test_nothing_is_marked_in_black(tmp_path):
    Image.new("L", (32, 24)).save(tmp_path / "mask.png")
    assert not load_mask(tmp_path / "mask.png").any()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("mark", [255, 90])
def test_traces_around_an_edge_are_no_mark(tmp_path, suffix, mark):
    path = tmp_path / f"mask{suffix}"
    painted(0, mark, "L").save(path, quality=80)
    wrong = (load_mask(path) > 0) != MARKED
    assert wrong.sum() <= 2
    Image.new("L", (32, 24)).save(path)
    assert not load_mask(path).any()


@pytest.mark.parametrize("name", ["red on nothing", "palette, white ground", "one of 65535", "white on black"])
def test_a_mask_is_turned_upright_as_its_picture_is(tmp_path, name):
    path = tmp_path / "mask.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    PICTURES[name].save(path, exif=exif)
    assert np.array_equal(load_mask(path) > 0, np.rot90(MARKED, -1))
