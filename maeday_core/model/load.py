"""Weights: bundled, from disk or from the Hub; in either key layout, checked strictly, loaded safely."""

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

from maeday_core.errors import WeightsError
from maeday_core.model.hub import HUB_FILES, HUB_MODELS, Progress, download, first_sentence, sha256
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder, ModelInfo

BUNDLED_FILE = Path(__file__).resolve().parent.parent / "assets" / "mae-small.safetensors"


def default_model() -> str:
    """The model used where none is named: the environment's `MAEDAY_MODEL`, else `bundled`."""
    return os.environ.get("MAEDAY_MODEL") or "bundled"


def load_model(
    name: str | os.PathLike[str] | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> MaskedAutoencoder:
    """Load a masked autoencoder, ready for inference.

    Args:
        name: `bundled`; `base`, `large` or `huge` from the Hub; a Hub id `owner/name`, with `@revision` if wanted; or
            the path of a weights file or of a folder that holds one. By default `default_model`.
        device: by default CUDA, else Apple's MPS, else the CPU.
        dtype: by default bfloat16 where the hardware computes in it, else float32 (`best_dtype`).
        progress: called as a download advances.

    Returns:
        The model, frozen and in evaluation mode. It is safe to share between threads: nothing here changes it.

    Raises:
        WeightsError: the weights cannot be found or read, lack the decoder, predict normalised pixels, or do not fit.
    """
    name = os.fspath(name or default_model())
    device = torch.device(device) if device else best_device()
    dtype = dtype or best_dtype(device)
    if name == "bundled":
        path, source = BUNDLED_FILE, "bundled"
    elif name in HUB_MODELS:
        pinned = HUB_MODELS[name]
        path, source = download(pinned.repo, pinned.revision, progress), pinned.repo
    elif os.path.exists(name):
        path = _weights_in(Path(name))
        name = source = Path(name).absolute().name
    elif re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", name) and not name.endswith((".safetensors", ".bin", ".pth")):
        repo, _, revision = name.partition("@")
        path, source = download(repo, revision or "main", progress), repo
    else:
        known = ", ".join(["bundled", *HUB_MODELS])
        raise WeightsError(
            f"There is no model {name!r}: give one of {known}, a Hub id owner/name, or an existing path."
        )
    if not path.exists():
        raise WeightsError(f"The weights file {path.name} is missing from the installation; check it out again.")

    state, config, metadata = read_weights(path)
    with torch.device("meta"):
        model = MaskedAutoencoder(config)
    _check_keys(path.name, state, model.state_dict())
    model.load_state_dict(state, assign=True)
    model.info = ModelInfo(name, source, sha256(path), metadata)
    return model.to(device, dtype).requires_grad_(False).eval()


def best_device() -> torch.device:
    """CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def save_weights(model: MaskedAutoencoder, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> None:
    """Write a model as safetensors in float16, its configuration in the header: a file that `load_model` takes."""
    state = {key: value.detach().to("cpu", torch.float16).contiguous() for key, value in model.state_dict().items()}
    header = {"format": "pt", **metadata, "mae_config": json.dumps(asdict(model.config))}
    safetensors.torch.save_file(state, path, header)
    os.chmod(path, 0o644)  # safetensors keeps it to its owner


def read_weights(path: Path) -> tuple[dict[str, Tensor], MAEConfig, dict[str, str]]:
    """Read a file in transformers' or the original key layout.

    Returns:
        The tensors under the original layout's names, the configuration they imply, and the file's own metadata.
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
    if "mae_config" in metadata:
        try:
            config = MAEConfig(**json.loads(metadata.pop("mae_config")))
        except (TypeError, ValueError) as error:
            raise WeightsError(
                f"{path.name} describes its model in a way this version cannot read: {error}."
            ) from error
    else:
        config = _infer_config(path.name, state, hub_config)
    *sizes, eps, drafts = asdict(config).values()
    if not (
        all(isinstance(size, int) and size > 0 for size in sizes)
        and isinstance(eps, float)
        and isinstance(drafts, bool)
        and not (drafts and config.patch_size % 2)
        and config.image_size % config.patch_size == config.dim % config.heads == 0
        and config.decoder_dim % config.decoder_heads == 0
    ):
        raise WeightsError(f"No masked autoencoder has the sizes that {path.name} or its config.json gives: {config}.")
    return state, config, metadata


def _weights_in(path: Path) -> Path:
    if path.is_file():
        return path
    for candidate in (
        *(path / name for name in HUB_FILES),
        *sorted(path.glob("*.safetensors")),
        *sorted(path.glob("*.pth")),
    ):
        if candidate.is_file():
            return candidate
    raise WeightsError(
        f"The folder {path.absolute().name} holds no weights ({', '.join(HUB_FILES)}, *.safetensors or *.pth)."
    )


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


_HEADS = {768: 12, 1024: 16, 1280: 16, 512: 16}


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
    heads = config.get("num_attention_heads") or _HEADS.get(dim)
    decoder_heads = config.get("decoder_num_attention_heads") or _HEADS.get(decoder_dim)
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
    told = [
        f"{what} {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}"
        for what, keys in problems
        if keys
    ]
    if told:
        raise WeightsError(f"{name} does not fit a masked autoencoder of its size: it {'; it '.join(told)}.")
