"""Pictures of a result: heat map, overlay, what is marked on them, and what the model saw."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.detection.result import Reconstructions, Scale
from maeday_core.detection.windows import FloatMap
from maeday_core.io.images import RGBImage, resize

COLOUR_MAP = "inferno"
"""Matplotlib's name; OpenCV has the same colours, and Matplotlib takes a second to import."""
HIDDEN_COLOUR = 118
LIGHT, DARK = (64, 224, 255), (10, 10, 10)
RING = 0.09
"""The radius of a ring, as a share of the picture's shorter side."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
LETTER = 0.5
"""The size of a number, in letters of OpenCV's for each pixel of an outline's width."""
DASH = 20
"""The degrees that a dash of a ring covers, and those between two."""
_RAMP = np.arange(256, dtype=np.uint8)[:, None]
_COLOURS: RGBImage = cv2.applyColorMap(_RAMP, cv2.COLORMAP_INFERNO)[:, 0, ::-1].astype(np.uint8)


def _position(error_map: FloatMap, scale: Scale) -> FloatMap:
    low, top = scale
    return np.asarray(np.clip((error_map - low) / (top - low), 0, 1))


def heat_map(error_map: FloatMap, scale: Scale) -> RGBImage:
    """Colour a map: black where `scale` begins, pale yellow where it ends; the scale is never the image's own."""
    return _COLOURS[(_position(error_map, scale) * 255).astype(np.uint8)]


def overlay(query: RGBImage, error_map: FloatMap, scale: Scale) -> RGBImage:
    """Lay the heat map over the query; where the error is low the photo shows, so a calm part looks like itself."""
    strength = _position(error_map, scale)[..., None] ** 0.7 * 0.85
    blended = query * (1 - strength) + heat_map(error_map, scale) * strength
    return np.asarray(np.clip(blended, 0, 255), np.uint8)


def outline(picture: RGBImage, region: npt.NDArray[np.bool_], width: int = 0) -> RGBImage:
    """Draw the border of a region (H, W), light within dark so that it shows on any ground.

    The line is `width` px wide; by default as wide as suits the picture.
    """
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture).copy()
    width = width or _line_width(picture)
    cv2.drawContours(drawn, contours, -1, DARK, 3 * width, cv2.LINE_AA)
    cv2.drawContours(drawn, contours, -1, LIGHT, width, cv2.LINE_AA)
    return drawn


def reduced(picture: RGBImage, side: int | None) -> RGBImage:
    """A picture whose longer side is at most so many pixels; None leaves it as it is."""
    height, width = picture.shape[:2]
    if side is None or max(height, width) <= side:
        return picture
    shrink = side / max(height, width)
    return resize(picture, max(1, round(width * shrink)), max(1, round(height * shrink)))


def dimmed(picture: RGBImage, hidden: npt.NDArray[np.bool_]) -> RGBImage:
    """A picture, darkened in a region (H, W)."""
    return np.where(hidden[..., None], picture // 3, picture)


def ring(picture: RGBImage, x: int, y: int, width: int = 0) -> RGBImage:
    """Draw a dashed ring around column `x`, row `y`: a place to look at, which is not outlined; `width` as above."""
    drawn = np.ascontiguousarray(picture).copy()
    width, radius = width or _line_width(picture), max(4, round(RING * min(picture.shape[:2])))
    for colour, thickness in ((DARK, 3 * width), (LIGHT, width)):
        for start in range(0, 360, 2 * DASH):
            cv2.ellipse(drawn, (x, y), (radius, radius), 0, start, start + DASH, colour, thickness, cv2.LINE_AA)
    return drawn


def numbered(picture: RGBImage, places: Sequence[tuple[int, int]]) -> RGBImage:
    """Write 1, 2, ... at some places, each given by its column and row: above and left of them if there is room."""
    drawn = np.ascontiguousarray(picture).copy()
    width = _line_width(picture)
    for number, (x, y) in enumerate(places, 1):
        (across, up), _ = cv2.getTextSize(str(number), FONT, LETTER * width, width)
        at = max(2 * width, x - across - 2 * width), max(up + 2 * width, y - 2 * width)
        for colour, thick in ((DARK, 4 * width), (LIGHT, 2 * width)):
            cv2.putText(drawn, str(number), at, FONT, LETTER * width, colour, thick, cv2.LINE_AA)
    return drawn


def _line_width(picture: RGBImage) -> int:
    side: int = min(picture.shape[:2])
    return max(1, round(side / 320))


def masked_input(seen: Reconstructions, index: int) -> RGBImage:
    """What the encoder saw under mask `index`: the query with its hidden patches grey, (S, S, 3)."""
    side = seen.query.shape[0] // seen.masks.shape[1]
    hidden = np.kron(seen.masks[index], np.ones((side, side), dtype=bool))
    return np.where(hidden[..., None], np.uint8(HIDDEN_COLOUR), seen.query)


def reconstruction(seen: Reconstructions, index: int) -> RGBImage:
    """What the decoder made of mask `index`, clipped to what a picture can show, (S, S, 3)."""
    return np.asarray(np.clip(seen.pictures[index], 0, 1) * 255 + 0.5).astype(np.uint8)


def difference(seen: Reconstructions, index: int, scale: Scale) -> RGBImage:
    """The error map of mask `index` alone, (S, S, 3)."""
    return heat_map(seen.error_maps[index], scale)
