"""The decoder against every way a photo can come, and against files made to break it."""

import io
import json
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import maeday_core
from maeday_core.errors import ImageError
from maeday_core.io.images import find_images, load_image, resize

# A process that loads every file of a folder and prints what came of each, how long it took, and the memory it cost.
CHILD = """
import json, sys, time, types
from pathlib import Path
sys.modules["maeday_core"] = package = types.ModuleType("maeday_core")  # the package without torch, which is slow
package.__path__ = [sys.argv[1]]
from maeday_core.io.images import ImageError, load_image

def megabytes(key):
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

load_image(b"P5 1 1 255 a")
results, slowest, before = {}, 0, megabytes("VmRSS")
for path in sorted(Path(sys.argv[2]).iterdir()):
    start = time.process_time()
    try:
        image = load_image(path)
        results[path.name] = [image.dtype.name, image.ndim, image.shape[2]]
    except ImageError as error:
        results[path.name] = str(error)
    except BaseException as error:
        results[path.name] = {"escaped": repr(error)}
    slowest = max(slowest, time.process_time() - start)
print(json.dumps({"results": results, "slowest": slowest, "megabytes": megabytes("VmHWM") - before}))
"""


def load_all(folder):
    """Load every file of `folder` in a process of its own, which must neither crash, nor hang, nor print."""
    command = [
        sys.executable,
        "-W",
        "always",
        "-c",
        CHILD,
        str(Path(maeday_core.__file__).parent),
        str(folder),
    ]
    child = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert child.returncode == 0, child.stderr[-2000:]
    assert "Warning" not in child.stderr
    return json.loads(child.stdout)


def refusal(source, **options):
    """The text of the error: one sentence on what is wrong and what to do, in the user's terms."""
    with pytest.raises(ImageError) as caught:
        load_image(source, **options)
    text = str(caught.value)
    assert text.endswith(".")
    assert ". " not in text
    assert "\n" not in text
    assert ";" in text
    assert not any(internal in text for internal in ("0x", "BytesIO", "Errno", "Error", os.sep + "tmp"))
    return text


def photo(height=12, width=20, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height=48, width=64):
    """A picture that lossy formats keep: soft colours, no edges."""
    y, x = np.mgrid[:height, :width]
    return np.stack([80 + y, 100 + x, 160 - y], axis=2).astype(np.uint8)


def encode(image, form, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, form, **options)
    return stream.getvalue()


def tiff(array, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def chunk(kind, data, length=None):
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", checksum)


def png(width, height, bits=8, colour=0, data=b"", extra=b""):
    """A PNG by hand: colour 0 is grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA; `data` are its rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(data, 1)) + chunk(b"IEND", b"")


def png16(array, extra=b""):
    height, width, channels = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return png(width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], rows, extra)


def tile_bomb(side):
    """A TIFF of 16 x 16 pixels in one tile of side x side, deflated to almost nothing."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(side * 3)) for _ in range(side)) + packer.flush()
    offset = 8 + 2 + 10 * 12 + 4
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 2, 277: 3, 322: side, 323: side, 324: offset, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def assert_close(image, expected, tolerance=0):
    expected = np.asarray(expected)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.writeable
    expected = np.stack([expected] * 3, axis=2) if expected.ndim == 2 else expected
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= tolerance


def over_white(rgb, alpha):
    alpha = alpha[..., None] / 255
    return np.rint(rgb * alpha + 255 * (1 - alpha))


# Upright and sideways

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


# Deep samples

RAMP = np.linspace(0, 255, 12 * 20).astype(np.uint8).reshape(12, 20)


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


# Modes and formats


def lab_tiff(rgb):
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return encode(ImageCms.applyTransform(Image.fromarray(rgb), to_lab), "TIFF")


def palette(rgb, **options):
    return encode(Image.fromarray(rgb).quantize(64), "PNG", **options)


SOFT, GREY, COLOUR, ALPHA = smooth(), RAMP, photo(), photo(channels=4)
FEW = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
STILLS = {
    "1-bit png": (encode(Image.fromarray(GREY > 99), "PNG"), (GREY > 99) * 255, 0),
    "1-bit tiff": (tiff(GREY > 99, photometric="minisblack"), (GREY > 99) * 255, 0),
    "fax tiff": (encode(Image.fromarray(GREY > 99), "TIFF", compression="group4"), (GREY > 99) * 255, 0),
    "2-bit png": (png(4, 1, 2, 0, b"\0\x1b"), [[0, 85, 170, 255]], 0),
    "grey png": (encode(GREY, "PNG"), GREY, 0),
    "grey jpeg": (encode(SOFT[..., 0], "JPEG"), SOFT[..., 0], 3),
    "grey key png": (png(3, 1, 8, 0, b"\0\x00\x50\xf0", chunk(b"tRNS", b"\0\x50")), [[0, 255, 240]], 0),
    "white is zero tiff": (tiff(255 - GREY, photometric="miniswhite"), GREY, 0),
    "grey alpha png": (encode(ALPHA[..., :2], "PNG"), over_white(ALPHA[..., :1].repeat(3, 2), ALPHA[..., 1]), 1),
    "palette png": (palette(FEW), FEW, 0),
    "palette gif": (encode(Image.fromarray(FEW).quantize(4), "GIF"), FEW, 0),
    "palette key png": (
        png(2, 1, 8, 3, b"\0\0\1", chunk(b"PLTE", b"\x0a\x14\x1e\0\0\0") + chunk(b"tRNS", b"\xff\x80")),
        [[[10, 20, 30], [127, 127, 127]]],
        1,
    ),
    "colour key png": (png(2, 1, 8, 2, b"\0abcdef", chunk(b"tRNS", b"\0a\0b\0c")), [[[255] * 3, [100, 101, 102]]], 0),
    "rgba png": (encode(ALPHA, "PNG"), over_white(ALPHA[..., :3], ALPHA[..., 3]), 1),
    "rgba webp": (
        encode(ALPHA, "WEBP", lossless=True, exact=True),
        over_white(ALPHA[..., :3], ALPHA[..., 3]),
        1,
    ),
    "rgba tiff": (encode(ALPHA, "TIFF"), over_white(ALPHA[..., :3], ALPHA[..., 3]), 1),
    "cmyk jpeg": (encode(Image.fromarray(SOFT).convert("CMYK"), "JPEG", quality=100), SOFT, 3),
    "cmyk tiff": (encode(Image.fromarray(SOFT).convert("CMYK"), "TIFF"), SOFT, 1),
    "ycbcr jpeg tiff": (
        encode(Image.fromarray(SOFT).convert("YCbCr"), "TIFF", compression="jpeg", quality=95),
        SOFT,
        4,
    ),
    "ycbcr lzw tiff": (encode(Image.fromarray(SOFT).convert("YCbCr"), "TIFF", compression="tiff_lzw"), SOFT, 3),
    "lab tiff": (lab_tiff(SOFT), SOFT, 6),
    "planar tiff": (tiff(COLOUR.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"), COLOUR, 0),
    "tiled tiff": (tiff(COLOUR, photometric="rgb", tile=(16, 16), compression="zlib"), COLOUR, 0),
    "big tiff": (tiff(COLOUR, photometric="rgb", bigtiff=True), COLOUR, 0),
    "progressive jpeg": (encode(SOFT, "JPEG", progressive=True, quality=95), SOFT, 5),
    "lossy webp": (encode(SOFT, "WEBP", quality=95), SOFT, 6),
    "bmp": (encode(COLOUR, "BMP"), COLOUR, 0),
    "ppm": (encode(COLOUR, "PPM"), COLOUR, 0),
    "plain ppm": (b"P3 # written by hand\n2 1\n255\n1 2 3  4 5 6\n", [[[1, 2, 3], [4, 5, 6]]], 0),
    "pgm": (encode(GREY, "PPM"), GREY, 0),
    "pbm": (b"P1 3 1 1 0 1", [[0, 255, 0]], 0),
    "16-bit ppm": (b"P6 20 12 65535\n" + (COLOUR.astype(">u2") * 257).tobytes(), COLOUR, 0),
}


@pytest.mark.parametrize(("data", "expected", "tolerance"), STILLS.values(), ids=STILLS)
def test_still_pictures(data, expected, tolerance):
    assert_close(load_image(data), expected, tolerance)
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        assert_close(load_image(opened), expected, tolerance)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("GIF", {"save_all": True, "duration": 50}),
        ("WEBP", {"save_all": True, "lossless": True}),
        ("PNG", {"save_all": True}),
        ("TIFF", {"save_all": True}),
        ("TIFF", {"save_all": True, "compression": "tiff_lzw"}),
        ("MPO", {"save_all": True, "quality": 100, "subsampling": 0}),
    ],
)
def test_the_first_frame_is_taken(form, options):
    frames = [Image.new("RGB", (16, 8), colour) for colour in ((200, 30, 60), (0, 255, 0), (0, 0, 255))]
    data = encode(frames[0], form, append_images=frames[1:], **options)
    assert_close(load_image(data), np.asarray(frames[0]), 2 if form == "MPO" else 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_tiny_pictures(form, size):
    image = np.full((*size, 3), 77, np.uint8)
    assert_close(load_image(encode(image, form)), image, 2)


LOSSLESS = [
    *((mode, form) for mode in ("1", "L", "RGB") for form in ("PNG", "TIFF", "BMP", "PPM")),
    *((mode, form) for mode in ("LA", "P", "RGBA") for form in ("PNG", "TIFF")),
    *(("RGB", "WEBP"), ("RGBA", "WEBP"), ("L", "GIF"), ("P", "GIF"), ("P", "BMP"), ("I;16", "PNG"), ("I;16", "TIFF")),
    *((mode, "TIFF") for mode in ("I", "F", "CMYK")),
]


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(LOSSLESS), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_lossless_formats_return_what_was_saved(kind, height, width, seed, deflate):
    mode, form = kind
    colour = photo(height, width, 4, seed)
    rgb, grey = colour[..., :3], colour[..., 0]
    alpha = colour[..., 1 if mode == "LA" else 3]
    if mode in ("I", "I;16", "F"):
        grey[0, 0] = 255  # the recorded range is told by the brightest sample
        deep = {"I": grey.astype(np.int32) * 257, "I;16": grey.astype(np.uint16) * 257, "F": np.float32(grey / 255)}
        image = Image.fromarray(deep[mode])
    elif mode == "P":
        image = Image.fromarray(grey).convert("P")
        image.putpalette(np.random.default_rng(seed).integers(0, 256, 768, dtype=np.uint8).tobytes())
    else:
        source = {"L": grey, "1": grey > 127, "LA": colour[..., :2], "RGBA": colour}.get(mode, rgb)
        image = Image.fromarray(source).convert(mode)
    options = {
        "WEBP": {"lossless": True, "exact": True},
        "TIFF": {"compression": "tiff_adobe_deflate"} if deflate else {},
    }
    loaded = load_image(encode(image, form, **options.get(form, {})))
    if mode == "P":
        expected = np.asarray(image.convert("RGB"))
    elif mode in ("LA", "RGBA"):
        expected = over_white(grey[..., None].repeat(3, 2) if mode == "LA" else rgb, alpha)
    else:
        expected = {"RGB": rgb, "CMYK": rgb, "1": (grey > 127) * 255}.get(mode, grey)
    assert_close(loaded, expected, 1 if mode in ("LA", "RGBA", "CMYK") else 0)


# Names, and what is no picture


@pytest.mark.parametrize("name", ["photo.jpg", "photo", "photo.txt", "фото с пробелом.JPEG"])
def test_the_content_decides_and_not_the_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(photo(), "PNG"))
    assert_close(load_image(path), photo())
    assert_close(load_image(str(path)), photo())


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"Dear diary, no picture here. " * 9, "not a picture"),
        (b"", "empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0", "video"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "not a picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (encode(photo(), "PNG")[:300], "damaged or cut short"),
        (encode(photo(), "JPEG")[:500], "damaged or cut short"),
    ],
    ids=["text", "empty", "heic", "heic-10-bit", "avif", "video", "svg", "pdf", "eps", "cut-png", "cut-jpeg"],
)
def test_what_is_no_picture_is_named_and_refused(tmp_path, content, advice):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(content)
    text = refusal(path)
    assert text.startswith("holiday.jpg ")
    assert advice in text
    assert str(tmp_path) not in text
    assert advice in refusal(content)
    assert refusal(content).startswith("The picture ")
    assert refusal(content, name="upload 3").startswith("upload 3 ")


def test_paths_that_are_no_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name in ("folder.png", "missing.png", "loop.png", "nul\0.png", "n" * 300 + ".png"):
        text = refusal(tmp_path / name)
        assert name in text
        assert "check the name" in text
        assert str(tmp_path) not in text
    refusal(".")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "locked.png"
    path.write_bytes(encode(photo(), "PNG"))
    path.chmod(0)
    assert refusal(path).startswith("locked.png cannot be read (Permission denied);")


# Limits


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
        os.mkfifo(tmp_path / "pipe.png")  # reading it would wait for ever
    report = load_all(tmp_path)
    assert all(isinstance(result, str) for result in report["results"].values()), report["results"]
    for name in ("header.png", "valid.png", "header.jpg", "header.gif", "header.bmp", "header.ppm", "tile.tif"):
        assert "larger than 50 megapixels" in report["results"][name]
    assert report["megabytes"] < 120
    assert report["slowest"] < 2


def test_over_50_megapixels_is_refused_and_50_is_not():
    white = zlib.compress(b"\0" * (7000 * 876), 1)
    fits = png(7000, 7000, 1).replace(chunk(b"IDAT", zlib.compress(b"", 1)), chunk(b"IDAT", white))
    assert load_image(fits).shape == (7000, 7000, 3)
    for over in (
        png(7072, 7072, 1, data=bytes(100)),
        png(50_000_001, 1, 1, data=bytes(100)),
        Image.new("1", (7072, 7072)),
        np.broadcast_to(np.uint8(0), (7072, 7072)),
        np.broadcast_to(np.float32(0), (10**6, 10**6)),
    ):
        assert "larger than 50 megapixels" in refusal(over)


def test_over_200_megabytes_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "huge.tif"
    with path.open("wb") as file:
        file.write(b"II*\0")
        file.truncate(200_000_001)
    assert "larger than 200 MB" in refusal(bytes(200_000_001))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("it was read"))
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


# Objects in memory


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (COLOUR, COLOUR),
        (GREY, GREY),
        (COLOUR[::-1, ::-2], COLOUR[::-1, ::-2]),
        (ALPHA, over_white(ALPHA[..., :3], ALPHA[..., 3])),
        (COLOUR.astype(np.uint16) * 257, COLOUR),
        (COLOUR.astype(">u2") * 257, COLOUR),
        (COLOUR.astype(np.int64), COLOUR),
        (COLOUR / 255, COLOUR),
        (np.float16(GREY / 255), GREY),
        (COLOUR.astype(np.float32), COLOUR),
        (GREY > 99, (GREY > 99) * 255),
        (np.arange(3, dtype=np.uint16)[None], np.arange(3)[None]),
        (np.zeros((4, 5), bool), np.zeros((4, 5))),
        (np.ones((4, 5), np.float32), np.full((4, 5), 255)),
        (np.zeros((1, 1)), np.zeros((1, 1))),
    ],
    ids=lambda value: f"{value.dtype}-{value.ndim}d",
)
def test_arrays(array, expected):
    before = array.copy()
    image = load_image(array)
    assert_close(image, expected, 1 if array is ALPHA else 0)
    assert not np.shares_memory(image, array)
    assert np.array_equal(array, before)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5),
        np.zeros((2, 3, 1)),
        np.zeros((2, 3, 5)),
        np.zeros((1, 2, 3, 3)),
        np.zeros((0, 5)),
        np.zeros((5, 0, 3), np.uint8),
        np.array(7),
        np.zeros((3, 4), complex),
        np.full((3, 4), "x"),
        np.full((3, 4), None),
        np.zeros((3, 4), "datetime64[s]"),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_that_are_no_picture(array):
    assert refusal(array).startswith("The array ")
    assert refusal(array, name="frame 7").startswith("frame 7 ")


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"]
)
def test_pil_pictures_of_every_mode(mode):
    expected = np.full((3, 4, 3), 255 if mode in ("1", "L", "LA", "P", "PA") else (200, 100, 50))
    image = Image.fromarray(expected.astype(np.uint8))
    image = image.convert({"PA": "P", "RGBa": "RGBA"}.get(mode, "RGB")).convert(mode)
    before = image.copy()
    assert_close(load_image(image), expected, 3)
    assert image.mode == mode
    assert image.tobytes() == before.tobytes()


def test_pil_pictures_that_cannot_be_decoded():
    closed = Image.open(io.BytesIO(encode(photo(), "PNG")))
    closed.close()
    cut = Image.open(io.BytesIO(encode(photo(), "PNG")[:-99]))
    for image in (closed, cut, Image.new("RGB", (0, 5)), Image.new("La", (2, 2))):
        assert refusal(image).startswith("The picture ")
        assert refusal(image, name="frame 7").startswith("frame 7 ")


# Malformed files


def broken_files():
    """Name and content of files made to break a decoder, the same on every run."""
    rng = random.Random(20240229)
    frames = {"save_all": True, "append_images": [Image.fromarray(255 - SOFT)]}
    deep = SOFT[..., 0].astype(np.uint16) * 300
    whole = {
        "jpg": encode(SOFT, "JPEG"),
        "progressive.jpg": encode(SOFT, "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(40)),
        "cmyk.jpg": encode(Image.fromarray(SOFT).convert("CMYK"), "JPEG"),
        "png": encode(SOFT, "PNG"),
        "deep.png": encode(deep, "PNG"),
        "palette.png": palette(SOFT, transparency=3),
        "animated.png": encode(SOFT, "PNG", **frames),
        "gif": encode(Image.fromarray(SOFT).quantize(16), "GIF", **frames),
        "lossy.webp": encode(SOFT, "WEBP"),
        "lossless.webp": encode(np.dstack([SOFT, SOFT[..., 0]]), "WEBP", lossless=True),
        "animated.webp": encode(SOFT, "WEBP", **frames),
        "raw.tif": encode(SOFT, "TIFF"),
        "lzw.tif": encode(SOFT, "TIFF", compression="tiff_lzw", **frames),
        "jpeg.tif": encode(SOFT, "TIFF", compression="jpeg"),
        "tiled.tif": tiff(SOFT, photometric="rgb", tile=(16, 16), compression="zlib"),
        "float.tif": tiff(deep.astype(np.float32), photometric="minisblack"),
        "big.tif": tiff(deep, photometric="minisblack", bigtiff=True, byteorder=">"),
        "bmp": encode(SOFT, "BMP"),
        "palette.bmp": encode(Image.fromarray(SOFT).quantize(16), "BMP"),
        "ppm": encode(SOFT, "PPM"),
        "plain.ppm": b"P3 8 8 255\n" + b"17 " * 192,
    }
    for suffix, data in whole.items():
        size = len(data)
        for cut in (1, 3, 8, 13, 21, 30, 47, *(size * part // 9 for part in range(1, 9)), size - 5, size - 1):
            yield f"cut at {cut}.{suffix}", data[:cut]
        for number in range(16):
            flipped = bytearray(data)
            for _ in range(1 + number % 4):  # half of them in the header, where the sizes and offsets are
                flipped[rng.randrange(min(size, 64) if number % 2 else size)] ^= 1 << rng.randrange(8)
            yield f"bits flipped {number}.{suffix}", bytes(flipped)
        for number, value in enumerate(
            (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f") * 3
        ):
            at = rng.randrange(4, min(size, 120) - 4)
            yield f"field {number}.{suffix}", data[:at] + value + data[at + 4 :]
        at, length = rng.randrange(12, size // 2), rng.randrange(size // 4)
        yield f"hole.{suffix}", data[:at] + data[at + length :]
        yield f"repeated.{suffix}", data[: at + length] + data[at:]
        for magic in (2, 6, 12, 26):
            yield f"garbage after {magic}.{suffix}", data[:magic] + rng.randbytes(400)
    for magic in (
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"II+\0\x08\0\0\0",
        b"BM",
        b"P6",
        b"Pf",
    ):
        for number in range(4):
            yield f"magic {magic.hex()} {number}", magic + rng.randbytes(60 * number)
    row = b"\0" + bytes(60)
    yield "zero width.png", png(0, 12, 8, 2, row * 12)
    yield "zero height.png", png(20, 0, 8, 2, row * 12)
    yield "negative.png", png(2**31 + 20, 12, 8, 2, row * 12)
    yield "no rows.png", png(20, 12, 8, 2)
    yield "too many rows.png", png(20, 12, 8, 2, row * 99)
    yield "bad filter.png", png(20, 12, 8, 2, (b"\x09" + bytes(60)) * 12)
    yield "bad depth.png", png(20, 12, 7, 2, row * 12)
    yield "no palette.png", png(60, 12, 8, 3, row * 12)
    yield "short key.png", png(20, 12, 8, 2, row * 12, chunk(b"tRNS", b"\0"))
    yield "bad key.png", png16(COLOUR.astype(np.uint16) * 257, chunk(b"tRNS", b"\xff" * 6))
    for length in (0, 1, 59, 2**31 - 1, 2**32 - 1):
        yield f"chunk of {length}.png", png(20, 12, 8, 2, row * 12, chunk(b"tEXt", b"Comment\0" + bytes(50), length))
    packed = zlib.compress(bytes(200_000_000), 1)
    for kind, data in (("iCCP", b"a\0\0"), ("zTXt", b"a\0\0"), ("iTXt", b"a\0\1\0\0\0")):
        yield f"{kind} bomb.png", png(20, 12, 8, 2, row * 12, chunk(kind.encode(), data + packed))
    yield "animation of 0 frames.png", png(20, 12, 8, 2, row * 12, chunk(b"acTL", bytes(8)))
    yield (
        "frame outside.png",
        png(20, 12, 8, 2, row * 12, chunk(b"acTL", b"\0\0\0\1" * 2) + chunk(b"fcTL", b"\0\0\x27\x0f" * 6)),
    )
    for header in (
        b"P6 0 9 255 ",
        b"P6 9 9 0 ",
        b"P6 9 9 65536 ",
        b"P6 -9 9 255 ",
        b"P6 6000 8000 255 ",
        b"P5 #" + b"#" * 99,
    ):
        yield f"{header[:16].decode()}.ppm", header + bytes(243)
    for header in (
        b"P6 " + b"9" * 5000,
        b"P4 9999999 9999999 ",
        b"Pf 9 9 nan ",
        b"P2 9 9 255 " + b"256 " * 81,
        b"P3 2 2 9 x",
    ):
        yield f"{header[:12].decode()}.pnm", header
    for width, height in ((0, 12), (20, 0), (-20, 12), (20, -12), (20, -(2**31)), (2**31 - 1, 2**31 - 1), (7000, 7000)):
        sized = encode(COLOUR, "BMP").replace(struct.pack("<ii", 20, 12), struct.pack("<ii", width, height))
        yield f"{width} by {height}.bmp", sized
    for width, height in ((0, 12), (20, 0), (0, 0), (7000, 7000), (65535, 65535)):
        sized = struct.pack("<HH", width, height)
        yield f"{width} by {height}.gif", b"GIF89a" + sized + whole["gif"][10:]
        frame = whole["gif"].replace(b"," + struct.pack("<HHHH", 0, 0, 64, 48), b"," + bytes(4) + sized)
        yield f"frame of {width} by {height}.gif", frame
        sized = struct.pack(">HH", height, width)
        yield f"{width} by {height}.jpg", whole["jpg"].replace(struct.pack(">HH", 48, 64), sized)
    for side in (64, 7000, 30_000):
        yield (
            f"tile of {side}.tif",
            tile_bomb(64).replace(struct.pack("<HHII", 322, 4, 1, 64), struct.pack("<HHII", 322, 4, 1, side)),
        )
    directory = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 256, 4, 1, 9)
    yield "next directory is itself.tif", directory + b"\x08\0\0\0"
    yield "a billion values.tif", directory.replace(struct.pack("<II", 1, 9), struct.pack("<II", 10**9, 0)) + bytes(9)


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
    assert report["slowest"] < 10


# Files and folders


def test_find_images(tmp_path):
    kept = ["a.png", "b/c/x.tiff", "b/x.webp", "b/Ä 1.JPG", "z.pgm"]
    passed_over = [
        ".hidden.png",
        "._a.png",
        "b/._x.webp",
        ".git/x.png",
        "__MACOSX/a.png",
        "b/__MACOSX/._a.png",
        "notes.txt",
        "png",
    ]
    for name in kept + passed_over:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "folder.png").mkdir()
    assert find_images([tmp_path]) == [tmp_path / name for name in kept]
    assert find_images([str(tmp_path / "b" / "c")]) == [tmp_path / "b/c/x.tiff"]
    given = [tmp_path / "notes.txt", tmp_path / "._a.png", tmp_path / "b/c", tmp_path / "a.png"]
    assert find_images(given) == [given[0], given[1], tmp_path / "b/c/x.tiff", given[3]]
    assert find_images([]) == []


def test_find_images_inside_a_hidden_folder(tmp_path):
    hidden = tmp_path / ".data"
    hidden.mkdir()
    (hidden / "a.png").write_bytes(b"anything")
    assert find_images([hidden]) == [hidden / "a.png"]


@pytest.mark.parametrize("name", ["empty", "missing", "missing.png"])
def test_find_images_where_there_are_none(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "._a.png").write_bytes(b"anything")
    with pytest.raises(ImageError, match=rf"folder {name}\b") as caught:
        find_images([tmp_path / name])
    assert str(tmp_path) not in str(caught.value)


def test_resize():
    image = smooth(40, 60)
    half = resize(image, 30, 20)
    assert_close(half, image.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)), 2)
    assert resize(image, 7, 90).shape == (90, 7, 3)
    assert np.array_equal(resize(image, 60, 40), image)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert_close(resize(stripes, 8, 8), np.full((8, 8, 3), 127), 6)  # antialiased, and not every eighth column
