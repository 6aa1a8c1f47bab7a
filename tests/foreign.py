"""Surfaces, newly drawn or photographed, and foreign objects to paste on them."""

import cv2
import numpy as np
from skimage import data

from maeday_core.io.images import RGBImage
from maeday_core.pretraining.textures import TEXTURES, draw_texture

PHOTOGRAPHS = {"brick photograph": data.brick, "grass photograph": data.grass, "gravel photograph": data.gravel}
SURFACES = [*TEXTURES, *PHOTOGRAPHS]
SIZE = 224


def surface(kind: str, rng: np.random.Generator) -> RGBImage:
    """A picture of 224 px: procedural, or cut from one of scikit-image's photographs."""
    if kind in TEXTURES:
        return draw_texture(SIZE, rng, kind)
    photograph = PHOTOGRAPHS[kind]()
    side = int(rng.integers(min(photograph.shape) // 2, min(photograph.shape) + 1))
    y, x = (int(rng.integers(s - side + 1)) for s in photograph.shape)
    cut = cv2.resize(photograph[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.repeat(cut[..., None], 3, axis=2)


def paste(picture: RGBImage, side: int, rng: np.random.Generator) -> tuple[RGBImage, tuple[int, int, int, int]]:
    """Lay a nut, a washer, a bolt, a coin or a stain of about `side` px on a picture; returns it and the object's box.

    The object is lighter than a dark surface and darker than a light one, lit from one side, and casts a soft shadow.
    """
    shape = ("nut", "washer", "bolt", "coin", "stain")[int(rng.integers(5))]
    big = 4 * side
    mask = np.zeros((big, big), np.uint8)
    middle, radius = (big // 2, big // 2), big // 2 - 2
    turn = rng.uniform(0, 2 * np.pi)
    if shape in ("nut", "washer", "coin"):
        corners = 6 if shape == "nut" else 60
        angles = turn + 2 * np.pi * np.arange(corners) / corners
        outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + middle
        cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
        if shape != "coin":
            cv2.circle(mask, middle, int(radius * 0.4), 0, -1)
    elif shape == "bolt":
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        for start, end, half in ((-0.95, 0.95, 0.22), (-0.95, -0.5, 0.5)):
            corners = [along * a + across * b for a, b in ((start, -half), (end, -half), (end, half), (start, half))]
            cv2.fillPoly(mask, [(np.array(corners) * radius * 0.9 + middle).astype(np.int32)], 255)
    else:
        blob = cv2.GaussianBlur(rng.random((big, big), dtype=np.float32), (0, 0), big / 8)
        y, x = np.mgrid[:big, :big] - big / 2
        mask[(blob - blob.mean()) / blob.std() - 4 * (np.hypot(x, y) / radius) ** 2 > -2.5] = 255
    alpha = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)[..., None] / 255

    y, x = (int(rng.integers(8, SIZE - side - 8)) for _ in range(2))
    ground = picture[y : y + side, x : x + side].astype(np.float32) / 255
    level = ground.mean() + (0.45 if ground.mean() < 0.5 else -0.4)
    light = np.linspace(-0.12, 0.12, side)[None, :, None] + 0.03 * rng.standard_normal((side, side, 1))
    tint = rng.uniform(-0.06, 0.06, 3)
    out = picture.astype(np.float32) / 255
    shadow = cv2.GaussianBlur(np.pad(alpha[..., 0], 4), (0, 0), 2)[..., None]
    out[y - 2 : y + side + 6, x - 2 : x + side + 6] *= 1 - 0.35 * shadow
    place = out[y : y + side, x : x + side]
    place += alpha * (level + light + tint - place)
    ys, xs = np.nonzero(alpha[..., 0] > 0.5)
    box = int(x + xs.min()), int(y + ys.min()), int(x + xs.max()) + 1, int(y + ys.max()) + 1
    return (np.clip(out, 0, 1) * 255 + 0.5).astype(np.uint8), box
