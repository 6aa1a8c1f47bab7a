"""Batches of small frames for the tests, and a detector that takes little time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.result import DISTANCE, Detection, Provenance
from maeday_core.frames import FrameRecord, FrameRun, LeftOut, Sources
from maeday_core.io.images import RGBImage

SHAPE = (120, 180)


def brightness(query: RGBImage) -> Iterator[Detection]:
    """Detects what is bright: the map is the mean of the colours, 0 to 1."""
    error_map = query.mean(axis=-1, dtype=np.float32) / 255
    made_by = Provenance("brightness", masks=1)
    threshold = Ordinary(0.9, 0.1, 0.1, "").threshold()
    yield Detection(float(error_map.max()), error_map, DISTANCE, threshold, 0.01, made_by, seen=())


def frame(seed: int, spot: tuple[int, int] | None = None, lamp: bool = False, moving: bool = True) -> RGBImage:
    """A dark textured ground; with a bright spot of 10 px at (top, left), with a lamp that is always there."""
    ground = np.random.default_rng(seed if moving else 0).integers(80, 100, (*SHAPE, 3))
    ground = ground + np.random.default_rng(seed).integers(0, 10, ground.shape)
    picture = np.clip(ground, 0, 255).astype(np.uint8)
    if lamp:
        picture[5:25, 5:25] = 200 + seed % 3
    if spot:
        y, x = spot
        picture[y : y + 10, x : x + 10] = 230
    return picture


def write(folder: Path, pictures: list[RGBImage]) -> Path:
    """Write pictures as 0.png, 1.png and so on."""
    folder.mkdir(exist_ok=True)
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{index}.png")
    return folder


def look(run: FrameRun, source: Path, **options) -> list[FrameRecord | LeftOut]:
    return list(run.look(Sources([source]), brightness, **options))


def measured(folder: Path, pictures: list[RGBImage]) -> FrameRun:
    """A run that has looked at these pictures, in a folder of its own."""
    run = FrameRun(folder / "out")
    look(run, write(folder / "in", pictures))
    return run


def with_one_spot() -> list[RGBImage]:
    """Eight frames of one ground, number 3 with a spot."""
    return [frame(i, (40, 70) if i == 3 else None) for i in range(8)]
