"""Models by name: bundled with this package, from the Hub, or from disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

from maeday_core.errors import WeightsError
from maeday_core.io.files import sha256
from maeday_core.model.bundled import BUNDLED_FILE
from maeday_core.model.checkpoints import read_weights
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.hub import HUB_FILES, HUB_MODELS, Progress
from maeday_core.model.mae import MaskedAutoencoder, ModelInfo


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
    path, name, source = _find(os.fspath(name or default_model()), progress)
    model, metadata = read_weights(path)
    model.info = ModelInfo(name, source, sha256(path), metadata)
    return placed(model, device, dtype)


def placed(
    model: MaskedAutoencoder, device: str | torch.device | None = None, dtype: torch.dtype | None = None
) -> MaskedAutoencoder:
    """A model, ready for inference on a device, by default as `load_model` has it."""
    device = torch.device(device) if device else best_device()
    return model.to(device, dtype or best_dtype(device)).requires_grad_(False).eval()


def _find(name: str, progress: Progress | None) -> tuple[Path, str, str]:
    """The weights file that `name` stands for, and the name and source to record."""
    if name == "bundled":
        if not BUNDLED_FILE.exists():
            raise WeightsError(
                f"The weights file {BUNDLED_FILE.name} is missing from the installation; install it again."
            )
        return BUNDLED_FILE, name, name
    from maeday_core.model.download import download  # the Hub's client, which takes a while to import

    if name in HUB_MODELS:
        pinned = HUB_MODELS[name]
        return download(pinned.repo, pinned.revision, progress), name, pinned.repo
    if os.path.exists(name):
        path = _weights_in(Path(name))
        shown = Path(name).absolute().name
        return path, shown, shown
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", name) and not name.endswith((".safetensors", ".bin", ".pth")):
        repo, _, revision = name.partition("@")
        return download(repo, revision or "main", progress), name, repo
    known = ", ".join(["bundled", *HUB_MODELS])
    raise WeightsError(f"There is no model {name!r}: give one of {known}, a Hub id owner/name, or an existing path.")


def _weights_in(path: Path) -> Path:
    """`path` itself if it is a file, else the first weights file in that folder."""
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
