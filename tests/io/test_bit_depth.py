"""Samples of more than 8 bits are scaled by the range they were recorded in, or refused."""

import warnings

import numpy as np
import pytest
from PIL import Image

from maeday_core.io.images import load_image
from tests.io.checks import assert_close, over_white, refusal
from tests.io.picture_files import RAMP, encode, photo, png16, smooth, tiff


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


@pytest.mark.parametrize("write", [png16, lambda a: tiff(a, photometric="rgb")], ids=["png", "tiff"])
def test_12_bit_colour_is_refused_and_not_left_black(write):
    assert "lowest of its 16 bits" in refusal(write(photo().astype(np.uint16) * 16), name="camera.png")


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
    ],
    ids=["white-is-zero", "swapped-float", "swapped-int32", "swapped-int16", "float64", "float-colour", "raw-ycbcr"],
)
def test_tiffs_that_cannot_be_read_right_are_refused(data):
    assert "16-bit PNG" in refusal(data)
