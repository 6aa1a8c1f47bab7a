"""Hostile zip archives: odd names, false records, shared and endless bytes."""

from __future__ import annotations

import io
import random
import struct
import zipfile

from PIL import Image

from tests.fuzz.damage import damaged
from tests.fuzz.pictures import spoiled
from tests.io.picture_files import encode

NAMES = (
    "a.png",
    "../../etc/cron.d/a.png",
    "/etc/a.png",
    "C:\\windows\\a.png",
    "..\\..\\a.png",
    "sub/../a.png",
    "a.png/",
    "CON.png",
    "=1+1.png",
    "<img src=x onerror=alert(1)>.png",
    "a\nb.png",
    "‮gnp.exe.png",
    "部品.png",
    "x" * 300 + ".png",
    "y/" * 200 + "a.png",
    "a.exe",
    "inner.zip",
    "._a.png",
    "",
)


def archive(rng: random.Random) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that is, or pretends to be, a zip archive."""
    make = rng.choice((packed, packed, spoiled_archive, spoiled_archive, lying, shared, endless, crowded))
    return ".zip", make(rng)


def packed(rng: random.Random) -> bytes:
    """Some entries of odd names and contents."""
    buffer = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.comment = rng.randbytes(rng.choice((0, 10, 60_000)))
        for name in rng.sample(NAMES, rng.randrange(8)):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            entry.external_attr = rng.choice((0, 0o120777 << 16, 0o100644 << 16, 0x10))
            file.writestr(entry, rng.choice((_photo(rng), spoiled(rng)[1], b"/etc/passwd")))
    return buffer.getvalue()


def spoiled_archive(rng: random.Random) -> bytes:
    """An archive after some changes, more of them in its directory at the end."""
    data = packed(rng)
    at = max(0, len(data) - 400) if rng.random() < 0.5 else 0
    return data[:at] + damaged(data[at:], rng)


def lying(rng: random.Random) -> bytes:
    """The end record counts other entries than there are, or places the directory elsewhere."""
    data = packed(rng)
    at = data.rfind(b"PK\5\6")
    count, size, start = (rng.choice((0, 1, 0xFFFF)), rng.choice((0, 46, 2**32 - 1)), rng.choice((0, 2**32 - 1)))
    return data[: at + 8] + struct.pack("<HHII", count, count, size, start) + data[at + 20 :]


def shared(rng: random.Random) -> bytes:
    """Many entries that share the same packed bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("0.png", bytes(rng.choice((1000, 150_000_000))))
        first = file.infolist()[0]
        for number in range(1, rng.choice((2, 400))):
            other = zipfile.ZipInfo(f"{number}.png")
            for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits"):
                setattr(other, name, getattr(first, name))
            file.filelist.append(other)
            file.NameToInfo[other.filename] = other
    return buffer.getvalue()


def endless(rng: random.Random) -> bytes:
    """An entry that is packed a thousand times, under a picture's header or none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(rng.randrange(1, 4)):
            file.writestr(f"{number}.bmp", rng.choice((b"BM", b"", b"\x89PNG\r\n\x1a\n")) + bytes(190_000_000))
    return buffer.getvalue()


def crowded(rng: random.Random) -> bytes:
    """Very many empty entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(rng.choice((1000, 25_000))):
            file.writestr(f"{number}.png", b"")
    return buffer.getvalue()


def _photo(rng: random.Random) -> bytes:
    return encode(Image.new("RGB", (rng.choice((8, 40)), 30), rng.choice(("red", "grey"))), rng.choice(("PNG", "JPEG")))
