"""The checkpoints that are known by a short name, and where they lie on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HUB_FILES = ("model.safetensors", "pytorch_model.bin")
"""The names of a repository's weights file, the preferred one first."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are downloaded and the size of the file in bytes."""


@dataclass(frozen=True)
class HubModel:
    """A checkpoint on the Hugging Face Hub.

    Attributes:
        repo: `owner/name`.
        revision: a commit; `main` where none is pinned.
        size: of the download, for people.
    """

    repo: str
    revision: str
    size: str


HUB_MODELS = {
    "base": HubModel("facebook/vit-mae-base", "25b184bea5538bf5c4c852c79d221195fdd2778d", "448 MB"),
    "large": HubModel("facebook/vit-mae-large", "142cb8c25e1b1bc1769997a919aa1b5a2345a6b8", "1.3 GB"),
    "huge": HubModel("facebook/vit-mae-huge", "main", "2.6 GB"),
}
