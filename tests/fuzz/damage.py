"""Ways to spoil a file, whatever its format."""

from __future__ import annotations

import random
import struct

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 2**63 - 1, 2**64 - 1)
FIELDS = (">H", "<H", ">I", "<I", ">Q", "<Q")
START = 128
"""Most headers lie within so many bytes; half of all changes go there."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes after one to four changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data, rng)
    return data


def cut(data: bytes, rng: random.Random) -> bytes:
    """The end is missing."""
    return data[: rng.randrange(len(data) + 1)]


def flip(data: bytes, rng: random.Random) -> bytes:
    """Some bits are others."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64)) if data else 0):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def field(data: bytes, rng: random.Random) -> bytes:
    """A size, an offset or a count is an extreme one."""
    form = rng.choice(FIELDS)
    value = struct.pack(form, rng.choice(EXTREMES) % 256 ** struct.calcsize(form))
    at = _place(data, rng)
    return data[:at] + value + data[at + len(value) :]


def hole(data: bytes, rng: random.Random) -> bytes:
    """A piece is missing, is zero, is noise or comes twice."""
    at = _place(data, rng)
    end = min(len(data), at + rng.choice((1, 4, 64, 1024)))
    return data[:at] + rng.choice((b"", bytes(end - at), rng.randbytes(end - at), data[at:end] * 2)) + data[end:]


def tail(data: bytes, rng: random.Random) -> bytes:
    """Something follows the end."""
    return data + rng.choice((rng.randbytes(100), data, bytes(100_000), b"<script>alert(1)</script>"))


CHANGES = (cut, flip, flip, field, field, hole, tail)


def _place(data: bytes, rng: random.Random) -> int:
    return rng.randrange(max(1, min(START, len(data)) if rng.random() < 0.5 else len(data)))
