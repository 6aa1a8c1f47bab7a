"""Colours of 16 bits: Pillow keeps the upper byte of a sample; a second look at the file adds the lower one.

Pillow unpacks a tile of a file by its raw mode. Where the bytes of a sample are said to stand in the other order, it
keeps the lower byte instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from maeday_core.io.samples import DEPTHS, range_of, scaled, step_of

MAX_SAMPLE, S_MAX_SAMPLE = 281, 341  # tags of TIFF
PART = 1_000_000
"""Pixels that are joined at once."""
GREY = "I;16B"
GREY_AND_ALPHA = "LA;16B"
OTHER_ORDER = {"B": "L", "L": "B", "N": "B"}  # N is the machine's own
LOWER = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA", "RGBX", "CMYK")
    for order, other in OTHER_ORDER.items()
} | {GREY_AND_ALPHA: "RGBA"}
"""The raw mode that gives the lower bytes of a file, by the one that gives the upper; of grey and alpha it gives all
four bytes."""


def stated_depths(picture: Image.Image) -> tuple[float, ...]:
    """The highest samples that a file allows, of which the least that fits counts; none where it states no depth."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        tags = picture.tag_v2
        bits = max(tags.get(Tag.BitsPerSample, (1,)))
        if 8 < bits < 16:
            return (float(2**bits - 1),)
        highest = np.max(tags.get(MAX_SAMPLE, tags.get(S_MAX_SAMPLE, 0)))
        if highest in (1, *DEPTHS):  # else it tells of this picture, not of its depth
            return tuple(depth for depth in (1.0, *DEPTHS) if depth >= highest)
    elif picture.format == "PPM" and isinstance(_tile(picture)[3], tuple):
        codec, _, _, (_, highest, *_) = _tile(picture)
        if codec != "raw" and highest < DEPTHS[-1]:
            return (float(highest) if codec == "ppm" else DEPTHS[-1],)  # plain samples are scaled by Pillow
    elif picture.format == "PNG" and 8 < (bits := max(_significant_bits(picture), default=0)) < 16:
        return 2**bits - 1, DEPTHS[-1]  # the lower bits by some cameras, the upper by the specification
    return ()


def both_bytes(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A picture that was opened, and one of the lower bytes where it has 16 bits a colour and Pillow drops them."""
    codec, _, _, arguments = _tile(picture)
    raw: Any = arguments[0] if isinstance(arguments, tuple) else arguments
    if picture.format == "PPM" and codec == "ppm" and arguments[1] > 255:  # else scaled, sample by sample
        raw = GREY if picture.mode == "I" else "RGB;16B"
    elif raw not in LOWER:
        return picture, None
    if raw == GREY:
        return _read_as(picture, raw), None
    lower = _read_as(picture, LOWER[raw])
    return _read_as(picture, raw), lower.getchannel("G") if raw == GREY_AND_ALPHA else lower


def joined(upper: Image.Image, lower: Image.Image, depths: Sequence[float]) -> Image.Image:
    """The picture of both bytes at 8 bits a colour, by the rule for grey; alpha as it is.

    It takes the place of `upper`, strip by strip: all samples at once would take six bytes a pixel more.
    """
    width, height = upper.size
    step = step_of(height, width)
    rows = step * max(1, PART // (width * step))
    strips = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    seen = [_samples(upper.crop(strip), lower.crop(strip))[::step, ::step] for strip in strips]
    low, high = range_of(np.concatenate(seen), depths)
    for strip in strips:
        part = upper.crop(strip)
        colours = Image.fromarray(
            scaled(_samples(part, lower.crop(strip)), low, high), "CMYK" if part.mode == "CMYK" else "RGB"
        )
        if part.mode == "RGBA":
            colours.putalpha(part.getchannel("A"))
        upper.paste(colours, strip)
    return upper


def _samples(upper: Image.Image, lower: Image.Image) -> npt.NDArray[np.uint16]:
    """Samples (H, W, C) of both bytes, without alpha."""
    colours = 3 if upper.mode == "RGBA" else len(upper.getbands())
    samples = np.asarray(upper)[..., :colours].astype(np.uint16)
    samples <<= 8
    samples |= np.asarray(lower).reshape(*samples.shape[:2], -1)[..., :colours]
    return samples


def _tile(picture: Image.Image) -> Any:
    """Codec, extents, offset and arguments of the first tile of a file that is open and not decoded yet."""
    tiles: Any = getattr(picture, "tile", None)
    unread = tiles and getattr(picture, "fp", None) and not picture.tell()
    return tuple(tiles[0]) if unread else (None, None, None, None)


def _read_as(picture: Image.Image, raw: str) -> Image.Image:
    """The file of a picture read once more, its samples unpacked by another raw mode."""
    file: Any = getattr(picture, "fp")  # noqa: B009 - of the subclass for files
    at = file.tell()
    file.seek(0)
    again: Any = Image.open(file, formats=[picture.format or ""])
    again.tile = [
        tile._replace(args=raw)
        if isinstance(tile.args, str)
        else tile._replace(codec_name="raw", args=(raw, 0, 1))
        if tile.codec_name == "ppm"
        else tile._replace(args=(raw, *tile.args[1:]))
        for tile in again.tile
    ]
    again.load()
    file.seek(at)
    return again


def _significant_bits(picture: Image.Image) -> bytes:
    """The chunk sBIT of a PNG, which comes before the pixels; empty without."""
    file: Any = getattr(picture, "fp", None)
    if file is None:
        return b""
    at = file.tell()
    file.seek(8)
    found = b""
    while len(head := file.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"sBIT" and length <= 4:
            found = file.read(length)
            break
        file.seek(length + 4, 1)
    file.seek(at)
    return found
