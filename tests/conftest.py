"""Shared by all tests: the repository on the path, one thread setting, a tiny model."""

from maeday_core.model import waiting as waiting  # isort: split

import ast
import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from maeday_core.model.mae import MAEConfig, MaskedAutoencoder

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("machines are noisy", deadline=None)
settings.load_profile("machines are noisy")

TINY = MAEConfig(
    image_size=64,
    patch_size=8,
    dim=32,
    depth=2,
    heads=4,
    mlp_dim=64,
    decoder_dim=16,
    decoder_depth=1,
    decoder_heads=2,
    decoder_mlp_dim=32,
)


def parsed(code: str) -> ast.Module:
    """The syntax tree. Python 3.11 fails with a SystemError where what the garbage collector finds parses, too."""
    gc.disable()
    try:
        return ast.parse(code)
    finally:
        gc.enable()


@pytest.fixture(scope="session")
def tiny_model() -> MaskedAutoencoder:
    """A frozen model of a few thousand random weights, float32."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(TINY)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.requires_grad_(False).eval()


@pytest.fixture
def state(tiny_model: MaskedAutoencoder) -> dict[str, torch.Tensor]:
    return dict(tiny_model.state_dict())


@pytest.fixture
def config(tiny_model: MaskedAutoencoder) -> dict[str, object]:
    """The config.json of the tiny model."""
    c = tiny_model.config
    heads = {"num_attention_heads": c.heads, "decoder_num_attention_heads": c.decoder_heads}
    return {**heads, "layer_norm_eps": c.layer_norm_eps, "norm_pix_loss": False}


def part(seed: int, defect: bool = False) -> np.ndarray:
    """A striped surface, with a bright square that no other has, or without."""
    x = np.arange(96)
    stripes = 110 + 40 * np.sin(x / 4 + seed)[None, :, None] + np.zeros((96, 96, 3))
    stripes += np.random.default_rng(seed).normal(0, 3, stripes.shape)
    if defect:
        stripes[60:76, 20:36] = (250, 220, 30)
    return stripes.clip(0, 255).astype(np.uint8)
