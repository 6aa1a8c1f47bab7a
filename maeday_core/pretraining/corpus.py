"""The pictures a masked autoencoder is pretrained on: found, filtered, and split."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maeday_core.errors import DatasetError, ImageError
from maeday_core.io.folders import hidden
from maeday_core.io.images import SUFFIXES, RGBImage, load_image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Usable:  # docs/decisions.md#corpus
    """Which pictures are used, and how large they are kept.

    Attributes:
        least_side: of a picture, in px.
        kept_short, kept_long: to what the sides of a larger picture are reduced, in px.
        opaque: the least alpha of a picture's pixels, 0 to 255.
        spread: the least standard deviation of some channel; below, a picture is nearly flat.
        blue, above_others, red_like_green: mean colour of a normal map: at least so blue, so far above red and green,
            and these two no farther apart.
        held_out: one picture in so many is held out.
    """

    least_side: int = 256
    kept_short: int = 512
    kept_long: int = 2048
    opaque: int = 250
    spread: float = 4
    blue: float = 180
    above_others: float = 60
    red_like_green: float = 20
    held_out: int = 10


USABLE = Usable()
NOT_A_PHOTOGRAPH = re.compile(
    r"(?i)[/\\](gui|hud|icons?|crosshairs?|fonts?|editor|skins|keys|modes|privs|rewards|particles|screenshots?|karts)[/\\]"
    r"|[_-](n|nm|nrm|norm|normal|normals|normalmap|h|height|bump|disp|s|spec|specular|gloss|glow|mask|alpha|ao|lightmap)"
    r"(?=[._-])|normal_?map|heightmap|logo|icon|button|cursor|minimap"
)


@dataclass(frozen=True)
class Corpus:
    """Pictures in memory, split by a hash of their content.

    Attributes:
        train, held_out: uint8 RGB of at least 256 px a side.
        files: where all of them come from.
        left_out: how many pictures were not used, by reason.
    """

    train: Sequence[RGBImage]
    held_out: Sequence[RGBImage]
    files: Sequence[Path]
    left_out: Mapping[str, int] = field(default_factory=dict)


def load_corpus(folders: Sequence[str | os.PathLike[str]]) -> Corpus:
    """Read every photograph below `folders`.

    Left out: pictures under 256 px, with transparency, normal and height maps and interface graphics (by name or
    colour), nearly flat ones, and copies of one already read. A tenth is held out.

    Raises:
        DatasetError: nothing usable was found.
    """
    train: list[RGBImage] = []
    held_out: list[RGBImage] = []
    files: list[Path] = []
    left_out: Counter[str] = Counter()
    for path, image, digest in photographs([Path(folder) for folder in folders], left_out):
        files.append(path)
        (held_out if digest[0] % USABLE.held_out == 0 else train).append(image)
    if not train:
        why = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no picture files"
        raise DatasetError(f"No usable pictures below {', '.join(map(str, folders))}: {why}.")
    return Corpus(train, held_out or train[:1], files, left_out)


def photographs(folders: Sequence[Path], left_out: Counter[str]) -> Iterator[tuple[Path, RGBImage, bytes]]:
    """Yield the path, pixels and a hash of the content of every usable picture; count the others by reason.

    Args:
        folders: searched in this order, each in the order of its paths.
        left_out: counts the others.
    """
    seen: set[bytes] = set()
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
            if hidden(path.relative_to(folder)):
                continue
            if NOT_A_PHOTOGRAPH.search(f"/{path.relative_to(folder.parent)}"):
                left_out["named like a map or an interface graphic"] += 1
                continue
            if _too_small_or_transparent(path):
                left_out[f"unreadable, transparent or under {USABLE.least_side} px"] += 1
                continue
            try:
                image = _shrink(load_image(path))
            except ImageError as error:
                logger.warning("%s", error)
                left_out["damaged"] += 1
                continue
            digest = _digest(image)
            if digest in seen or _looks_like_normals(image) or image.std(axis=(0, 1)).max() < USABLE.spread:
                left_out["a copy, nearly flat, or coloured like a normal map"] += 1
                continue
            seen.add(digest)
            yield path, image, digest


def _too_small_or_transparent(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            if min(picture.size) < USABLE.least_side:
                return True
            return (
                picture.has_transparency_data
                and picture.convert("RGBA").getchannel("A").point(lambda a: a < USABLE.opaque).getbbox() is not None
            )
    except Exception:
        return True


def _shrink(image: RGBImage) -> RGBImage:
    scale = USABLE.kept_short / min(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (min(round(side * scale), USABLE.kept_long) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _digest(image: RGBImage) -> bytes:
    """The same for two copies of a picture that differ in size or compression only."""
    thumbnail = np.asarray(cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA), np.uint8)
    return hashlib.sha1((thumbnail // 8).tobytes()).digest()


def _looks_like_normals(image: RGBImage) -> bool:
    """Whether its mean colour is that of a map of surface normals, which mostly point at the viewer: blue."""
    red, green, blue = image.reshape(-1, 3).mean(axis=0)
    return bool(
        blue > USABLE.blue and blue - max(red, green) > USABLE.above_others and abs(red - green) < USABLE.red_like_green
    )
