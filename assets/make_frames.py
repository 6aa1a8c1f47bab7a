"""Make frames of ground with and without foreign objects: ``python assets/make_frames.py OUT`` writes a data set.

A development tool, like ``make_examples.py``. Each ground is laid from scraps of a photograph in scikit-image's wheel
(grass, gravel; asphalt is gravel shrunk), so that no frame repeats another, and the objects are cut out of photographs
there: coins, a cup, scraps of a printed page, bark. OUT follows MVTec-AD's layout, one category a ground: half of the
frames of ``test`` hold one object of 30 to 110 px, whose shape is the ground truth.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from make_examples import (
    ASPHALT,
    BRICK,
    BRONZE,
    GRAVEL,
    Image,
    Mask,
    Stops,
    colourise,
    cut_cup,
    finish,
    lay,
    noise,
    trim,
)
from numpy.typing import NDArray
from skimage import data

SIZE = (1024, 1536)
Kinds = Sequence[Callable[[np.random.Generator, int], Image]]
GRASS: Stops = [(0.05, 18, 22, 10), (0.4, 78, 92, 44), (0.7, 148, 158, 92), (1, 226, 226, 180)]
LEAF: Stops = [(0, 40, 22, 10), (0.5, 128, 84, 42), (1, 214, 172, 110)]
SAND: Stops = [(0, 92, 74, 50), (0.5, 178, 152, 112), (1, 240, 222, 186)]
EARTH: Stops = [(0, 24, 18, 14), (0.5, 104, 82, 64), (1, 190, 170, 150)]
GROUNDS: dict[str, tuple[NDArray[np.uint8], Stops, float, int]] = {
    "grass": (data.grass(), GRASS, 1.0, 200),
    "gravel": (data.gravel(), GRAVEL, 1.0, 200),
    "asphalt": (data.gravel(), ASPHALT, 0.25, 96),
    "sand": (data.grass(), SAND, 0.3, 96),
    "stones": (data.gravel(), GRAVEL, 2.2, 360),
    "turf": (data.grass(), GRASS, 2.0, 360),
    "paving": (data.brick(), BRICK, 1.0, 260),
    "rubble": (data.brick(), EARTH, 2.0, 360),
}
"""Photograph, colours, scale, and side of a scrap in pixels."""


def ground(kind: str, rng: np.random.Generator, size: tuple[int, int] = SIZE) -> Image:
    """A ground (height, width, 3), laid from scraps of a photograph with soft borders."""
    photo, stops, scale, side = GROUNDS[kind]
    height, width = size
    soft = side // 8
    feather = cv2.GaussianBlur(np.pad(np.ones((side - 2 * soft,) * 2, np.float32), soft), (0, 0), soft / 2.5)
    grey = np.zeros((height + side, width + side), np.float32)
    step = side // 2
    places = [(y, x) for y in range(0, height + side - step, step) for x in range(0, width + side - step, step)]
    for y, x in rng.permutation(places):
        cut = round(side / scale / rng.uniform(0.9, 1.1))
        cut = min(cut, min(photo.shape))
        v, u = (int(rng.integers(0, s - cut + 1)) for s in photo.shape)
        scrap = cv2.resize(photo[v : v + cut, u : u + cut], (side, side), interpolation=cv2.INTER_AREA)
        scrap = scrap[:, :: rng.choice([-1, 1])].astype(np.float32) / 255
        place = grey[y : y + side, x : x + side]
        place += feather[: place.shape[0], : place.shape[1]] * (
            (scrap - scrap.mean())[: place.shape[0], : place.shape[1]] - place
        )
    grey = grey[side // 2 : side // 2 + height, side // 2 : side // 2 + width]
    worn = 1 + 0.05 * noise(size, rng, 120) + 0.03 * noise(size, rng, 30)
    return colourise(0.5 + 1.25 * grey, stops) * worn[..., None]


def coin(rng: np.random.Generator, width: int) -> Image:
    """One of the coins, in bronze or in silver: RGBA."""
    photo = cv2.resize(data.coins(), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    level = cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 6)
    solid = (level - cv2.GaussianBlur(level, (0, 0), 150) > 12).astype(np.uint8)
    found = [c for c in cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0] if _round(c, photo.shape)]
    rim = found[int(rng.integers(len(found)))]
    alpha = cv2.fillPoly(np.zeros(photo.shape, np.float32), [cv2.convexHull(rim)], 1.0)
    alpha = cv2.erode(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    face = photo.astype(np.float32) / 255
    face = np.clip((face - face[alpha > 0].mean()) * 1.3 + rng.uniform(0.4, 0.6), 0, 1)
    colours = BRONZE if rng.random() < 0.5 else [(0, 30, 31, 34), (1, 236, 238, 240)]
    return trim(np.dstack([colourise(face, colours), alpha]), width)


def _round(contour: NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    x, y, w, h = cv2.boundingRect(contour)
    inside = x > 4 and y > 4 and x + w < shape[1] - 4 and y + h < shape[0] - 4
    return inside and 100 < w < 320 and 0.85 < w / h < 1.18 and cv2.contourArea(cv2.convexHull(contour)) > 0.7 * w * h


def paper(rng: np.random.Generator, width: int) -> Image:
    """A torn scrap of a printed page: RGBA."""
    page = data.page().astype(np.float32) / 255
    v, u = (int(rng.integers(0, s - 120)) for s in page.shape)
    return _torn(np.repeat(np.clip(page[v : v + 120, u : u + 120, None] * 1.15, 0, 1), 3, axis=2), rng, width)


def leaf(rng: np.random.Generator, width: int) -> Image:
    """A ragged piece of brick seen close, in the colours of bark: RGBA."""
    photo = data.brick().astype(np.float32) / 255
    v, u = (int(rng.integers(0, 512 - 60)) for _ in range(2))
    piece = cv2.resize(photo[v : v + 60, u : u + 60], (240, 240), interpolation=cv2.INTER_CUBIC)
    return _torn(colourise(np.clip((piece - piece.mean()) * 2 + 0.45, 0, 1), LEAF), rng, width)


def _torn(picture: Image, rng: np.random.Generator, width: int) -> Image:
    side = picture.shape[0]
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = side / 2 * rng.uniform(0.55, 0.95, 9)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None] + side / 2
    alpha = cv2.fillPoly(np.zeros((side, side), np.float32), [corners.astype(np.int32)], 1.0)
    return trim(np.dstack([picture, alpha]), width)


def cup(rng: np.random.Generator, width: int) -> Image:
    """A cup on its saucer: RGBA."""
    return cut_cup(width)


def thing(rng: np.random.Generator, kinds: Kinds) -> Image:
    """An object of 30 to 110 px, turned at random: RGBA."""
    side = int(rng.integers(30, 111))
    make = kinds[int(rng.integers(len(kinds)))]
    return np.ascontiguousarray(np.rot90(make(rng, side), int(rng.integers(4))))


def frame(
    kind: str,
    rng: np.random.Generator,
    foreign: bool,
    size: tuple[int, int] = SIZE,
    kinds: Kinds = (coin, paper, leaf, cup),
) -> tuple[NDArray[np.uint8], Mask | None]:
    """A frame, and the mask of the object on it."""
    picture, mask = ground(kind, rng, size), None
    if foreign:
        cut_out = thing(rng, kinds)
        h, w = cut_out.shape[:2]
        y, x = (int(rng.integers(16, s - side - 16)) for s, side in zip(size, (h, w), strict=True))
        picture, mask = lay(picture, cut_out, x, y, (4, 5))
    return finish(picture, rng), mask


def write_example(path: Path) -> None:
    """Write eleven small frames of asphalt, three with an object, as the zip archive that the page offers."""
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(11):
            rng = np.random.default_rng([7, index])
            picture, _ = frame("asphalt", rng, index in (3, 6, 9), (640, 960), (coin, leaf, cup))
            _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
            entry = zipfile.ZipInfo(f"frame-{index + 1:02}.jpg", (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, data.tobytes())


def main() -> None:
    """Write the data set, or the example."""
    parser = argparse.ArgumentParser(description="Frames of ground with and without foreign objects.")
    parser.add_argument("out", type=Path, help="a folder; or a file .zip, for the example of the page")
    parser.add_argument("--count", type=int, default=16, help="frames of each ground, half of them with an object")
    parser.add_argument("--grounds", nargs="+", default=list(GROUNDS), choices=GROUNDS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.out.suffix == ".zip":
        write_example(options.out)
        return
    for kind in options.grounds:
        for index in range(options.count):
            rng = np.random.default_rng([options.seed, list(GROUNDS).index(kind), index])
            foreign = index % 2 == 1
            picture, mask = frame(kind, rng, foreign)
            path = options.out / kind / "test" / ("object" if foreign else "good") / f"{index:03}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
            if mask is not None:
                truth = options.out / kind / "ground_truth" / "object" / f"{index:03}_mask.png"
                truth.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(truth), mask.astype(np.uint8) * 255)


if __name__ == "__main__":
    main()
