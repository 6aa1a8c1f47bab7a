"""Run what `maeday export` wrote beside this file: `python run.py photo.jpg [--out map.npy]`.

It needs numpy, Pillow, and onnxruntime or openvino; neither PyTorch nor this project. By Eq. 1 of the paper the map is
the squared error of N reconstructions, each made from a quarter of the picture, averaged and smoothed; the score is its
highest value.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Floats = npt.NDArray[np.float32]
BATCH = 16
"""Masks that are computed together; memory grows with them."""
SIGMA, RADIUS = 1.4, 3


class Exported:
    """The networks in a folder.

    Args:
        folder: that `maeday export` wrote.
        threads: of the processor; 0 for as many as there are cores.
    """

    def __init__(self, folder: str | Path, threads: int = 0) -> None:
        folder = Path(folder)
        self.facts: dict[str, Any] = json.loads((folder / "maeday.json").read_text(encoding="utf-8"))
        start = _openvino if self.facts["format"] == "openvino" else _onnxruntime
        self._reconstruct = start(folder / self.facts["autoencoder"], threads)
        self._describe = start(folder / self.facts["network"], threads)

    def error_map(self, picture: Image.Image, masks: int = 32, seed: int = 0) -> Floats:
        """The map of a picture, float32 (height, width): how far what is hidden differs from what was expected."""
        size = self.facts["image_size"]
        seen = pixels(picture, size)
        total = np.zeros((size, size), np.float32)
        places = visible_places(masks, self.facts["patches"], self.facts["mask_ratio"], seed)
        for first in range(0, masks, BATCH):
            guessed = self._reconstruct(seen, places[first : first + BATCH])
            total += np.square(guessed - seen).sum(axis=(0, 1))
        return enlarged(smooth((total / masks).astype(np.float32)), picture.height, picture.width)

    def features(self, picture: Image.Image) -> Floats:
        """Of each 8 x 8 px of the picture at the network's size, a vector of unit length: (h, w, C)."""
        return self._describe(pixels(picture, self.facts["network_size"]))


def _onnxruntime(path: Path, threads: int) -> Callable[..., Floats]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return lambda *values: session.run(None, dict(zip(names, values, strict=True)))[0]


def _openvino(path: Path, threads: int) -> Callable[..., Floats]:
    import openvino

    limits = {"INFERENCE_PRECISION_HINT": "f32"} | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
    network = openvino.Core().compile_model(path, "CPU", limits)
    return lambda *values: network(values)[0]


def opened(path: str | Path) -> Image.Image:
    """A picture, upright, without transparency."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def pixels(picture: Image.Image, size: int) -> Floats:
    """A picture at `size` x `size`, RGB in [0, 1]: (1, 3, size, size)."""
    small = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 255)


def visible_places(masks: int, patches: int, ratio: float, seed: int) -> npt.NDArray[np.int64]:
    """The patches that each mask leaves visible, rising: int64 (masks, K)."""
    noise = np.random.default_rng(seed).random((masks, patches))
    shown = noise.argsort(axis=1, kind="stable")[:, : int(patches * (1 - ratio))]
    return np.sort(shown, axis=1)


def smooth(error: Floats) -> Floats:
    """Convolve a map with the paper's Gaussian, its borders reflected."""
    weights = np.exp(-np.square(np.arange(-RADIUS, RADIUS + 1)) / (2 * SIGMA**2))
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(error, [(RADIUS, RADIUS) if one == axis else (0, 0) for one in (0, 1)], mode="reflect")
        error = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=axis) @ weights
    return error


def enlarged(error: Floats, height: int, width: int) -> Floats:
    """Interpolate a map bilinearly."""
    for axis, length in ((0, height), (1, width)):
        place = (np.arange(length) + 0.5) * error.shape[axis] / length - 0.5
        place = place.clip(0, error.shape[axis] - 1)
        low = np.minimum(place.astype(int), error.shape[axis] - 2)
        share = (place - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        error = np.take(error, low, axis) * (1 - share) + np.take(error, low + 1, axis) * share
    return error


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the score of each picture, and write its map."""
    parser = argparse.ArgumentParser(description="Map what a masked autoencoder did not expect.")
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--masks", type=int, default=32, metavar="N", help="by default 32")
    parser.add_argument("--seed", type=int, default=0, help="of the masks")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="by default one for each core")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the maps as NAME-map.npy")
    options = parser.parse_args(arguments)
    exported = Exported(Path(__file__).parent, options.threads)
    for path in options.pictures:
        error_map = exported.error_map(opened(path), options.masks, options.seed)
        print(f"{error_map.max():8.4f}  {path}")
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            np.save(options.out / f"{path.stem}-map.npy", error_map)


if __name__ == "__main__":
    main()
