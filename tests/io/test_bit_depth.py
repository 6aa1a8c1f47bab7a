"""Samples of more than 8 bits are scaled by the range they were recorded in, stated or guessed; or refused."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from maeday_core.io.images import load_image
from tests.io.checks import assert_close, over_white, refusal
from tests.io.picture_files import RAMP, chunk, encode, photo, png16, smooth, tiff, tiff_of_12_bits


@pytest.mark.parametrize(
    "write",
    [
        lambda a: png16(a[..., None]),
        lambda a: tiff(a, byteorder="<"),
        lambda a: tiff(a, byteorder=">"),
        lambda a: tiff(a, compression="zlib", predictor=True),
        lambda a: tiff(a, byteorder=">", compression="zlib"),
        lambda a: b"P5 20 12 65535\n" + a.astype(">u2").tobytes(),
        lambda a: a,
        Image.fromarray,
    ],
    ids=["png", "tiff", "tiff-big-endian", "tiff-deflate", "tiff-deflate-big-endian", "pgm", "array", "pil"],
)
@pytest.mark.parametrize("full", [1023, 4095, 65535])
def test_16_bit_grey_is_scaled_by_the_range_it_was_recorded_in(write, full):
    samples = np.rint(RAMP * (full / 255)).astype(np.uint16)
    assert_close(load_image(write(samples)), RAMP)


def test_16_bit_grey_is_not_stretched_to_its_own_extremes():
    assert_close(load_image(png16((RAMP[..., None] // 2 + 40).astype(np.uint16) * 257)), RAMP // 2 + 40)


@pytest.mark.parametrize("dtype", ["<i4", ">i4", "<u4", "<f4", ">f4"])
@pytest.mark.parametrize("full", [255, 4095, 65535])
def test_32_bit_tiff(dtype, full):
    samples = np.rint(RAMP * (full / 255)).astype(dtype)
    assert_close(load_image(tiff(samples, byteorder=dtype[0], photometric="minisblack")), RAMP)


@pytest.mark.parametrize(("low", "high"), [(-32768, 32767), (0, 2_000_000), (-1000.5, 1000.5), (-3.4e38, 3.4e38)])
def test_samples_beyond_16_bits_run_from_black_to_white(low, high):
    samples = np.linspace(low, high, RAMP.size).reshape(RAMP.shape)
    assert_close(load_image(tiff(samples.astype("<f4"), photometric="minisblack")), RAMP, 1)


@pytest.mark.parametrize("top", [1.0, 1.2])
def test_float_tiff_with_gaps_and_highlights(top):
    samples = (RAMP / 255).astype(np.float32)
    samples[0, :4] = np.nan, np.inf, -np.inf, top
    expected = RAMP.copy()
    expected[0, :4] = 0, 0, 0, 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_close(load_image(tiff(samples, photometric="minisblack")), expected)
        assert_close(load_image(np.full((3, 2), np.nan)), np.zeros((3, 2)))
        load_image(np.array([[-1.7e308, 1.7e308]]))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", "<>")
def test_16_bit_colour_tiff_is_right_or_refused(order, compression, planar):
    deep = photo().astype(np.uint16) * 257
    deep = deep if planar == "contig" else np.ascontiguousarray(deep.transpose(2, 0, 1))
    data = tiff(deep, byteorder=order, compression=compression, photometric="rgb", planarconfig=planar)
    if planar == "separate" and not compression:  # Pillow reads its planes as 8-bit ones: noise
        assert "16-bit PNG" in refusal(data)
    else:
        assert_close(load_image(data), photo())


def test_16_bit_colour_png():
    deep = photo().astype(np.uint16) * 257
    assert_close(load_image(png16(deep)), photo())
    assert_close(load_image(png16(deep * 0)), photo() * 0)
    alpha = photo(channels=4)
    assert_close(load_image(png16(alpha.astype(np.uint16) * 257)), over_white(alpha[..., :3], alpha[..., 3]), 1)


OPAQUE = np.full((12, 20, 1), 65535, np.uint16)
DEEP_COLOUR = {
    "png": png16,
    "png with alpha": lambda a: png16(np.dstack([a, OPAQUE])),
    "tiff": lambda a: tiff(a, photometric="rgb"),
    "tiff, big-endian": lambda a: tiff(a, photometric="rgb", byteorder=">"),
    "tiff, deflate": lambda a: tiff(a, photometric="rgb", compression="zlib"),
    "tiff, deflate, big-endian": lambda a: tiff(a, photometric="rgb", compression="zlib", byteorder=">"),
    "tiff with alpha": lambda a: tiff(np.dstack([a, OPAQUE]), photometric="rgb", extrasamples=["unassalpha"]),
    "tiff with another channel": lambda a: tiff(np.dstack([a, OPAQUE]), photometric="rgb", extrasamples=[0]),
    "ppm": lambda a: b"P6 20 12 65535\n" + a.astype(">u2").tobytes(),
    "array": lambda a: a,
    "array with alpha": lambda a: np.dstack([a, OPAQUE]),
}


@pytest.mark.parametrize("full", [1023, 4095, 16383, 65535])
@pytest.mark.parametrize("write", DEEP_COLOUR.values(), ids=DEEP_COLOUR)
def test_16_bit_colour_is_scaled_by_the_range_it_was_recorded_in(write, full):
    assert_close(load_image(write(np.rint(photo() * (full / 255)).astype(np.uint16))), photo())


def test_16_bit_grey_with_alpha_is_scaled_as_grey_is():
    grey = np.rint(RAMP[..., None] * (4095 / 255)).astype(np.uint16)
    assert_close(load_image(png16(np.dstack([grey, OPAQUE]))), RAMP)
    assert_close(
        load_image(png16(np.dstack([grey, OPAQUE // 257 * 128]))),
        over_white(RAMP[..., None], RAMP * 0 + 128)[..., 0],
        1,
    )


def test_opened_by_pillow_and_not_decoded_yet_it_is_the_same():
    deep = photo().astype(np.uint16) * 16
    for data in (png16(deep), tiff(deep, photometric="rgb"), b"P6 20 12 4095\n" + deep.astype(">u2").tobytes()):
        with Image.open(io.BytesIO(data)) as opened:
            assert_close(load_image(opened), load_image(data))
            assert opened.size == (20, 12)
            opened.load()


UINT16, INT32, FLOAT = (256, 1100, 4096, 65535), (256, 4096, 70_000, -9999, 2**31 - 1), (1.3, 2.5, 256.3, 4096, -9999)
GROUNDS = [
    *((value, np.uint16, UINT16) for value in (40, 200, 700, 1000, 2400, 9000, 40_000)),
    *((value, np.int32, INT32) for value in (200, 700, 40_000, 100_000)),
    *((value, np.float32, (*FLOAT, 1e9, 3.4e38, np.nan, np.inf, -np.inf)) for value in (0.02, 0.6, 153.0, 40_000.0)),
]


@pytest.mark.parametrize(("ground", "dtype", "specks"), GROUNDS)
@pytest.mark.parametrize("size", [(64, 64), (8, 8), (40, 1000), (700, 900)])
def test_a_few_samples_do_not_choose_the_scale_of_all(ground, dtype, specks, size):
    """A glint, a dead pixel or line, a mark for missing data."""
    clean = (ground * np.random.default_rng(0).uniform(0.9, 1, size)).astype(dtype)
    expected = load_image(clean)
    rest = np.ones(size, bool)
    rest[5, 5 : 5 + size[1] // 40 + 1] = False
    for speck in specks:
        marked = np.where(rest, clean, dtype(speck))
        assert np.abs(load_image(marked)[rest].astype(int) - expected[rest]).max() <= (ground > 65535), speck
    assert ground > 65535 or expected.min() > 35 or ground == 0.02


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9])
@pytest.mark.parametrize("mark", [-9999, -32768, -3.4028235e38, 1e20, np.nan])
@pytest.mark.parametrize("full", [1, 255, 4095])
def test_missing_data_is_no_sample_however_much_there_is(mark, full, share):
    samples = np.resize(RAMP / 255 * full, (60, 100)).astype(np.float32)
    missing = np.random.default_rng(0).random(samples.shape) < share
    seen = load_image(tiff(np.where(missing, np.float32(mark), samples), photometric="minisblack"))
    assert_close(seen[~missing][None], np.resize(RAMP, (60, 100))[~missing][None])


def test_frames_of_one_camera_have_one_scale():
    """A bolt that covers a hundredth of a frame, and a belt that is a little brighter, change nothing else."""
    belt = np.random.default_rng(0).normal(600, 20, (200, 300)).astype(np.uint16)
    bolt = belt.copy()
    bolt[90:110, 100:130] = 3000
    for other in (bolt, belt + 60, belt - 60):
        same = other < 1000
        factor = (load_image(other)[same] / np.maximum(other[same], 1)[:, None]).mean()
        assert factor == pytest.approx(255 / 1023, rel=0.01)


def test_floats_from_minus_one_to_one_have_that_scale():
    assert_close(load_image(np.full((9, 9), -0.5)), np.full((9, 9), 64))
    assert_close(load_image(np.linspace(-1, 1, 240).reshape(12, 20)), RAMP, 1)
    ringing = np.clip(np.random.default_rng(0).normal(0.4, 0.2, (50, 50)), -0.02, 1)
    assert_close(load_image(ringing), np.clip(ringing, 0, 1) * 255, 1)


STATED = {
    "png, significant bits": lambda a: png16(a[..., None], chunk(b"sBIT", b"\x0c")),
    "png, after other chunks": lambda a: png16(a[..., None], chunk(b"tEXt", b"a\0sBIT") + chunk(b"sBIT", b"\x0c")),
    "colour png": lambda a: png16(a[..., None].repeat(3, 2), chunk(b"sBIT", b"\x0c\x0c\x0c")),
    "tiff, highest sample": lambda a: tiff(a, extratags=[(281, "H", 1, 4095, True)]),
    "float tiff, highest sample": lambda a: tiff(a.astype(np.float32), extratags=[(341, "f", 1, 4095.0, True)]),
    "tiff of 12 bits": lambda a: tiff_of_12_bits(a),
    "pgm": lambda a: b"P5 20 12 4095\n" + a.astype(">u2").tobytes(),
    "plain pgm": lambda a: b"P2 20 12 4095\n" + b" ".join(b"%d" % value for value in a.ravel()),
    "ppm": lambda a: b"P6 20 12 4095\n" + a[..., None].repeat(3, 2).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("brightness", [1, 0.3, 0.05])
@pytest.mark.parametrize("write", STATED.values(), ids=STATED)
def test_the_depth_that_a_file_states_counts(write, brightness):
    samples = np.rint(RAMP * brightness * (4095 / 255)).astype(np.uint16)
    assert_close(load_image(write(samples)), samples / 4095 * 255, 0.5)


def test_a_highest_sample_that_is_no_depth_tells_of_the_picture_alone():
    samples = np.rint(RAMP * (1023 / 255)).astype(np.uint16)
    for highest in (900, 255, 0):
        assert_close(load_image(tiff(samples // 2, extratags=[(281, "H", 1, highest, True)])), samples / 2046 * 255, 1)
    scaled = RAMP.astype(np.uint16) * 257  # as the PNG specification has it, the significant bits are the upper ones
    assert_close(load_image(png16(scaled[..., None], chunk(b"sBIT", b"\x0c"))), RAMP)


MULTIPLIED = [
    tiff(np.full((20, 30, 4), 40_000, np.uint16), photometric="rgb", extrasamples=["assocalpha"], byteorder=order)
    for order in "<>"
]


@pytest.mark.parametrize(
    "data",
    [
        tiff(RAMP.astype(np.uint16) * 257, photometric="miniswhite"),
        tiff((RAMP / 255).astype(">f4"), byteorder=">", compression="zlib", photometric="minisblack"),
        tiff(RAMP.astype(">i4"), byteorder=">", compression="zlib", photometric="minisblack"),
        tiff(RAMP.astype(">i2"), byteorder=">", compression="zlib", photometric="minisblack"),
        tiff(RAMP / 255, photometric="minisblack"),
        tiff((photo() / 255).astype(np.float32), photometric="rgb"),
        encode(Image.fromarray(smooth()).convert("YCbCr"), "TIFF"),
        *MULTIPLIED,
    ],
    ids=[
        *("white-is-zero", "swapped-float", "swapped-int32", "swapped-int16", "float64", "float-colour", "raw-ycbcr"),
        *("multiplied-little", "multiplied-big"),
    ],
)
def test_tiffs_that_cannot_be_read_right_are_refused(data):
    assert "16-bit PNG" in refusal(data)
