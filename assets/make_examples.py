"""Make the one-click example pictures: ``python assets/make_examples.py`` writes them into ``assets/examples/``.

A development tool: it needs scikit-image for the photographs in its wheel. Where each picture comes from is told in
``assets/examples/SOURCES.md``; the boxes printed at the end are the ones in its table. Colours are RGB floats, 0 to 1.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Image = NDArray[np.float32]
Box = tuple[int, int, int, int]
Colour = tuple[float, float, float]
Stops = list[tuple[float, int, int, int]]  # a grey level and the colour it gets

OUT = Path(__file__).resolve().parent / "examples"
BRICK: Stops = [(0.1, 26, 15, 13), (0.38, 128, 69, 51), (0.6, 179, 156, 133), (1, 242, 232, 214)]
GRAVEL: Stops = [(0.1, 15, 15, 15), (0.45, 112, 110, 105), (0.7, 189, 184, 176), (1, 255, 252, 245)]
GRASS: Stops = [(0.1, 10, 15, 5), (0.4, 59, 79, 26), (0.6, 125, 140, 64), (0.9, 222, 222, 158)]
SILVER: Stops = [(0.1, 26, 26, 28), (0.5, 148, 148, 148), (0.9, 250, 247, 242)]
BRONZE: Stops = [(0.1, 33, 18, 8), (0.5, 161, 107, 51), (0.9, 255, 219, 148)]


def noise(shape: tuple[int, int], rng: np.random.Generator, sigma_x: float, sigma_y: float | None = None) -> Image:
    """Smooth noise of mean 0 and deviation 1."""
    field = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma_x, sigmaY=sigma_y or sigma_x)
    return (field - field.mean()) / field.std()


def colourise(grey: Image, stops: Stops) -> Image:
    """Give a grey picture the colours of `stops`."""
    level, *channels = np.array(stops, np.float32).T
    return np.stack([np.interp(grey, level, c / 255) for c in channels], axis=-1).astype(np.float32)


def crop(grey: NDArray[np.uint8], box: Box, size: tuple[int, int], contrast: float = 1.0, flip: bool = False) -> Image:
    """Cut `box` out of a grey photograph, bring it to `size` (width, height), sharpen it, and stretch its contrast."""
    x0, y0, x1, y1 = box
    cut = grey[y0:y1, x0:x1].astype(np.float32) / 255
    cut = cv2.resize(cut[:, ::-1] if flip else cut, size, interpolation=cv2.INTER_CUBIC)
    cut += 0.6 * (cut - cv2.GaussianBlur(cut, (0, 0), 1.5))
    return np.clip((cut - cut.mean()) * contrast + cut.mean(), 0, 1)


def brick(rng: np.random.Generator, box: Box, flip: bool) -> Image:
    """A brick floor; every brick gets a shade of its own."""
    grey = crop(data.brick(), box, (480, 480), 1.1, flip)
    _, labels = cv2.connectedComponents((cv2.GaussianBlur(grey, (0, 0), 1.2) < 0.44).astype(np.uint8))
    shades = 1 + rng.normal(0, 0.07, (labels.max() + 1, 1)) + rng.normal(0, 0.025, (labels.max() + 1, 3))
    shades[0] = 1
    tint = cv2.GaussianBlur(shades[labels].astype(np.float32), (0, 0), 1.5)
    dirt = 1 + 0.05 * noise(grey.shape, rng, 25) + 0.03 * noise(grey.shape, rng, 1.2)
    return colourise(grey, BRICK) * tint * dirt[..., None]


def ground(rng: np.random.Generator, grey: Image, stops: Stops, hue: float) -> Image:
    """Loose ground in colour, its hue drifting a little from place to place."""
    drift = hue * noise(grey.shape, rng, 7)
    return colourise(grey, stops) * np.stack([1 + drift, 1 + 0.3 * drift, 1 - drift], axis=-1)


def cut_coin(box: Box, width: int, stops: Stops) -> Image:
    """Cut one coin of the coins photograph out along its rim: RGBA, `width` pixels wide."""
    x0, y0, x1, y1 = box
    grey = cv2.resize(data.coins()[y0:y1, x0:x1], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    _, solid = cv2.threshold(cv2.GaussianBlur(grey, (0, 0), 5), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rim = max(cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    alpha = cv2.fillPoly(np.zeros(grey.shape, np.float32), [cv2.convexHull(rim)], 1.0)
    alpha = cv2.erode(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    level = grey.astype(np.float32) / 255
    level += 1.1 * (level - cv2.GaussianBlur(level, (0, 0), 12))
    level = np.clip((level - level[alpha > 0].mean()) * 1.4 + 0.55, 0, 1)
    return trim(np.dstack([colourise(level, stops), alpha]), width)


def cut_cup(width: int) -> Image:
    """Cut the cup, its saucer and the spoon's handle out of the coffee photograph: RGBA, `width` pixels wide."""
    rgb = data.coffee().astype(np.float32) / 255
    alpha = np.zeros(rgb.shape[:2], np.float32)
    cv2.ellipse(alpha, ((278.5, 223.5), (401, 322), 9), 1.0, -1)
    cv2.ellipse(alpha, ((290.5, 113), (235, 189), 4), 1.0, -1)
    cv2.fillPoly(alpha, [np.array([(398, 70), (404, 67), (418, 68), (424, 75), (408, 125), (398, 125)])], 1.0)
    return trim(np.dstack([np.clip(rgb * (1.0, 1.04, 1.12), 0, 1).astype(np.float32), alpha]), width)


def trim(rgba: Image, width: int) -> Image:
    """Trim an RGBA cut-out to what is opaque and bring it to `width` pixels with a soft edge."""
    x, y, w, h = cv2.boundingRect((rgba[..., 3] > 0.5).astype(np.uint8))
    inside = rgba[y : y + h, x : x + w]
    small = cv2.resize(inside, (width, round(width * h / w)), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_REPLICATE)


def lay(picture: Image, thing: Image, x: int, y: int, shadow: tuple[int, int], tuck: float = 0.0) -> tuple[Image, Box]:
    """Lay a cut-out on a picture with contact and cast shadows; above `tuck`, bright blades at its rim cover it."""
    h, w = thing.shape[:2]
    alpha = np.zeros(picture.shape[:2], np.float32)
    alpha[y + 2 : y + h - 2, x + 2 : x + w - 2] = thing[2:-2, 2:-2, 3]
    alpha = np.clip(cv2.GaussianBlur(alpha, (0, 0), 0.6), 0, 1)
    colour = picture.copy()
    colour[y : y + h, x : x + w] = thing[..., :3]
    if tuck:
        core = cv2.erode(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (19, 19)))
        blades = np.clip((cv2.GaussianBlur(picture.mean(axis=2), (0, 0), 0.7) - tuck) * 8, 0, 1)
        alpha *= 1 - blades * (1 - cv2.GaussianBlur(core, (0, 0), 2))
    for (dx, dy), blur, strength in (((0, 0), 3.0, 0.45), (shadow, 5.0, 0.6)):
        cast = cv2.GaussianBlur(np.roll(alpha, (dy, dx), (0, 1)), (0, 0), blur)
        picture = picture * (1 - strength * cast[..., None])
    bx, by, bw, bh = cv2.boundingRect((alpha > 0.5).astype(np.uint8))
    return picture * (1 - alpha[..., None]) + colour * alpha[..., None], (bx, by, bx + bw, by + bh)


def halve(picture: Image, mask: NDArray[np.bool_]) -> tuple[Image, Box | None]:
    """Bring a picture drawn at twice the size to its size, with the box of what `mask` holds."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    half = cv2.resize(picture.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return half, (x // 2, y // 2, (x + w) // 2, (y + h) // 2) if w else None


def fabric(rng: np.random.Generator, colours: tuple[Colour, Colour], cut: bool) -> tuple[Image, Box | None]:
    """A two-coloured twill; with `cut`, a cross thread is cut, a piece of it gone and its ends lying on the cloth."""
    shape, pitch = (960, 960), 24.0
    ys, xs = np.mgrid[0:960, 0:960].astype(np.float32)
    u = (xs + 0.03 * ys + 3 * noise(shape, rng, 90) + 1.2 * noise(shape, rng, 6, 40)) / pitch
    v = (ys - 0.02 * xs + 3 * noise(shape, rng, 90) + 1.2 * noise(shape, rng, 40, 6)) / pitch
    i, j = np.floor(u), np.floor(v)
    defect = (j == 19) & (u > 14.5) & (u < 23.5) & cut
    heights, threads = [], []
    for colour, across, along, phase, (sx, sy) in (
        (colours[0], u, v, v - i - 1, (1, 20)),
        (colours[1], v, u, j - u + 2, (20, 1)),
    ):  # two over, two under, one thread further on in each row
        arch = np.sqrt(np.clip(1 - ((across % 1 - 0.5) / 0.47) ** 2, 0, 1))
        heights.append(np.where(arch > 0, arch + 0.8 * np.cos(np.pi / 2 * phase), -1.2))
        tone = 1 + 0.05 * np.sin(2 * np.pi * (along * 2 + across * 1.2))
        tone += 0.07 * noise(shape, rng, sx**0.6, sy**0.6) + 0.05 * noise(shape, rng, 7.5 * sx, 7.5 * sy)
        threads.append(tone[..., None] * np.float32(colour))
    heights[1][defect] = -1.2
    height = np.maximum(*heights).astype(np.float32)
    dy, dx = np.gradient(5 * cv2.GaussianBlur(height, (0, 0), 1.5))
    lit = np.clip((1 - 0.55 * dx - 0.75 * dy) / np.sqrt(1 + dx**2 + dy**2), 0, 1.6)  # from the upper left
    shade = np.clip(0.62 + 0.22 * height, 0.2, 1.1) * lit
    picture = np.where((heights[0] > heights[1])[..., None], *threads) * shade[..., None]
    if cut:
        x, y, w, h = cv2.boundingRect(defect.astype(np.uint8))
        for root, bend in ((x, 1), (x + w, -1)):
            picture, thread = loose_end(picture, colours[1], (root, y + h // 2), bend, rng)
            defect |= thread
    return halve(picture, defect)


def bezier(*knots: tuple[float, float], steps: int) -> NDArray[np.float64]:
    """Points along the cubic Bezier curve of four knots."""
    t = np.linspace(0, 1, steps)
    return np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1) @ np.array(knots)


def loose_end(
    picture: Image, colour: Colour, root: tuple[int, int], bend: int, rng: np.random.Generator
) -> tuple[Image, NDArray[np.bool_]]:
    """Draw an end of thread, twisted strands which fray, leaving the cloth at `root` up (`bend` 1) or down (-1)."""
    path = bezier((-20, 0), (50, 4), (74, -40), (52 + 20 * bend, -112), steps=120) * bend + root
    normal = np.gradient(path, axis=0)[:, ::-1] * (1, -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    t = np.linspace(0, 1, 120)
    strands = []
    for k in range(8):
        turn = 2 * np.pi * (1.7 * t + k / 8)
        aside = 8 * np.sin(turn) * (1 - t**4) + rng.uniform(-190, 190) * np.clip(t - 0.62, 0, 1) ** 2
        points = (path + normal * aside[:, None]).round().astype(int).tolist()
        depth, tint = np.cos(turn), 0.9 + 0.16 * (k % 2)
        strands.append((points, depth, tint * (0.8 + 0.2 * depth), rng.integers(96, 120)))
    layer, alpha = picture.copy(), np.zeros(picture.shape[:2], np.float32)
    for n in range(119):
        for points, _, shade, end in sorted(strands, key=lambda strand: strand[1][n]):
            if n < end:
                cv2.line(layer, points[n], points[n + 1], [c * shade[n] for c in colour], 5, cv2.LINE_AA)
                cv2.line(alpha, points[n], points[n + 1], 1.0, 4, cv2.LINE_AA)
    cast = cv2.GaussianBlur(np.roll(alpha, (9, 7), (0, 1)), (0, 0), 5)
    picture = picture * (1 - 0.55 * cast[..., None])
    return picture * (1 - alpha[..., None]) + layer * alpha[..., None], alpha > 0.5


def metal(rng: np.random.Generator) -> tuple[Image, Box | None]:
    """A brushed steel plate with one long scratch across the grain."""
    shape = (960, 960)
    ys, xs = np.mgrid[0:960, 0:960].astype(np.float32) / 960
    grain = sum(w * noise(shape, rng, sx, sy) for w, sx, sy in ((0.5, 220, 0.9), (0.4, 70, 0.9), (0.3, 18, 0.8)))
    gloss = 0.56 + 0.16 * np.exp(-(((xs - 0.3 - 0.08 * ys) / 0.22) ** 2)) + 0.08 * np.exp(-(((xs - 0.85) / 0.1) ** 2))
    tone = gloss * (1 + 0.075 * grain + 0.02 * noise(shape, rng, 120))
    path = bezier((330, 640), (420, 540), (560, 480), (690, 330), steps=90)
    path += cv2.GaussianBlur(rng.normal(0, 7, path.shape), (1, 31), 0, sigmaY=5) + rng.normal(0, 0.4, path.shape)
    points = path.round().astype(int).tolist()
    groove = np.zeros(shape, np.float32)
    for k in range(89):
        press = np.sin(np.pi * (k + 1) / 90)
        width = max(2, round(9 * press**0.6 * rng.uniform(0.75, 1.1)))
        cv2.line(groove, points[k], points[k + 1], min(1.0, 0.2 + 2 * press), width, cv2.LINE_AA)
    soft = cv2.GaussianBlur(groove, (0, 0), 1.6)
    slope = np.roll(soft, (-2, -2), (0, 1)) - np.roll(soft, (2, 2), (0, 1))
    core = cv2.GaussianBlur(groove, (0, 0), 1.0) * (0.9 + 0.5 * noise(shape, rng, 2.5))
    tone = tone * (1 + 0.3 * core) - 0.36 * slope * (1 + 0.25 * noise(shape, rng, 4))
    return halve(tone[..., None] * np.float32((0.97, 0.99, 1.02)), groove > 0.3)


def finish(picture: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add the camera: a little fall-off of light to the corners, and grain."""
    h, w = picture.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    picture = picture * (1 - 0.09 * (xs**2 + ys**2))[..., None]
    picture = picture + 0.012 * rng.standard_normal((h, w, 1)) + 0.005 * rng.standard_normal((h, w, 3))
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def pictures() -> dict[str, tuple[Image, Box | None]]:
    """Every picture by its name, with the box (x0, y0, x1, y1) of what does not belong in it."""
    rngs = [np.random.default_rng(seed) for seed in range(8)]
    made: dict[str, tuple[Image, Box | None]] = {}
    made["brick-cup"] = lay(brick(rngs[0], (172, 172, 512, 512), False), cut_cup(92), 262, 214, (-6, 8))
    made["brick-clean"] = brick(rngs[1], (0, 0, 330, 330), True), None
    stones = ground(rngs[2], crop(data.gravel(), (12, 0, 452, 330), (640, 480), 1.6), GRAVEL, 0.025)
    made["gravel-coin"] = lay(stones, cut_coin((310, 150, 384, 224), 66, BRONZE), 402, 262, (4, 5))
    stones = crop(data.gravel(), (192, 192, 512, 512), (480, 480), 1.6, True)
    made["gravel-clean"] = ground(rngs[3], stones, GRAVEL, 0.025), None
    lawn = ground(rngs[4], crop(data.grass(), (150, 150, 510, 510), (480, 480), 1.3), GRASS, 0.05)
    made["grass-coin"] = lay(lawn, cut_coin((300, 10, 370, 78), 54, SILVER), 150, 236, (4, 5), 0.5)
    made["fabric-cut-thread"] = fabric(rngs[5], ((0.36, 0.45, 0.60), (0.90, 0.87, 0.80)), True)
    made["fabric-clean"] = fabric(rngs[6], ((0.52, 0.34, 0.28), (0.90, 0.85, 0.74)), False)
    made["metal-scratch"] = metal(rngs[7])
    return made


def main() -> None:
    """Write the pictures and print their boxes."""
    OUT.mkdir(parents=True, exist_ok=True)
    for seed, (name, (picture, box)) in enumerate(pictures().items()):
        photo = cv2.cvtColor(finish(picture, np.random.default_rng(100 + seed)), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(OUT / f"{name}.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 92])
        print(f"{name}.jpg {photo.shape[1]}x{photo.shape[0]}", box or "clean")


if __name__ == "__main__":
    main()
