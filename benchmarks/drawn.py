"""Sets of drawn surfaces in MVTec-AD's layout, on which nothing was chosen: other draws for other seeds.

    python -m benchmarks.drawn OUT --seed 7

Of every kind that `pretraining.textures` draws there is one surface. Crops of it, a little brighter or darker, are the
pictures; the defective ones have a scratch, a stain, a scrap of the surface or a smear of 24 to 60 px, and a mask.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from maeday_core.io.images import RGBImage
from maeday_core.pretraining.textures import TEXTURES, draw_texture

SURFACE, SIDE = 1600, 320
GOOD, DEFECTIVE = 20, 20
DEFECTS = ("scratch", "stain", "scrap", "smear")

Mask = npt.NDArray[np.uint8]


def crop(surface: RGBImage, rng: np.random.Generator) -> RGBImage:
    """A piece of a surface in a little other light."""
    y, x = rng.integers(0, SURFACE - SIDE, 2)
    light = rng.uniform(0.95, 1.05)
    return np.clip(surface[y : y + SIDE, x : x + SIDE] * light, 0, 255).astype(np.uint8)


def spoilt(picture: RGBImage, defect: str, rng: np.random.Generator) -> tuple[RGBImage, Mask]:
    """A picture with a defect, and its mask, 255 where it is."""
    mask: Mask = np.zeros(picture.shape[:2], np.uint8)
    length = int(rng.uniform(24, 60))
    x, y = (int(value) for value in rng.integers(length, SIDE - length, 2))
    if defect == "scratch":
        steps = rng.normal(0, 1, 2) * length / 8 + rng.normal(0, 3, (8, 2))
        line = (np.array([x, y]) + np.cumsum(steps, axis=0)).astype(np.int32)
        cv2.polylines(mask, [line.reshape(-1, 1, 2)], False, 255, int(rng.integers(2, 5)))
        spoil = np.full(picture.shape, 255 * rng.choice([0.1, 0.95]))
        share = 0.6
    else:
        axes = (length // 2, max(6, int(length * rng.uniform(0.3, 0.5))))
        cv2.ellipse(mask, (x, y), axes, rng.uniform(0, 180), 0, 360, 255, -1)
        turned = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)
        spoil, share = {
            "stain": (np.full(picture.shape, rng.uniform(0, 255, 3)), rng.uniform(0.4, 0.7)),
            "scrap": (255.0 - turned if rng.random() < 0.5 else turned, 1.0),
            "smear": (0.9 * cv2.GaussianBlur(picture, (0, 0), 6), 1.0),
        }[defect]
    opacity = share * (mask[..., None] > 0)
    return (picture * (1 - opacity) + spoil * opacity).clip(0, 255).astype(np.uint8), mask


def draw_set(folder: Path, kind: str, rng: np.random.Generator) -> None:
    """One set: pictures of one surface."""
    surface = draw_texture(SURFACE, rng, kind)
    for number in range(GOOD):
        _save(folder / "test" / "good" / f"{number:02}.png", crop(surface, rng))
    for number in range(DEFECTIVE):
        defect = DEFECTS[number % len(DEFECTS)]
        picture, mask = spoilt(crop(surface, rng), defect, rng)
        _save(folder / "test" / defect / f"{number:02}.png", picture)
        _save(folder / "ground_truth" / defect / f"{number:02}_mask.png", mask)


def _save(path: Path, picture: RGBImage | Mask) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def main() -> None:
    """Draw a set of every kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    for number, kind in enumerate(TEXTURES):
        draw_set(options.out / kind.replace(" ", "-"), kind, np.random.default_rng([options.seed, number]))


if __name__ == "__main__":
    main()
