"""Weights: from this repository, a local file or folder, or the Hugging Face Hub; checked strictly, loaded safely."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import huggingface_hub as hub
import safetensors
import safetensors.torch
import torch
from huggingface_hub import errors as hub_errors
from huggingface_hub.file_download import http_get, repo_folder_name
from torch import Tensor

from maeday_core.errors import WeightsError
from maeday_core.model import MAEConfig, MaskedAutoencoder, ModelInfo

BUNDLED_FILE = Path(__file__).resolve().parent.parent / "assets" / "mae-small.safetensors"
HUB_FILES = ("model.safetensors", "pytorch_model.bin")

Progress = Callable[[int, int], None]
"""Receives the bytes of a download that are done, and all of them."""


@dataclass(frozen=True)
class HubModel:
    """A checkpoint on the Hugging Face Hub, pinned to a commit where one is known."""

    repo: str
    revision: str
    size: str
    licence: str


HUB_MODELS = {
    "base": HubModel(
        "facebook/vit-mae-base", "25b184bea5538bf5c4c852c79d221195fdd2778d", "448 MB", "Apache-2.0 (model card)"
    ),
    "large": HubModel(
        "facebook/vit-mae-large", "142cb8c25e1b1bc1769997a919aa1b5a2345a6b8", "1.3 GB", "Apache-2.0 (model card)"
    ),
    "huge": HubModel("facebook/vit-mae-huge", "main", "2.6 GB", "Apache-2.0 (model card)"),
}


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
        path, source, licence = BUNDLED_FILE, "bundled", "Apache-2.0"
    elif name in HUB_MODELS:
        pinned = HUB_MODELS[name]
        path, source, licence = download(pinned.repo, pinned.revision, progress), pinned.repo, pinned.licence
    elif os.path.exists(name):
        path, source, licence = _weights_in(Path(name)), Path(name).absolute().name, ""
    elif re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", name) and not name.endswith((".safetensors", ".bin", ".pth")):
        repo, _, revision = name.partition("@")
        path, source, licence = download(repo, revision or "main", progress), repo, "see the model card"
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
    model.info = ModelInfo(name, source, licence, _sha256(path), metadata)
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
    *sizes, eps = asdict(config).values()
    if not (
        all(isinstance(size, int) and size > 0 for size in sizes)
        and isinstance(eps, float)
        and config.image_size % config.patch_size == config.dim % config.heads == 0
        and config.decoder_dim % config.decoder_heads == 0
    ):
        raise WeightsError(f"No masked autoencoder has the sizes that {path.name} or its config.json gives: {config}.")
    return state, config, metadata


def download(repo: str, revision: str, progress: Progress | None = None) -> Path:
    """Fetch a checkpoint and its config.json into the Hub's cache, or find them there; resumes what was cut off."""
    cause: Exception | None = None
    try:
        config, *weights = (
            hub.try_to_load_from_cache(repo, file, revision=revision) for file in ("config.json", *HUB_FILES)
        )
        for cached in weights:
            if isinstance(config, str) and isinstance(cached, str):
                return Path(cached)
        _fetch(repo, "config.json", revision, None)
        for filename in HUB_FILES:
            try:
                return _fetch(repo, filename, revision, progress)
            except hub_errors.RemoteEntryNotFoundError:
                continue
        problem = f"{repo} on the Hub has neither {' nor '.join(HUB_FILES)}; check the id"
    except hub_errors.RevisionNotFoundError as error:
        problem, cause = f"{repo} on the Hub has no revision {revision!r}; check the name after '@'", error
    except hub_errors.RepositoryNotFoundError as error:  # or a gated one
        problem, cause = f"The Hub has no public model {repo!r}; check the id, log in if it is private", error
    except hub_errors.RemoteEntryNotFoundError as error:
        problem, cause = f"{repo} on the Hub has no config.json, so it is not a ViTMAE model; check the id", error
    except hub_errors.HFValidationError as error:
        problem, cause = f"{repo!r} is not a Hub id of the form owner/name; check the id", error
    except OSError as error:
        problem, cause = (
            (
                f"{repo} is not in this machine's cache and could not be downloaded from the Hugging Face Hub "
                f"({_first_sentence(error)}); check the network and try again"
            ),
            error,
        )
    raise WeightsError(f"{problem}, or use another model: 'bundled' works with no network.") from cause


def _fetch(repo: str, filename: str, revision: str, progress: Progress | None) -> Path:
    url = hub.hf_hub_url(repo, filename, revision=revision)
    bar = _reporting_bar(progress) if progress else None
    try:
        # One quick look before hf_hub_download, which would retry for half a minute where there is no network.
        found = hub.get_hf_file_metadata(url, timeout=10)
        if re.fullmatch("[0-9a-f]{64}", found.etag or ""):
            _fetch_blob(url, repo, found, bar)
        return Path(hub.hf_hub_download(repo, filename, revision=revision, tqdm_class=bar))
    except OSError:
        raise
    except Exception as error:
        raise OSError(_first_sentence(error)) from error


def _fetch_blob(url: str, repo: str, found: hub.HfFileMetadata, bar: Any) -> None:
    """Put a large file where hf_hub_download finds it; by itself that begins anew after a break, and checks no hash."""
    folder = repo_folder_name(repo_id=repo, repo_type="model")
    blob = Path(hub.constants.HF_HUB_CACHE, folder, "blobs", str(found.etag))
    partial = blob.with_suffix(".incomplete")
    lock = Path(hub.constants.HF_HUB_CACHE, ".locks", folder, f"{found.etag}.lock")
    for path in (blob, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with hub.utils.WeakFileLock(lock):
        if blob.exists():
            return
        with partial.open("ab") as file:
            done, headers = min(file.tell(), found.size or 0), hub.utils.build_hf_headers()
            http_get(url, file, resume_size=done, headers=headers, expected_size=found.size, tqdm_class=bar)
        if _sha256(partial) != found.etag:
            partial.unlink()
            raise OSError("what arrived has not the SHA-256 that the Hub names")
        partial.replace(blob)


def _reporting_bar(progress: Progress) -> Any:
    class ReportingBar(hub.utils.tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self.disable:  # without a terminal, tqdm does not count
                self.n += n or 0
            progress(int(self.n), int(self.total or 0))
            return shown

    return ReportingBar


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_sentence(error: BaseException) -> str:
    return re.split(r"\n|\.\s", str(error).strip())[0].rstrip(".") or type(error).__name__


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
    reason = f"{path.name} is damaged or cut short ({_first_sentence(error)})"
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
