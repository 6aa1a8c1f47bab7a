"""Checkpoint files for tests: written in every layout, compared tensor by tensor, refused in one sentence."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.errors import WeightsError
from maeday_core.model.load import load_model
from maeday_core.model.mae import MaskedAutoencoder

State = dict[str, Tensor]
load = partial(load_model, device="cpu", dtype=torch.float32)


def refusal(call: Callable[[], object], *words: str) -> str:
    """The text of the error that `call` raises: one sentence that holds the words."""
    with pytest.raises(WeightsError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert not re.search(r"[.!?]\s+[A-Z]", text), f"more than one sentence: {text}"
    for word in words:
        assert word in text
    return text


_HUB_NAMES = [
    (r"^(cls_token)$", r"vit.embeddings.\1"),
    (r"^pos_embed$", "vit.embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "vit.embeddings.patch_embeddings.projection."),
    (r"^blocks\.", "vit.encoder.layer."),
    (r"^norm\.", "vit.layernorm."),
    (r"^decoder_blocks\.", "decoder_layers."),
    (r"^(decoder_|mask_token)", r"decoder.\1"),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
]


def hub_layout(state: Mapping[str, Tensor]) -> State:
    """The same tensors named and split as in the checkpoints on the Hub."""
    renamed = {}
    for key, value in state.items():
        for pattern, name in _HUB_NAMES:
            key = re.sub(pattern, name, key)
        if ".attn.qkv." in key:
            for part, tensor in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[key.replace(".attn.qkv.", f".attention.attention.{part}.")] = tensor.clone()
        else:
            renamed[key] = value
    return renamed


LAYOUTS: dict[str, Callable[[State], dict]] = {
    "hub": hub_layout,
    "original": dict,
    "checkpoint": lambda state: {"model": state, "epoch": 3, "args": argparse.Namespace(norm_pix_loss=False, lr=1e-3)},
}


def write(path: Path, content: dict, config: Mapping[str, object] | None = None) -> Path:
    """Write a weights file in the format of its suffix, and a config.json beside it if one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(content, path)
    else:
        torch.save(content, path)
    if config is not None:
        (path.parent / "config.json").write_text(json.dumps(config))
    return path


def assert_holds(model: MaskedAutoencoder, state: Mapping[str, Tensor]) -> None:
    loaded = model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]
