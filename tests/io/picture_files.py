"""Writers of picture files: by Pillow, by tifffile, and by hand where no library writes such a file."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import tifffile
from PIL import Image, features


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


def tiff_of_12_bits(grey):
    """Two samples in three bytes, which tifffile does not write without a codec of its own."""
    height, width = grey.shape
    pairs = grey.reshape(-1, 2).astype(np.uint16)
    data = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
    tags = {256: width, 257: height, 258: 12, 259: 1, 262: 1, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: height}
    tags[279] = data.size
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data.astype(np.uint8).tobytes()


def tile_bomb(side):
    """A TIFF of 16 x 16 pixels in one tile of side x side, deflated to almost nothing."""
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(side * 3)) for _ in range(side)) + packer.flush()
    offset = 8 + 2 + 10 * 12 + 4
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 2, 277: 3, 322: side, 323: side, 324: offset, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def palette(rgb, **options):
    return encode(Image.fromarray(rgb).quantize(64), "PNG", **options)


RAMP = np.linspace(0, 255, 12 * 20).astype(np.uint8).reshape(12, 20)
SOFT, COLOUR, ALPHA = smooth(), photo(), photo(channels=4)


Files = Iterator[tuple[str, bytes]]
"""Names and contents."""


def broken_files() -> Files:
    """Files made to break a decoder, the same on every run."""
    rng = random.Random(20240229)
    whole = whole_files()
    for suffix, data in whole.items():
        yield from _damaged(suffix, data, rng)
    yield from _beginnings(rng)
    yield from _broken_png()
    yield from _broken_netpbm()
    yield from _false_sizes(whole)
    yield from _broken_tiff()


def whole_files() -> dict[str, bytes]:
    """A good file of every format and variety, by suffix."""
    frames = {"save_all": True, "append_images": [Image.fromarray(255 - SOFT)]}
    deep = SOFT[..., 0].astype(np.uint16) * 300
    return {
        "jpg": encode(SOFT, "JPEG"),
        "progressive.jpg": encode(SOFT, "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(40)),
        "cmyk.jpg": encode(Image.fromarray(SOFT).convert("CMYK"), "JPEG"),
        "png": encode(SOFT, "PNG"),
        "deep.png": encode(deep, "PNG"),
        "deep colour.png": png16(np.dstack([deep, deep, deep, deep])),
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
        "deep colour.tif": tiff(np.dstack([deep] * 3), photometric="rgb"),
        "big.tif": tiff(deep, photometric="minisblack", bigtiff=True, byteorder=">"),
        "bmp": encode(SOFT, "BMP"),
        "palette.bmp": encode(Image.fromarray(SOFT).quantize(16), "BMP"),
        "ppm": encode(SOFT, "PPM"),
        "plain.ppm": b"P3 8 8 255\n" + b"17 " * 192,
        "deep.ppm": b"P6 20 12 4095\n" + (COLOUR.astype(">u2") * 16).tobytes(),
        "pfm": b"Pf\n20 12\n-1.0\n" + RAMP.astype("<f4").tobytes(),
    } | ({"avif": encode(SOFT, "AVIF")} if features.check("avif") else {})


def _damaged(suffix: str, data: bytes, rng: random.Random) -> Files:
    size = len(data)
    for cut in (1, 3, 8, 13, 21, 30, 47, *(size * part // 9 for part in range(1, 9)), size - 5, size - 1):
        yield f"cut at {cut}.{suffix}", data[:cut]
    for number in range(16):
        flipped = bytearray(data)
        for _ in range(1 + number % 4):  # half of them in the header, where the sizes and offsets are
            flipped[rng.randrange(min(size, 64) if number % 2 else size)] ^= 1 << rng.randrange(8)
        yield f"bits flipped {number}.{suffix}", bytes(flipped)
    for number, value in enumerate((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f") * 3):
        at = rng.randrange(4, min(size, 120) - 4)
        yield f"field {number}.{suffix}", data[:at] + value + data[at + 4 :]
    at, length = rng.randrange(12, size // 2), rng.randrange(size // 4)
    yield f"hole.{suffix}", data[:at] + data[at + length :]
    yield f"repeated.{suffix}", data[: at + length] + data[at:]
    for magic in (2, 6, 12, 26):
        yield f"garbage after {magic}.{suffix}", data[:magic] + rng.randbytes(400)


def _beginnings(rng: random.Random) -> Files:
    """The first bytes of every format, and noise."""
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


def _broken_png() -> Files:
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


def _broken_netpbm() -> Files:
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


def _false_sizes(whole: dict[str, bytes]) -> Files:
    """Headers that announce another width or height."""
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


def _broken_tiff() -> Files:
    for side in (64, 7000, 30_000):
        yield (
            f"tile of {side}.tif",
            tile_bomb(64).replace(struct.pack("<HHII", 322, 4, 1, 64), struct.pack("<HHII", 322, 4, 1, side)),
        )
    directory = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 256, 4, 1, 9)
    yield "next directory is itself.tif", directory + b"\x08\0\0\0"
    yield "a billion values.tif", directory.replace(struct.pack("<II", 1, 9), struct.pack("<II", 10**9, 0)) + bytes(9)
