"""Checkpoint files of masked autoencoders: two key layouts, checked strictly and read without running their code.

The original layout (facebookresearch/mae) has timm's names, such as `blocks.0.attn.qkv.weight`. The one of transformers
(`facebook/vit-mae-*` on the Hub) has names such as `vit.encoder.layer.0.attention.attention.query.weight`.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.errors import WeightsError, first_sentence
from maeday_core.io.files import replacing
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder

HEADS = {512: 16, 768: 12, 1024: 16, 1280: 16}
"""Attention heads by width in the published checkpoints; the original layout does not say them."""

CONFIG_KEY = "mae_config"
"""Under which `save_weights` puts the configuration into the file's header, as JSON."""


def save_weights(model: MaskedAutoencoder, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Write a model as safetensors in float16, its configuration in the header: a file that `load_model` takes."""
    state = {key: value.detach().to("cpu", torch.float16).contiguous() for key, value in model.state_dict().items()}
    save_tensors(path, state, {**metadata, CONFIG_KEY: json.dumps(asdict(model.config))})


def read_weights(path: Path) -> tuple[MaskedAutoencoder, dict[str, str]]:
    """Read a checkpoint file, in either key layout, with the config.json beside it if there is one.

    Returns:
        The model on the CPU in the file's number format, and the file's own metadata.

    Raises:
        WeightsError: the file cannot be read, lacks the decoder, predicts normalised pixels, or does not fit.
    """
    state, metadata, arguments = _read_tensors(path)
    hub_config = _read_config(path.parent / "config.json")
    if hub_config.get("norm_pix_loss") or arguments.get("norm_pix_loss"):
        raise WeightsError(
            f"{path.name} predicts normalised pixels (norm_pix_loss), which cannot be compared with a photo; use a "
            "checkpoint trained with pixel targets, such as facebook/vit-mae-base."
        )
    state = _original_names(state)
    if any(k.startswith(("blocks.", "patch_embed.")) for k in state) and not any("decoder" in k for k in state):
        raise WeightsError(
            f"{path.name} holds the encoder only; MAEDAY reconstructs and needs the decoder too: use a full checkpoint "
            "(mae_visualize_*.pth, or facebook/vit-mae-base on the Hub)."
        )
    header = metadata.pop(CONFIG_KEY, None)
    try:
        config = MAEConfig(**json.loads(header)) if header is not None else _infer_config(path.name, state, hub_config)
    except (TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} or its config.json describes no masked autoencoder that can be built "
            f"({first_sentence(error)}); correct config.json, or use another checkpoint."
        ) from error
    with torch.device("meta"):
        model = MaskedAutoencoder(config)
    _check_keys(path.name, state, model.state_dict())
    model.load_state_dict(state, assign=True)
    return model, metadata


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str], dict[str, Any]]:
    if path.suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {}), {}  # noqa: SIM118
        except (safetensors.SafetensorError, OSError, ValueError) as error:
            raise _damaged(path, error) from error
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} is not a plain PyTorch state dict: it holds other Python objects, or is no checkpoint at "
            "all, and is not opened for safety; convert it to safetensors."
        ) from error
    except Exception as error:
        raise _damaged(path, error) from error
    content = content if isinstance(content, dict) else {}
    arguments = content.get("args")
    for key in ("model", "state_dict"):
        if isinstance(content.get(key), dict):
            content = content[key]
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise WeightsError(f"{path.name} holds no tensors; it is not a checkpoint of a masked autoencoder.")
    return state, {}, vars(arguments) if isinstance(arguments, argparse.Namespace) else {}


def _damaged(path: Path, error: Exception) -> WeightsError:
    if isinstance(error, PermissionError):
        return WeightsError(f"{path.name} may not be read by this user; change its permissions.")
    reason = f"{path.name} is damaged or cut short ({first_sentence(error)})"
    return WeightsError(f"{reason}; delete {path.resolve()} and download or copy it again.")


def _read_config(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise WeightsError(
            f"{path.name} is not valid JSON; delete {path.resolve()} and download or copy it again."
        ) from error
    return config if isinstance(config, dict) else {}


_TO_ORIGINAL = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^(vit|decoder)\.", ""),
        (r"^embeddings\.position_embeddings$", "pos_embed"),
        (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
        (r"^embeddings\.cls_token$", "cls_token"),
        (r"^encoder\.layer\.", "blocks."),
        (r"^decoder_(layers|encoder\.layer)\.", "decoder_blocks."),
        (r"^layernorm\.", "norm."),
        (r"\.layernorm_before\.", ".norm1."),
        (r"\.layernorm_after\.", ".norm2."),
        (r"\.attention\.attention\.(query|key|value)\.", r".attn.\1."),
        (r"\.attention\.output\.dense\.", ".attn.proj."),
        (r"\.intermediate\.dense\.", ".mlp.fc1."),
        (r"\.output\.dense\.", ".mlp.fc2."),
    )
]


def _original_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename transformers' keys (the Hub's, and what transformers 5 writes) and fuse query, key and value."""
    if not any(key.startswith(("vit.", "embeddings.")) for key in state):
        return dict(state)
    renamed = {}
    for key, value in state.items():
        for pattern, name in _TO_ORIGINAL:
            key = pattern.sub(name, key)
        renamed[key] = value
    for key in [k for k in renamed if ".attn.query." in k]:
        parts = [key.replace(".query.", f".{part}.") for part in ("query", "key", "value")]
        if all(part in renamed for part in parts):
            renamed[key.replace(".query.", ".qkv.")] = torch.cat([renamed.pop(part) for part in parts])
    return renamed


def _infer_config(name: str, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> MAEConfig:
    try:
        dim, _, patch_size, _ = state["patch_embed.proj.weight"].shape
        decoder_dim = state["decoder_embed.weight"].shape[0]
        patches = state["pos_embed"].shape[1] - 1
        depth, decoder_depth = (
            1 + max(int(k.split(".")[1]) for k in state if k.startswith(p)) for p in ("blocks.", "decoder_blocks.")
        )
        mlp_dim = state["blocks.0.mlp.fc1.weight"].shape[0]
        decoder_mlp_dim = state["decoder_blocks.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError, IndexError) as error:
        missing = f": it lacks {error.args[0]}" if isinstance(error, KeyError) else ""
        raise WeightsError(f"{name} is not a masked autoencoder's checkpoint{missing}.") from error
    heads = config.get("num_attention_heads") or HEADS.get(dim)
    decoder_heads = config.get("decoder_num_attention_heads") or HEADS.get(decoder_dim)
    if not heads or not decoder_heads:
        raise WeightsError(
            f"{name} does not say how many attention heads it has; put its config.json beside it (num_attention_heads, "
            "decoder_num_attention_heads)."
        )
    return MAEConfig(
        image_size=round(patches**0.5) * patch_size,
        patch_size=patch_size,
        dim=dim,
        depth=depth,
        heads=heads,
        mlp_dim=mlp_dim,
        decoder_dim=decoder_dim,
        decoder_depth=decoder_depth,
        decoder_heads=decoder_heads,
        decoder_mlp_dim=decoder_mlp_dim,
        layer_norm_eps=config.get("layer_norm_eps", 1e-6),
    )


def _check_keys(name: str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    problems = [
        ("lacks", [k for k in expected if k not in state]),
        ("has the unexpected", [k for k in state if k not in expected]),
        (
            "has the wrong shape or type for",
            [
                f"{k} {tuple(state[k].shape)} {state[k].dtype}"
                for k in expected
                if k in state and not (state[k].shape == expected[k].shape and state[k].is_floating_point())
            ],
        ),
    ]
    found = [
        f"{what} {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}"
        for what, keys in problems
        if keys
    ]
    if found:
        raise WeightsError(f"{name} does not fit a masked autoencoder of its size: it {'; it '.join(found)}.")


def save_tensors(path: str | os.PathLike[str], tensors: dict[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and the metadata `header` as a safetensors file, atomically; the same ones give the same bytes."""
    content = safetensors.torch.save(tensors, {"format": "pt", **header})  # save_file ignores the umask: mode 600
    length, start = int.from_bytes(content[:8], "little"), 8
    facts = json.dumps(json.loads(content[start : start + length]), sort_keys=True).encode()  # it had any order
    facts += b" " * (-len(facts) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(facts).to_bytes(8, "little") + facts)
        file.write(memoryview(content)[start + length :])
