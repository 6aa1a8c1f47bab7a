"""Check an installed wheel: run with the Python of an environment that has nothing but it, from any folder.

`python -I` keeps the checkout off the path; the proxies that it sets lead nowhere, so that nothing is downloaded.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from PIL import Image

MAEDAY = Path(sys.executable).with_name("maeday")
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "http_proxy": NOWHERE, "https_proxy": NOWHERE}
KEYS = {
    *("path", "image_score", "threshold", "verdict", "boxes", "seconds", "model", "method"),
    *("masks", "mask_ratio", "sampling", "seed", "error_map", "mask"),
}


def maeday(*arguments: str, folder: Path) -> str:
    command = [str(MAEDAY), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | OFFLINE, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def photo() -> Image.Image:
    """A striped surface of 320 x 240 with a bright square."""
    pixels = np.full((240, 320, 3), 120.0) + 30 * np.sin(np.arange(320) / 5)[:, None]
    pixels[100:130, 200:230] = (250, 230, 40)
    return Image.fromarray(pixels.astype(np.uint8))


def mean_of_highest(error_map: np.ndarray) -> float:
    """The image score of an ensemble: the mean of the highest 1 % of its map, which counts less at the border."""
    down, across = (np.minimum(np.arange(side), np.arange(side)[::-1]) / side for side in error_map.shape)
    counted = error_map * (1 - 0.4 * np.clip(1 - np.minimum(down[:, None], across) * 28 / 3, 0, 1))
    return float(np.sort(counted, axis=None)[-round(error_map.size / 100) :].mean())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo().save(folder / "photo.jpg")
        assert distribution("maeday").version in maeday("--version", folder=folder)
        for method, score in (("maeday", np.max), ("ensemble", mean_of_highest)):
            lines = maeday(
                *("detect", "photo.jpg", "--method", method, "--masks", "8", "--out", "out", "--json"), folder=folder
            )
            (row,) = map(json.loads, lines.splitlines())
            assert row.keys() >= KEYS, KEYS - row.keys()
            assert Path(row["path"]).name == "photo.jpg"
            assert (row["method"], row["model"], row["masks"]) == (method, "bundled", 8)
            error_map = np.load(folder / row["error_map"])
            assert (error_map.shape, error_map.dtype) == ((240, 320), np.float32)
            assert abs(score(error_map) - row["image_score"]) < 1e-4
            y, x = np.unravel_index(error_map.argmax(), error_map.shape)
            assert 90 <= y < 140, (method, x, y)
            assert 190 <= x < 240, (method, x, y)
            print(f"installed wheel: {method} found the square, image score {row['image_score']:.3f}")


if __name__ == "__main__":
    main()
