"""Exported models give the map and the features that PyTorch gives, and need no PyTorch for it."""

from __future__ import annotations

import importlib.util
import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maeday_core.cli.export import FORMATS
from maeday_core.detection.reconstruction import detect
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError
from maeday_core.export import cosines
from maeday_core.export.write import export
from maeday_core.io.images import load_image, resize
from maeday_core.model.backbone import load_backbone
from maeday_core.model.draft import EXTRAPOLATION, papoulis_gerchberg
from maeday_core.model.mae import MaskedAutoencoder
from tests.conftest import ROOT, TINY
from tests.test_docs import python_of
from tests.test_docs import run as run_alone

for package in ("onnx", "onnxruntime", "openvino"):
    pytest.importorskip(package)
EXAMPLES = [ROOT / "assets" / "examples" / f"{name}.jpg" for name in ("mesh-broken", "metal-scratch")]
ALONE = """
import runpy, sys
sys.modules["torch"] = sys.modules["maeday_core"] = sys.modules["cv2"] = None
sys.argv[0] = sys.argv[1]
del sys.argv[1]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program where these cannot be imported."""


@pytest.fixture(scope="module")
def model() -> MaskedAutoencoder:
    """A tiny model with a draft, of random weights."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(replace(TINY, draft=True))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.requires_grad_(False).eval()


@pytest.fixture(scope="module", params=FORMATS)
def exported(request: pytest.FixtureRequest, model: MaskedAutoencoder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("away") / "exported"
    written = export(model, load_backbone(device=torch.device("cpu")), folder, request.param)
    assert sorted(written) == sorted(folder.iterdir())
    assert json.loads((folder / "maeday.json").read_text())["format"] == request.param
    return folder


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_map_and_features_are_those_of_pytorch(exported: Path, model: MaskedAutoencoder, path: Path) -> None:
    program = runpy.run_path(str(exported / "run.py"))
    networks, picture = program["Exported"](exported, threads=1), program["opened"](path)
    theirs, ours = networks.error_map(picture, masks=20, seed=3), detect(model, load_image(path), Settings(20, seed=3))
    np.testing.assert_allclose(theirs, ours.error_map, rtol=0, atol=1e-3 * np.ptp(ours.error_map))
    assert theirs.max() == pytest.approx(ours.image_score, rel=1e-3)
    backbone = load_backbone(device=torch.device("cpu"))
    expected = backbone(resize(load_image(path), backbone.side, backbone.side)).numpy()
    np.testing.assert_allclose(networks.features(picture), expected, atol=1e-4)


def test_the_program_needs_no_pytorch(exported: Path, tmp_path: Path) -> None:
    Image.effect_noise((50, 40), 60).convert("RGB").save(tmp_path / "small.png")
    arguments = [exported / "run.py", tmp_path / "small.png", "--masks", "2", "--out", tmp_path / "maps"]
    done = subprocess.run([sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    error_map = np.load(tmp_path / "maps" / "small-map.npy")
    assert error_map.shape == (40, 50)
    assert float(done.stdout.split()[0]) == pytest.approx(error_map.max(), abs=1e-4)


def test_the_guide_runs(exported: Path) -> None:
    for name, example in zip(("photo", "good"), EXAMPLES, strict=True):
        Image.open(example).save(exported.parent / f"{name}.jpg")
    run_alone("\n".join(python_of("docs/guides/export.md")), exported.parent)


def test_the_draft_in_real_arithmetic_is_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    hidden = (torch.rand(3, 24, 24, generator=rng) > 0.4).float()
    known = torch.randn(3, 24, 24, generator=rng) * (1 - hidden)
    expected = papoulis_gerchberg(known, hidden, EXTRAPOLATION)
    torch.testing.assert_close(cosines.papoulis_gerchberg(known, hidden, EXTRAPOLATION), expected)
    assert (expected - known).abs().max() > 0.1


def test_what_is_missing_is_a_sentence(model: MaskedAutoencoder, tmp_path: Path, monkeypatch) -> None:
    network = load_backbone(device=torch.device("cpu"))
    with pytest.raises(SettingsError, match="is a transformer"):
        export(model, replace(network, name="dinov2", multiple=14), tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"no package onnx: .*maeday\[export\]"):
        export(model, network, tmp_path)
    assert not list(tmp_path.iterdir())
