"""The pictures a masked autoencoder is pretrained on: found, filtered, and cut into crops."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maeday_core.errors import DatasetError, ImageError
from maeday_core.io.images import SUFFIXES, RGBImage, hidden, load_image
from maeday_core.pretraining.textures import CELL, coordinates, draw_texture, repeat

PACKAGES = (
    "gnome-backgrounds",
    "plasma-workspace-wallpapers",
    "redeclipse-data",
    "supertuxkart-data",
    "torcs-data",
)
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
    for path, image, digest in _photographs([Path(folder) for folder in folders], left_out):
        files.append(path)
        (held_out if digest[0] % 10 == 0 else train).append(image)
    if not train:
        why = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no picture files"
        raise DatasetError(f"No usable pictures below {', '.join(map(str, folders))}: {why}.")
    return Corpus(train, held_out or train[:1], files, left_out)


def build_corpus(
    out: str | os.PathLike[str],
    packages: Sequence[str] = PACKAGES,
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Download Debian packages and keep their photographs, for `load_corpus`.

    Written below `out`: `<package>/<hash>.png`, at most 512 px on the short side; `<package>/copyright`, with the terms
    of every file; and `kept.csv`, which tells each picture's package, version and path in it.

    Raises:
        DatasetError: `out` exists, a package cannot be fetched, or none holds a usable picture.
    """
    out = Path(out)
    if out.exists():
        raise DatasetError(f"{out} exists already; choose a new folder for the corpus.")
    with tempfile.TemporaryDirectory(dir=out.absolute().parent) as scratch:
        versions = {package: _unpack(package, Path(scratch), log) for package in packages}
        left_out: Counter[str] = Counter()
        rows = []
        for path, image, digest in _photographs([Path(scratch) / package for package in packages], left_out):
            package, *inside = path.relative_to(scratch).parts
            target = out / package / f"{digest.hex()[:16]}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 3])
            rows.append([str(target.relative_to(out)), package, versions[package], "/".join(inside)])
            if len(rows) % 200 == 0:
                log(f"{len(rows)} pictures kept")
        if not rows:
            raise DatasetError(f"No usable pictures in {', '.join(packages)}.")
        for package in {row[1] for row in rows}:
            shutil.copy(Path(scratch) / package / "usr/share/doc" / package / "copyright", out / package / "copyright")
    with (out / "kept.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "package", "version", "path"], *rows])
    for reason, count in left_out.items():
        log(f"{count} left out: {reason}")
    log(f"{len(rows)} pictures kept in {out}")
    return out


def _unpack(package: str, scratch: Path, log: Callable[[str], None]) -> str:
    """Fetch and unpack one package into `scratch`/<its name>; returns its version."""
    log(f"fetching {package}")
    (scratch / package).mkdir()
    try:
        subprocess.run(["apt-get", "download", package], cwd=scratch, check=True, capture_output=True, text=True)
        [archive] = scratch.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, scratch / package], check=True, capture_output=True, text=True)
        return subprocess.check_output(["dpkg-deb", "-f", archive, "Version"], text=True).strip()
    except FileNotFoundError as error:
        raise DatasetError(
            f"{error.filename} is not on this machine: packages are fetched on Debian or Ubuntu; elsewhere unpack them "
            "by hand and give their folders to pretrain."
        ) from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DatasetError(f"The package {package} cannot be fetched or unpacked ({reason[0]}).") from error
    finally:
        for archive in scratch.glob("*.deb"):
            archive.unlink()


def _photographs(folders: Sequence[Path], left_out: Counter[str]) -> Iterator[tuple[Path, RGBImage, bytes]]:
    """Yield the path, pixels and a hash of the content of every usable picture; count the others by reason."""
    seen: set[bytes] = set()
    for folder in folders:
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
            yield path, image, digest


def draw_crops(images: Sequence[RGBImage], count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw augmented training crops: uint8 (count, size, size, 3).

    Six in ten are cut from a picture, three are procedural surfaces, one repeats a small piece of a picture exactly.
    """
    crops = []
    for _ in range(count):
        image = images[int(rng.integers(len(images)))]
        kind = rng.random()
        if kind < 0.6:
            crop = _crop(image, size, rng)
        elif kind < 0.7:
            crop = repeat(_crop(image, CELL, rng), *coordinates(size, rng))
        else:
            crop = draw_texture(size, rng)
        crop = np.rot90(crop, int(rng.integers(4)))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.25:
            crop = _frame(np.ascontiguousarray(crop), rng)
        crops.append(_jitter(np.ascontiguousarray(crop), rng))
    return np.stack(crops)


def _crop(image: RGBImage, size: int, rng: np.random.Generator) -> RGBImage:
    height, width = image.shape[:2]
    side = int(np.exp(rng.uniform(np.log(96), np.log(min(height, width)))))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    piece = image[top : top + side, left : left + side]
    return cv2.resize(piece, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_CUBIC)


def _frame(crop: RGBImage, rng: np.random.Generator) -> RGBImage:
    """A part that does not quite fill the picture: a rim of background on some sides, often behind a bevelled edge."""
    size = len(crop)
    sides = rng.uniform(1, size / 10, 4) * (rng.random(4) < 0.6)
    left, top, right, bottom = sides[:, None] + rng.normal(0, 2, (4, 2)) * (sides > 0)[:, None]
    corners = [
        (left[0], top[0]),
        (size - right[0], top[1]),
        (size - right[1], size - bottom[1]),
        (left[1], size - bottom[0]),
    ]
    part = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(part, (np.array(corners) * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    inside = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.5, 2)).astype(np.float32)[..., None] / 255
    surface = crop.astype(np.float32)
    if rng.random() < 0.5:
        bevel = cv2.erode(part, np.ones((int(rng.integers(3, 16)),) * 2, np.uint8), borderValue=255)[..., None] == 0
        surface = np.where(bevel, surface * rng.uniform(0.5, 1.5) + rng.uniform(-30, 30), surface)
    shade = rng.uniform(0, 60) if rng.random() < 0.7 else rng.uniform(0, 255)
    ground = shade + rng.uniform(0, 10) * rng.standard_normal((size, size, 1), dtype=np.float32)
    return np.clip(ground + inside * (surface - ground), 0, 255).astype(np.uint8)


def _jitter(crop: RGBImage, rng: np.random.Generator) -> RGBImage:
    """Grey, swapped, dark, pale, tinted: what one surface looks like under another lamp, camera or paint."""
    if rng.random() < 0.3:
        crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif rng.random() < 0.2:
        crop = crop[..., rng.permutation(3)]
    mean = crop[::4, ::4].mean(axis=(0, 1)) / 255
    contrast = np.exp(rng.uniform(np.log(0.45), np.log(1.3)))
    light = rng.uniform(0.25, 0.8) if rng.random() < 0.2 else 1
    levels = np.linspace(0, 1, 256)[:, None]
    levels = (mean + contrast * (levels - mean) + rng.uniform(-0.15, 0.15)) * light * rng.uniform(0.9, 1.1, 3)
    table = (np.clip(levels, 0, 1) * 255 + 0.5).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(crop), table[None])


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
