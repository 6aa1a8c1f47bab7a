"""Every format and mode becomes RGB; what is no picture is refused by name."""

import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features
from PIL.ExifTags import Base as Tag

from maeday_core.io.images import load_image
from tests.io.checks import assert_close, over_white, refusal
from tests.io.picture_files import ALPHA, COLOUR, RAMP, SOFT, chunk, encode, palette, photo, png, png16, tiff


def lab_tiff(rgb):
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return encode(ImageCms.applyTransform(Image.fromarray(rgb), to_lab), "TIFF")


FEW = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
STILLS = {
    "1-bit png": (encode(Image.fromarray(RAMP > 99), "PNG"), (RAMP > 99) * 255, 0),
    "1-bit tiff": (tiff(RAMP > 99, photometric="minisblack"), (RAMP > 99) * 255, 0),
    "fax tiff": (encode(Image.fromarray(RAMP > 99), "TIFF", compression="group4"), (RAMP > 99) * 255, 0),
    "2-bit png": (png(4, 1, 2, 0, b"\0\x1b"), [[0, 85, 170, 255]], 0),
    "grey png": (encode(RAMP, "PNG"), RAMP, 0),
    "grey jpeg": (encode(SOFT[..., 0], "JPEG"), SOFT[..., 0], 3),
    "grey key png": (png(3, 1, 8, 0, b"\0\x00\x50\xf0", chunk(b"tRNS", b"\0\x50")), [[0, 255, 240]], 0),
    "white is zero tiff": (tiff(255 - RAMP, photometric="miniswhite"), RAMP, 0),
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
    "pgm": (encode(RAMP, "PPM"), RAMP, 0),
    "pbm": (b"P1 3 1 1 0 1", [[0, 255, 0]], 0),
    "16-bit ppm": (b"P6 20 12 65535\n" + (COLOUR.astype(">u2") * 257).tobytes(), COLOUR, 0),
}


@pytest.mark.parametrize(("data", "expected", "tolerance"), STILLS.values(), ids=STILLS)
def test_still_pictures(data, expected, tolerance):
    assert_close(load_image(data), expected, tolerance)
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        assert_close(load_image(opened), expected, tolerance)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow knows no AVIF")
def test_avif():
    assert_close(load_image(encode(SOFT, "AVIF", quality=95)), SOFT, 6)
    turned = Image.Exif()
    turned[Tag.Orientation] = 6
    assert_close(load_image(encode(SOFT, "AVIF", quality=95, exif=turned)), np.rot90(SOFT, -1), 6)


CLEAR = COLOUR.copy()
CLEAR_FILES = {
    "rgba png": (encode(np.dstack([CLEAR, CLEAR[..., 0] * 0]), "PNG"), CLEAR),
    "grey alpha png": (encode(np.dstack([CLEAR[..., 0], CLEAR[..., 0] * 0]), "PNG"), CLEAR[..., 0]),
    "rgba tiff": (encode(np.dstack([CLEAR, CLEAR[..., 0] * 0]), "TIFF"), CLEAR),
    "16-bit png": (png16(np.dstack([CLEAR, CLEAR[..., 0] * 0]).astype(np.uint16) * 257), CLEAR),
    "palette png": (palette(FEW, transparency=bytes(4)), FEW),
}


@pytest.mark.parametrize(("data", "expected"), CLEAR_FILES.values(), ids=CLEAR_FILES)
def test_a_wholly_transparent_picture_is_taken_as_opaque(data, expected):
    assert_close(load_image(data), expected)


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


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (100, 1), (3, 2)])
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
        grey[0, 0] = 255  # so that the least pictures are no dark ones, too
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
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "damaged AVIF"),
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


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (COLOUR, COLOUR),
        (RAMP, RAMP),
        (RAMP[..., None], RAMP),
        (RAMP[..., None] / 255, RAMP),
        (np.dstack([COLOUR.astype(np.uint16) * 257, np.full((12, 20), 65535, np.uint16)]), COLOUR),
        (COLOUR[::-1, ::-2], COLOUR[::-1, ::-2]),
        (ALPHA, over_white(ALPHA[..., :3], ALPHA[..., 3])),
        (COLOUR.astype(np.uint16) * 257, COLOUR),
        (COLOUR.astype(">u2") * 257, COLOUR),
        (COLOUR.astype(np.int64), COLOUR),
        (COLOUR / 255, COLOUR),
        (np.float16(RAMP / 255), RAMP),
        (COLOUR.astype(np.float32), COLOUR),
        (RAMP > 99, (RAMP > 99) * 255),
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
        np.zeros((2, 3, 2)),
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
