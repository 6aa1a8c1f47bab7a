"""Procedural surfaces to pretrain on: what photographs lack are patterns that repeat exactly, at every scale and angle.

A repeating surface is a *cell*, one tileable tone image, laid over the picture by a coordinate field: turned, sheared,
seen a little askew, now and then slightly bent. Exact repetition is what teaches a model to continue a pattern rather
than to blur it. Irregular surfaces (wood, brushed metal, asphalt, plaster) are shaped noise. All have a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maeday_core.io.images import RGBImage

Floats = npt.NDArray[np.floating]
Tone = Floats
"""0 (dark) to 1 (bright), (H, W)."""
CELL = 64  # px of a side; the ranges of this file: docs/decisions.md#textures


def draw_texture(size: int, rng: np.random.Generator, kind: str | None = None) -> RGBImage:
    """Draw one surface: uint8 (size, size, 3).

    Args:
        size: side in px.
        rng: everything random comes from it.
        kind: a name in `TEXTURES`; by default any.
    """
    kind = kind or list(TEXTURES)[int(rng.integers(len(TEXTURES)))]
    tone = TEXTURES[kind](size, rng)
    if rng.random() < 0.4:
        tone = tone * (0.75 + 0.5 * noise(size, rng.uniform(80, 300), rng))
    if rng.random() < 0.5:
        tone = tone + rng.uniform(0, 0.05) * rng.standard_normal(tone.shape, dtype=np.float32)
    dark, bright = rng.uniform(0, 0.5), rng.uniform(0.4, 1)
    colours = np.array([[dark], [bright]]) + rng.choice([0, 0, 1]) * rng.uniform(-0.25, 0.25, (2, 3))
    low, high = (colours if rng.random() < 0.5 else colours[::-1]).astype(np.float32)
    surface: RGBImage = (np.clip(low + tone[..., None] * (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)
    return surface


def noise(size: int, scale: float, rng: np.random.Generator, stretch: float = 1) -> Tone:
    """Smooth noise in [0, 1], (size, size), with blobs of about `scale` px, `stretch` times as long as wide."""
    rows, columns = (max(2, round(size / s)) for s in (scale, scale * stretch))
    field = cv2.resize(rng.random((rows, columns), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0, 1)


def repeat(cell: npt.NDArray[Any], u: Floats, v: Floats) -> npt.NDArray[Any]:
    """Lay a tileable cell (h, w) or (h, w, 3) over coordinates that advance by 1 from one repetition to the next."""
    period = 1 / max(1e-6, float(np.hypot(u[0, -1] - u[0, 0], v[0, -1] - v[0, 0])) / (u.shape[1] - 1))
    if period < min(cell.shape[:2]):  # drawn smaller than painted: average first, or it would alias
        side = max(2, round(period))
        cell = cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA)
    height, width = cell.shape[:2]
    x, y = (u - np.floor(u)) * width, (v - np.floor(v)) * height
    padded = cv2.copyMakeBorder(cell, 0, 2, 0, 2, cv2.BORDER_WRAP)
    return cv2.remap(padded, x, y, cv2.INTER_LINEAR)


def coordinates(size: int, rng: np.random.Generator, least: float = 7, most: float | None = None) -> Floats:
    """A random coordinate field (2, size, size), one unit being `least` to `most` (size / 3) px."""
    period = np.exp(rng.uniform(np.log(least), np.log(max(most or size / 3, 1.5 * least))))
    angle = rng.choice([0, np.pi / 4, rng.uniform(0, np.pi)])
    aspect, shear = np.exp(rng.uniform(-0.6, 0.6)), rng.choice([0, rng.uniform(-0.5, 0.5)])
    y, x = (np.mgrid[:size, :size].astype(np.float32) - size / 2) / period
    if rng.random() < 0.3:  # seen askew
        depth = 1 + (x * rng.uniform(-0.3, 0.3) + y * rng.uniform(-0.3, 0.3)) * period / size
        x, y = x / depth, y / depth
    if rng.random() < 0.3:  # bent
        strength, scale = rng.uniform(0, 0.25), rng.uniform(60, 200)
        x, y = x + strength * noise(size, scale, rng), y + strength * noise(size, scale, rng)
    u = np.cos(angle) * x + np.sin(angle) * y
    v = (np.cos(angle) * y - np.sin(angle) * x) * aspect
    return (np.stack([u + shear * v, v]) + rng.random((2, 1, 1))).astype(np.float32)


def _cell() -> tuple[Floats, Floats]:
    y, x = np.mgrid[:CELL, :CELL].astype(np.float32) / CELL
    return x, y


def _wire(distance: Floats, radius: float) -> Tone:
    """A round wire lit from above: 1 along its middle, falling to 0 at its edge."""
    field: Floats = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
    return field


def mesh_cell(rng: np.random.Generator) -> Tone:
    """Two families of wires, straight or wavy as in expanded metal, woven over and under or welded."""
    x, y = _cell()
    wave, radius = rng.choice([0, rng.uniform(0.3, 0.5)]), rng.uniform(0.06, 0.2)
    across = _wire((y + wave * np.cos(2 * np.pi * x)) % 1 - 0.5, radius)
    along = _wire(((y - wave * np.cos(2 * np.pi * x)) % 1 if wave else x) - 0.5, radius)
    ground = rng.uniform(0, 0.6)
    if rng.random() < 0.5 and not wave:
        across = across * (0.6 + 0.4 * np.sin(2 * np.pi * x))
        along = along * (0.6 - 0.4 * np.sin(2 * np.pi * y))
    wires = np.maximum(across, along)
    tone: Tone = ground * (wires == 0) + (rng.uniform(0.3, 0.8) + 0.4 * wires) * (wires > 0)
    return tone


def weave_cell(rng: np.random.Generator) -> Tone:
    """Cloth: threads over and under, plain (every second) or twill (shifted by one each row)."""
    count = int(rng.integers(2, 5))
    x, y = _cell()
    column, row = (x * count).astype(int), (y * count).astype(int)
    over = (column + row) % count < max(1, count // 2)
    warp, weft = _wire(x * count % 1 - 0.5, 0.55), _wire(y * count % 1 - 0.5, 0.55)
    bow = 0.7 + 0.3 * np.sin(np.pi * np.where(over, y * count % 1, x * count % 1))
    return np.where(over, warp, rng.uniform(0.5, 1) * weft) * bow


def hole_cell(rng: np.random.Generator) -> Tone:
    """A perforated or studded sheet: one hole a cell, or two staggered; from round to square, with a lit rim."""
    x, y = _cell()
    power, radius = rng.uniform(1, 5), rng.uniform(0.15, 0.46)
    centres = [(0.5, 0.5)] if rng.random() < 0.6 else [(0.25, 0.25), (0.75, 0.75)]
    radius = radius if len(centres) == 1 else radius * 0.5
    tone = np.full_like(x, rng.uniform(0.3, 0.8))
    light = rng.uniform(-0.1, 0.1, 2)
    for shift, level in ((light, rng.uniform(0.5, 1)), ((0, 0), rng.uniform(0, 0.7))):
        for cx, cy in centres:
            dx, dy = ((a - c - s * radius + 0.5) % 1 - 0.5 for a, c, s in ((x, cx, shift[0]), (y, cy, shift[1])))
            tone[np.abs(dx) ** power + np.abs(dy) ** power < radius**power] = level
    return tone


def rib_cell(rng: np.random.Generator) -> Tone:
    """Ribs, stripes, corrugation: any periodic profile along one axis."""
    x, _ = _cell()
    profile = sum(np.sin(2 * np.pi * (k * x + rng.random())) * rng.uniform(0, 1) / k for k in (1, 2, 3))
    if rng.random() < 0.4:
        profile = np.tanh(4 * profile)
    return 0.5 + 0.3 * np.asarray(profile, np.float32)


def blot_cell(rng: np.random.Generator) -> Tone:
    """Any print that repeats: smooth random blots that wrap around, sometimes cut to two tones."""
    points = np.tile(rng.standard_normal((CELL, CELL), dtype=np.float32), (3, 3))
    tone = cv2.GaussianBlur(points, (0, 0), CELL / rng.uniform(5, 16))[CELL:-CELL, CELL:-CELL]
    tone = (tone - tone.mean()) / tone.std()
    printed: Tone = 0.5 + 0.2 * (tone if rng.random() < 0.6 else np.sign(tone))
    return printed


def _repeating(paint: Callable[[np.random.Generator], Tone]) -> Callable[[int, np.random.Generator], Tone]:
    def draw(size: int, rng: np.random.Generator) -> Tone:
        u, v = coordinates(size, rng)
        return repeat(paint(rng).astype(np.float32), u, v)

    return draw


def bricks(size: int, rng: np.random.Generator) -> Tone:
    """Bricks or tiles: rows of equal stones, shifted or not, each with a tone of its own, in mortar."""
    u, v = coordinates(size, rng, least=16)
    u = u + rng.choice([0, 0.5, rng.random()]) * np.floor(v)
    stone = rng.random((32, 32), dtype=np.float32)[np.floor(v).astype(int) % 32, np.floor(u).astype(int) % 32]
    joint = rng.uniform(0.03, 0.12)
    inside = np.minimum.reduce([u % 1, 1 - u % 1, v % 1, 1 - v % 1]) / joint
    tone = rng.uniform(0.4, 0.6) + rng.uniform(0, 0.4) * (stone - 0.5)
    tone = tone + rng.uniform(0, 0.3) * (noise(size, rng.uniform(2, 12), rng) - 0.5)
    laid: Tone = rng.uniform(0, 1) + (tone - rng.uniform(0, 1)) * np.clip(inside, 0, 1)
    return laid


def wood(size: int, rng: np.random.Generator) -> Tone:
    """Wood grain: rings cut lengthwise, with fine pores."""
    _, v = coordinates(size, rng, least=8, most=60)
    bend = noise(size, rng.uniform(30, 90), rng, stretch=rng.uniform(1, 4))
    rings = np.sin(2 * np.pi * (v + rng.uniform(0.5, 3) * bend))
    pores = noise(size, rng.uniform(1.5, 3), rng, stretch=rng.uniform(4, 20))
    tone: Tone = 0.5 + rng.uniform(0.05, 0.3) * rings + rng.uniform(0, 0.4) * (pores - 0.5)
    return tone


def brushed_metal(size: int, rng: np.random.Generator) -> Tone:
    """Brushed or ground metal: fine streaks in one direction."""
    wide = int(size * 1.5)
    streaks = noise(wide, rng.uniform(1, 4), rng, stretch=rng.uniform(8, 100))
    turn = cv2.getRotationMatrix2D((wide / 2, wide / 2), rng.choice([0, 90, rng.uniform(0, 180)]), 1)
    turned = cv2.warpAffine(streaks, turn, (wide, wide), borderMode=cv2.BORDER_REFLECT_101)
    start = (wide - size) // 2
    return 0.5 + rng.uniform(0.05, 0.5) * (turned[start : start + size, start : start + size] - 0.5)


def asphalt(size: int, rng: np.random.Generator) -> Tone:
    """Asphalt, concrete, granite: grains of a size or two."""
    grain = noise(size, rng.uniform(1.5, 6), rng)
    if rng.random() < 0.5:
        grain = np.where(grain > rng.uniform(0.4, 0.9), grain, rng.uniform(0.3, 0.5))
    return 0.5 + rng.uniform(0.1, 0.8) * (grain - 0.5) + 0.3 * (noise(size, rng.uniform(8, 60), rng) - 0.5)


def plaster(size: int, rng: np.random.Generator) -> Tone:
    """Plaster, leather, cast parts: noise at several scales over one another."""
    scale, roughness = rng.uniform(2, 20), rng.uniform(0.3, 0.8)
    octaves = [(noise(size, scale * 2**k, rng) - 0.5) * roughness ** (3 - k) for k in range(4)]
    tone: Tone = 0.5 + np.stack(octaves).sum(axis=0)
    return tone


TEXTURES: dict[str, Callable[[int, np.random.Generator], Tone]] = {
    "mesh": _repeating(mesh_cell),
    "weave": _repeating(weave_cell),
    "holes": _repeating(hole_cell),
    "ribs": _repeating(rib_cell),
    "blots": _repeating(blot_cell),
    "bricks": bricks,
    "wood": wood,
    "brushed metal": brushed_metal,
    "asphalt": asphalt,
    "plaster": plaster,
}
