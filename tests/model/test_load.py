"""Loading a model by name: a file, a folder, or the default; what it is and where it is from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from maeday_core.model import load as module
from maeday_core.model.load import load_model
from maeday_core.model.mae import MaskedAutoencoder
from tests.checkpoints import LAYOUTS, State, assert_holds, load, refusal, write


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loaded_model_is_frozen_and_says_where_it_is_from(
    tmp_path: Path, state: State, config: dict, dtype: torch.dtype
) -> None:
    path = write(tmp_path / "model.safetensors", state, config)
    model = load_model(path, device="cpu", dtype=dtype)
    assert not model.training
    assert not any(module.training for module in model.modules())
    assert {(p.requires_grad, p.dtype, p.device.type) for p in model.parameters()} == {(False, dtype, "cpu")}
    assert (model.device, model.dtype) == (torch.device("cpu"), dtype)
    assert model.info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.info.name, model.info.source) == (path.name, path.name)


@pytest.mark.parametrize(
    ("layout", "filename"),
    [
        ("hub", "model.safetensors"),
        ("hub", "pytorch_model.bin"),
        ("original", "mine.safetensors"),
        ("original", "mae.pth"),
        ("checkpoint", "checkpoint-3.pth"),
    ],
)
def test_file_and_folder(
    tmp_path: Path, tiny_model: MaskedAutoencoder, state: State, config: dict, layout: str, filename: str
) -> None:
    path = write(tmp_path / filename, LAYOUTS[layout](state), config)
    for name in (path, str(tmp_path)):
        model = load(name)
        assert_holds(model, state)
        assert model.config == tiny_model.config


def test_folder_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    (folder / "model.safetensors").mkdir(parents=True)
    refusal(lambda: load(folder), "folder empty holds no weights", "model.safetensors", "*.pth")
    monkeypatch.chdir(folder)
    refusal(lambda: load("."), "folder empty holds no weights")


def test_the_environment_names_the_default(
    tmp_path: Path, state: State, config: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAEDAY_MODEL", str(write(tmp_path / "mae.pth", state, config)))
    assert load().info.source == "mae.pth"
    monkeypatch.delenv("MAEDAY_MODEL")
    monkeypatch.setattr(module, "BUNDLED_FILE", tmp_path / "mae-small.safetensors")
    refusal(load, "mae-small.safetensors is missing from the installation")
