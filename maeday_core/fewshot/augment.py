"""Augmentation: photos of good parts as they could have been taken, turned, cut and lit a little differently."""

from __future__ import annotations

import cv2
import numpy as np

from maeday_core.io.images import RGBImage

COPY_DEGREES, COPY_CROP = 3, 0.05  # docs/decisions.md#augmentation


def varied(shot: RGBImage, size: tuple[int, int], rng: np.random.Generator, degrees: float, crop: float) -> RGBImage:
    """A random crop of a shot, turned at random and brought to `size`, height x width; what lies outside is mirrored.

    Args:
        shot: uint8 (H, W, 3).
        size: height and width of the result.
        rng: of the crop and the turn.
        degrees: the largest turn to either side.
        crop: the largest share of each side that is cut away.
    """
    height, width = shot.shape[:2]
    scale = 1 / (1 - rng.uniform(0, crop))
    rows, columns = size
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-degrees, degrees), scale)
    shift = rng.uniform(-0.5, 0.5, (2, 1)) * (scale - 1) * [[columns], [rows]]
    turn = np.hstack([turn[:, :2] * [columns / width, rows / height], turn[:, 2:] + shift])
    warped = cv2.warpAffine(shot, turn, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(warped, np.uint8)


def copy_of(shot: RGBImage, size: tuple[int, int], rng: np.random.Generator) -> RGBImage:
    """A shot as another photo of the same part could be: shifted, turned and scaled a little."""
    return varied(shot, size, rng, COPY_DEGREES, COPY_CROP)


def relit(photo: RGBImage, rng: np.random.Generator, light: float) -> RGBImage:
    """A photo as another light would show it: contrast, colour and brightness changed at random; 0 changes nothing."""
    if not light:
        return photo
    values = photo.astype(np.float32)
    gain = rng.uniform(1 - light, 1 + light) * rng.uniform(1 - light / 4, 1 + light / 4, 3)
    change = rng.uniform(-light, light) * 100
    relit = (values - values.mean()) * gain + values.mean() + change
    return np.asarray(np.clip(relit, 0, 255), np.uint8)
