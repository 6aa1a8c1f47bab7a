"""What the tests of few-shot adaptation share: photos, digests of models, and a generator run to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

import cv2
import numpy as np
import torch

from maeday_core.detection.settings import Settings
from maeday_core.fewshot.adapter import Adapter
from maeday_core.fewshot.fine_tuning import DEFAULT, Preset, fine_tune
from maeday_core.fewshot.learned import Progress
from maeday_core.model.mae import MaskedAutoencoder

FEW = Settings(masks=4)


def photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC)


def digest(model: torch.nn.Module) -> str:
    state = hashlib.sha256()
    for name, value in model.state_dict().items():
        state.update(name.encode() + value.contiguous().view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(x, y) for k in a for x, y in zip(a[k], b[k], strict=True))


def watched(learning: Generator[Progress, None, Adapter]) -> tuple[list[Progress], Adapter]:
    """All progress of a fine-tuning, and its result."""
    seen = []
    while True:
        try:
            seen.append(next(learning))
        except StopIteration as end:
            return seen, end.value


def fine_tuned(
    model: MaskedAutoencoder, shots: Sequence[np.ndarray], preset: Preset = DEFAULT, settings: Settings = FEW
) -> Adapter:
    _, adapter = watched(fine_tune(model, shots, preset, settings))
    return adapter
