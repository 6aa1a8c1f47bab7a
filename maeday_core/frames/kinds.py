"""What a file is by its first bytes: a picture, a video or an archive, whatever its name."""

from __future__ import annotations

import re
from typing import Literal

from PIL import Image

from maeday_core.io.images import FORMATS

Kind = Literal["picture", "video", "archive"]
START = 512
"""So many bytes tell what a file is."""
ARCHIVE = (b"PK\x03\x04", b"PK\x05\x06")
CONTAINER = re.compile(
    rb".{4}(ftyp(?!hei|hev|mif1|msf1|avi)|moov|mdat|wide|free|skip)"  # MP4 and MOV, but no HEIC and AVIF
    rb"|RIFF.{4}AVI|\x1a\x45\xdf\xa3|OggS|\x00\x00\x01\xba|\x30\x26\xb2\x75",
    re.DOTALL,
)
PACKET = b"\x47"
"""Every packet of an MPEG transport stream begins with it."""
PACKETS = ((0, 188), (4, 192), (0, 204))
"""Where the first one begins and how long they are: as broadcast, on a camcorder's card, with check bytes."""


def kind(start: bytes) -> Kind | None:
    """What a file is that begins with these bytes, `START` of them or all; None if it is nothing that is known."""
    if start.startswith(ARCHIVE):
        return "archive"
    if CONTAINER.match(start) or any(_packets(start, first, length) for first, length in PACKETS):
        return "video"
    Image.init()
    return "picture" if any(_accepts(name, start) for name in FORMATS) else None


def _packets(start: bytes, first: int, length: int) -> bool:
    return all(start[at : at + 1] == PACKET for at in (first, first + length, first + 2 * length))


def _accepts(name: str, start: bytes) -> bool:
    accept = Image.OPEN[name][1]
    return accept is None or accept(start[:16]) is True
