"""Make the one-click example pictures: ``python assets/make_examples.py`` writes them into ``assets/examples/``.

A development tool: it needs scikit-image for the photographs in its wheel. Where each picture comes from is told in
``assets/examples/SOURCES.md``; the boxes printed at the end are the ones in its table, and the masks in
``ground_truth/`` tell every pixel of what does not belong. Colours are RGB floats, 0 to 1.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
Stops = list[tuple[float, int, int, int]]  # a grey level and the colour it gets

OUT = Path(__file__).resolve().parent / "examples"
NOWHERE = (-500, -500)
"""Outside every picture."""
BRICK: Stops = [(0.1, 26, 15, 13), (0.38, 128, 69, 51), (0.6, 179, 156, 133), (1, 242, 232, 214)]
GRAVEL: Stops = [(0.1, 15, 15, 15), (0.45, 112, 110, 105), (0.7, 189, 184, 176), (1, 255, 252, 245)]
ASPHALT: Stops = [(0, 18, 18, 20), (0.5, 82, 82, 83), (1, 176, 174, 168)]
BRONZE: Stops = [(0.1, 33, 18, 8), (0.5, 161, 107, 51), (0.9, 255, 219, 148)]


def noise(shape: tuple[int, int], rng: np.random.Generator, sigma_x: float, sigma_y: float | None = None) -> Image:
    """Smooth noise of mean 0 and deviation 1."""
    field = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma_x, sigmaY=sigma_y or sigma_x)
    return (field - field.mean()) / field.std()


def colourise(grey: Image, stops: Stops) -> Image:
    """Give a grey picture the colours of `stops`."""
    level, *channels = np.array(stops, np.float32).T
    return np.stack([np.interp(grey, level, c / 255) for c in channels], axis=-1).astype(np.float32)


def crop(grey: NDArray[np.uint8], box: Box, size: tuple[int, int], contrast: float, flip: bool = False) -> Image:
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


def gravel(rng: np.random.Generator) -> Image:
    """Coarse gravel, its hue drifting a little from place to place."""
    grey = crop(data.gravel(), (12, 0, 452, 330), (640, 480), 1.6)
    drift = 0.025 * noise(grey.shape, rng, 7)
    return colourise(grey, GRAVEL) * np.stack([1 + drift, 1 + 0.3 * drift, 1 - drift], axis=-1)


def asphalt(rng: np.random.Generator) -> Image:
    """Fine asphalt: scraps of the gravel photograph, shrunk until a stone is a grain, laid over one another."""
    photo = data.gravel()
    feather = cv2.GaussianBlur(np.pad(np.ones((34, 34), np.float32), 7), (0, 0), 2.5)
    grey = np.zeros((576, 576), np.float32)
    for _ in range(2500):
        side = int(48 * rng.uniform(4, 6.5))
        (x, y), (u, v) = rng.integers(0, 512 - side, 2), rng.integers(0, 576 - 48, 2)
        scrap = cv2.resize(photo[y : y + side, x : x + side], (48, 48), interpolation=cv2.INTER_AREA) / np.float32(255)
        place = grey[v : v + 48, u : u + 48]
        place += feather * (scrap - scrap.mean() - place)
    grey = grey[48:528, 48:528]
    worn = 1 + 0.05 * noise(grey.shape, rng, 50) + 0.03 * noise(grey.shape, rng, 8)
    return colourise(0.5 + 1.3 * grey, ASPHALT) * worn[..., None]


def cut_coin(width: int) -> Image:
    """Cut one coin of the coins photograph out along its rim: RGBA, `width` pixels wide."""
    grey = cv2.resize(data.coins()[150:224, 310:384], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    _, solid = cv2.threshold(cv2.GaussianBlur(grey, (0, 0), 5), 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    rim = max(cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
    alpha = cv2.fillPoly(np.zeros(grey.shape, np.float32), [cv2.convexHull(rim)], 1.0)
    alpha = cv2.erode(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    level = grey.astype(np.float32) / 255
    level += 1.1 * (level - cv2.GaussianBlur(level, (0, 0), 12))
    level = np.clip((level - level[alpha > 0].mean()) * 1.4 + 0.55, 0, 1)
    return trim(np.dstack([colourise(level, BRONZE), alpha]), width)


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


def lay(picture: Image, thing: Image, x: int, y: int, shadow: tuple[int, int]) -> tuple[Image, Mask]:
    """Lay a cut-out on a picture with contact and cast shadows, and tell where it is."""
    h, w = thing.shape[:2]
    alpha = np.zeros(picture.shape[:2], np.float32)
    alpha[y + 2 : y + h - 2, x + 2 : x + w - 2] = thing[2:-2, 2:-2, 3]
    alpha = np.clip(cv2.GaussianBlur(alpha, (0, 0), 0.6), 0, 1)
    colour = picture.copy()
    colour[y : y + h, x : x + w] = thing[..., :3]
    for (dx, dy), blur, strength in (((0, 0), 3.0, 0.45), (shadow, 5.0, 0.6)):
        cast = cv2.GaussianBlur(np.roll(alpha, (dy, dx), (0, 1)), (0, 0), blur)
        picture = picture * (1 - strength * cast[..., None])
    return picture * (1 - alpha[..., None]) + colour * alpha[..., None], alpha > 0.5


def halve(picture: Image, mask: Mask) -> tuple[Image, Mask | None]:
    """Bring a picture drawn at twice the size to its size, with the mask of what does not belong, if it holds any."""
    half = cv2.resize(picture.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = mask.reshape(half.shape[0], 2, half.shape[1], 2).any(axis=(1, 3))
    return half, small if small.any() else None


def linen(rng: np.random.Generator, centre: tuple[int, int] = NOWHERE) -> tuple[Image, Mask | None]:
    """A fine plain weave of uneven threads, with a coffee stain about `centre`."""
    shape, pitch = (960, 960), 8.0
    ys, xs = np.mgrid[0:960, 0:960].astype(np.float32)
    u = (xs + 0.02 * ys + 3 * noise(shape, rng, 90) + 1.2 * noise(shape, rng, 3, 60)) / pitch
    v = (ys - 0.03 * xs + 3 * noise(shape, rng, 90) + 1.2 * noise(shape, rng, 60, 3)) / pitch
    warp = np.sin(np.pi * (u % 1)) * (1 + 0.5 * np.sin(np.pi * (v + np.floor(u))))
    weft = np.sin(np.pi * (v % 1)) * (1 - 0.5 * np.sin(np.pi * (u + np.floor(v))))
    slubs = np.where(warp > weft, noise(shape, rng, 2, 40), noise(shape, rng, 40, 2))
    tone = 0.62 + 0.2 * np.maximum(warp, weft) + 0.03 * slubs + 0.012 * noise(shape, rng, 110)
    cloth = tone[..., None] * np.float32((0.97, 0.91, 0.81))
    reach = np.hypot(xs - 2 * centre[0], 1.15 * (ys - 2 * centre[1])) + 13 * noise(shape, rng, 26)
    reach += 4 * noise(shape, rng, 9) + 2 * noise(shape, rng, 3)
    soak = np.clip((80 - reach) / 8, 0, 1)
    soak *= 0.72 + 0.05 * noise(shape, rng, 14) + 0.28 * np.exp(-(((reach - 71) / 7) ** 2))
    return halve(cloth * (1 - soak[..., None] * np.float32((0.45, 0.62, 0.80))), soak > 0.3)


def metal(rng: np.random.Generator, scratched: bool) -> tuple[Image, Mask | None]:
    """A brushed steel plate; `scratched`, with one long scratch across the grain."""
    shape = (960, 960)
    ys, xs = np.mgrid[0:960, 0:960].astype(np.float32) / 960
    grain = sum(w * noise(shape, rng, sx, sy) for w, sx, sy in ((0.5, 220, 0.9), (0.4, 70, 0.9), (0.3, 18, 0.8)))
    gloss = 0.56 + 0.16 * np.exp(-(((xs - 0.3 - 0.08 * ys) / 0.22) ** 2)) + 0.08 * np.exp(-(((xs - 0.85) / 0.1) ** 2))
    tone = gloss * (1 + 0.075 * grain + 0.02 * noise(shape, rng, 120))
    t = np.linspace(0, 1, 90)[:, None]
    path = (1 - t) ** 3 * (330, 640) + 3 * t * (1 - t) ** 2 * (420, 540)
    path = path + 3 * t**2 * (1 - t) * (560, 480) + t**3 * (690, 330)
    path += cv2.GaussianBlur(rng.normal(0, 7, path.shape), (1, 31), 0, sigmaY=5) + rng.normal(0, 0.4, path.shape)
    points = path.round().astype(int).tolist()
    groove = np.zeros(shape, np.float32)
    for k in range(89 if scratched else 0):
        press = np.sin(np.pi * (k + 1) / 90)
        width = max(2, round(9 * press**0.6 * rng.uniform(0.75, 1.1)))
        cv2.line(groove, points[k], points[k + 1], min(1.0, 0.2 + 2 * press), width, cv2.LINE_AA)
    soft = cv2.GaussianBlur(groove, (0, 0), 1.6)
    slope = np.roll(soft, (-2, -2), (0, 1)) - np.roll(soft, (2, 2), (0, 1))
    core = cv2.GaussianBlur(groove, (0, 0), 1.0) * (0.9 + 0.5 * noise(shape, rng, 2.5))
    tone = tone * (1 + 0.3 * core) - 0.36 * slope * (1 + 0.25 * noise(shape, rng, 4))
    return halve(tone[..., None] * np.float32((0.97, 0.99, 1.02)), groove > 0.3)


def mesh(rng: np.random.Generator, cell: tuple[int, int] = NOWHERE) -> tuple[Image, Mask | None]:
    """Expanded metal over a pale board; one strand of `cell` (column, row) is broken and its end bent aside."""
    shape, wide, high = (960, 960), 92.0, 60.0
    ys, xs = np.mgrid[0:960, 0:960].astype(np.float32)
    u = (xs + 0.05 * ys + 1.2 * noise(shape, rng, 60)) / wide
    v = (ys - 0.04 * xs + 1.2 * noise(shape, rng, 60)) / high
    wave = 0.44 * np.cos(2 * np.pi * u)
    heights = [np.sqrt(np.clip(1 - (((v + k * wave) % 1 - 0.5) / 0.13) ** 2, 0, 1)) for k in (1, -1)]
    gap = np.hypot(xs - (cell[0] + 0.22) * wide, ys - (cell[1] + 0.42) * high) < 30
    heights[0][gap & (heights[1] == 0)] = 0
    end = np.array([(cell[0] + 0.47) * wide, (cell[1] + 0.72) * high])
    bend = [(end + offset).astype(int).tolist() for offset in ((6, 8), (-12, -4), (-20, 10), (-14, 26))]
    stub = np.zeros(shape, np.float32)
    cv2.polylines(stub, [np.array(bend)], False, 1.0, 13, cv2.LINE_AA)
    heights.append(cv2.GaussianBlur(stub, (0, 0), 2))
    height = cv2.GaussianBlur(np.max(heights, axis=0).astype(np.float32), (0, 0), 1.0)
    solid = np.clip(4 * height, 0, 1)
    board = np.float32((0.88, 0.87, 0.83)) * (1 + 0.02 * noise(shape, rng, 2) + 0.03 * noise(shape, rng, 90))[..., None]
    shadow = cv2.GaussianBlur(np.roll(solid, (16, 10), (0, 1)), (0, 0), 5)
    slope = np.roll(height, 3, 0) - np.roll(height, -3, 0)
    steel = (0.22 + 0.18 * height - 0.22 * slope) * (1 + 0.05 * noise(shape, rng, 3))
    picture = board * (1 - 0.5 * shadow[..., None]) * (1 - solid[..., None])
    picture = picture + solid[..., None] * steel[..., None] * np.float32((0.98, 1.0, 1.05))
    return halve(picture, gap | (stub > 0.3))


def finish(picture: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add the camera: a little fall-off of light to the corners, and grain."""
    h, w = picture.shape[:2]
    ys, xs = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    picture = picture * (1 - 0.09 * (xs**2 + ys**2))[..., None]
    picture = picture + 0.012 * rng.standard_normal((h, w, 1)) + 0.005 * rng.standard_normal((h, w, 3))
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def pictures() -> dict[str, tuple[Image, Mask | None]]:
    """Every picture by its name, with the mask of what does not belong in it."""
    rngs = [np.random.default_rng(seed) for seed in range(12)]
    made: dict[str, tuple[Image, Mask | None]] = {}
    made["brick-cup"] = lay(brick(rngs[0], (172, 172, 512, 512), False), cut_cup(92), 262, 214, (-6, 8))
    made["brick-clean"] = brick(rngs[1], (0, 0, 330, 330), True), None
    made["gravel-coin"] = lay(gravel(rngs[2]), cut_coin(66), 402, 262, (4, 5))
    made["asphalt-coin"] = lay(asphalt(rngs[3]), cut_coin(62), 166, 204, (4, 5))
    made["asphalt-clean"] = asphalt(rngs[4]), None
    made["linen-stain"] = linen(rngs[5], (276, 214))
    made["metal-clean"] = metal(rngs[6], False)
    made["metal-scratch"] = metal(rngs[7], True)
    made["mesh-broken"] = mesh(rngs[8], (6, 8))
    made["linen-clean"] = linen(rngs[9])
    made["mesh-clean"] = mesh(rngs[10])
    made["gravel-clean"] = gravel(rngs[11]), None
    return made


def box_of(mask: Mask) -> Box:
    """The box (x0, y0, x1, y1) of what a mask holds, x1 and y1 just outside."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + w, y + h


def main() -> None:
    """Write the pictures and the masks, and print the boxes."""
    (OUT / "ground_truth").mkdir(parents=True, exist_ok=True)
    for seed, (name, (picture, mask)) in enumerate(pictures().items()):
        photo = cv2.cvtColor(finish(picture, np.random.default_rng(100 + seed)), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(OUT / f"{name}.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 92])
        if mask is not None:
            cv2.imwrite(str(OUT / "ground_truth" / f"{name}_mask.png"), mask.astype(np.uint8) * 255)
        print(f"{name}.jpg {photo.shape[1]}x{photo.shape[0]}", "clean" if mask is None else box_of(mask))


if __name__ == "__main__":
    main()
