"""The pictures a masked autoencoder is pretrained on: found, filtered, and cut into crops."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maeday_core.errors import DatasetError, ImageError
from maeday_core.images import SUFFIXES, RGBImage, hidden, load_image

MIN_SIDE = 256
KEPT_SIDE = 512
NOT_A_PHOTOGRAPH = re.compile(
    r"(?i)[/\\](gui|hud|icons?|crosshairs?|fonts?|editor|skins|keys|modes|privs|rewards|particles|screenshots?|karts)[/\\]"
    r"|[_-](n|nm|nrm|norm|normal|normals|normalmap|h|height|bump|disp|s|spec|specular|gloss|glow|mask|alpha|ao|lightmap)"
    r"(?=[._-])|normal_?map|heightmap|logo|icon|button|cursor|minimap"
)


@dataclass(frozen=True)
class Corpus:
    """Pictures in memory, uint8 RGB of at least 256 px a side, split by a hash of their content."""

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
    seen: set[bytes] = set()
    for folder in map(Path, folders):
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
            if hidden(path.relative_to(folder)):
                continue
            if NOT_A_PHOTOGRAPH.search(f"/{path.relative_to(folder.parent)}"):
                left_out["named like a map or an interface graphic"] += 1
                continue
            if _too_small_or_transparent(path):
                left_out[f"unreadable, transparent or under {MIN_SIDE} px"] += 1
                continue
            try:
                image = _shrink(load_image(path))
            except ImageError as error:
                print(error, file=sys.stderr)
                left_out["damaged"] += 1
                continue
            thumbnail = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)
            digest = hashlib.sha1((thumbnail // 8).tobytes()).digest()
            red, green, blue = image.reshape(-1, 3).mean(axis=0)
            looks_like_normals = blue > 180 and blue - max(red, green) > 60 and abs(red - green) < 20
            if digest in seen or looks_like_normals or image.std(axis=(0, 1)).max() < 4:
                left_out["a copy, nearly flat, or coloured like a normal map"] += 1
                continue
            seen.add(digest)
            files.append(path)
            (held_out if digest[0] % 10 == 0 else train).append(image)
    if not train:
        why = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no picture files"
        raise DatasetError(f"No usable pictures below {', '.join(map(str, folders))}: {why}.")
    return Corpus(train, held_out or train[:1], files, left_out)


def draw_crops(images: Sequence[RGBImage], count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw augmented training crops: uint8 (count, size, size, 3).

    A quarter of them repeat a small piece exactly, turned by a random angle: only copying continues those.
    """
    crops = []
    for _ in range(count):
        image = images[int(rng.integers(len(images)))]
        crop = _periodic(image, size, rng) if rng.random() < 0.25 else _crop(image, size, rng)
        crop = np.rot90(crop, int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        crops.append(_jitter(crop, rng))
    return np.stack(crops)


def _crop(image: RGBImage, size: int, rng: np.random.Generator) -> RGBImage:
    height, width = image.shape[:2]
    side = int(np.exp(rng.uniform(np.log(96), np.log(min(height, width)))))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    piece = image[top : top + side, left : left + side]
    return cv2.resize(piece, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def _periodic(image: RGBImage, size: int, rng: np.random.Generator) -> RGBImage:
    period = int(np.exp(rng.uniform(np.log(8), np.log(size / 3))))
    height = max(4, int(period * rng.uniform(0.5, 2)))
    tile = cv2.resize(_crop(image, size, rng), (period, height), interpolation=cv2.INTER_AREA)
    surface = np.tile(tile, (2 * size // height + 1, 2 * size // period + 1, 1))
    angle = rng.choice([0.0, 45.0, rng.uniform(0, 90)])
    turn = cv2.getRotationMatrix2D((size, size), angle, rng.uniform(1, 1.5))
    turn = turn - [[0, 0, size / 2], [0, 0, size / 2]]
    return cv2.warpAffine(surface, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _jitter(crop: RGBImage, rng: np.random.Generator) -> RGBImage:
    x = crop.astype(np.float32) / 255
    if rng.random() < 0.3:
        x = np.repeat(x.mean(axis=2, keepdims=True), 3, axis=2)
    elif rng.random() < 0.2:
        x = x[..., rng.permutation(3)]
    mean = x.mean(axis=(0, 1))
    contrast, brightness = rng.uniform(0.5, 1.3), rng.uniform(-0.15, 0.15)
    x = (x - mean) * contrast + mean + brightness
    if rng.random() < 0.2:
        x = x * rng.uniform(0.2, 0.8)
    tint = rng.uniform(0.9, 1.1, 3)
    return (np.clip(x * tint, 0, 1) * 255 + 0.5).astype(np.uint8)


def _too_small_or_transparent(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            if min(picture.size) < MIN_SIDE:
                return True
            return (
                picture.has_transparency_data
                and picture.convert("RGBA").getchannel("A").point(lambda alpha: alpha < 250).getbbox() is not None
            )
    except Exception:
        return True


def _shrink(image: RGBImage) -> RGBImage:
    scale = KEPT_SIDE / min(image.shape[:2])
    if scale >= 1:
        return image
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return cv2.resize(image, (min(width, 2048), min(height, 2048)), interpolation=cv2.INTER_AREA)
