"""Small pictures, a tiny model, and the command line called as a function."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.cli import main
from maeday_core.model.checkpoints import save_weights

Run = Callable[..., tuple[int, list[dict], str]]


def save_noise(path: Path, width: int, height: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path, tiny_model) -> Path:
    """Three pictures, two of one stem, and the tiny model's weights."""
    rng = np.random.default_rng(0)
    for name, size in {"a.png": (40, 30), "b.jpg": (90, 64), "deep/a.bmp": (64, 64)}.items():
        save_noise(tmp_path / "pictures" / name, *size, rng)
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return tmp_path


@pytest.fixture
def shots(folder) -> list[Path]:
    return [folder / "pictures" / name for name in ("a.png", "b.jpg")]


@pytest.fixture
def model(folder) -> list[object]:
    """The flags for the tiny model, few masks, and JSON."""
    return ["--model", folder / "tiny.safetensors", "--masks", 2, "--json"]


@pytest.fixture
def run(capsys) -> Run:
    """Runs a command: its exit status, the rows on standard output, and what is on standard error."""

    def run(*arguments: object) -> tuple[int, list[dict], str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, [json.loads(line) for line in captured.out.splitlines()], captured.err

    return run
