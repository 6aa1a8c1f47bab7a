"""What clean pictures score with a model: where the threshold starts, and how far the colour scale reaches.

A zero-shot score has no absolute meaning; this gives it a first one, until good parts of the user's own replace it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from maeday_core.detector import Settings, detect
from maeday_core.images import RGBImage, load_image
from maeday_core.model import MaskedAutoencoder

CLEAN_PICTURES = Path(__file__).resolve().parent.parent / "assets" / "examples"
METADATA_KEY = "clean_score"
_measured: dict[str, float] = {}


def reference_scores(model: MaskedAutoencoder) -> tuple[float, float]:
    """A first threshold, and the top of the fixed colour scale, which is twice that.

    The threshold is what the model's file says (`clean_score`: what 95 % of clean held-out crops stay below); where it
    says nothing, the highest score of the project's own clean example pictures, measured once per model.
    """
    told = model.info.metadata.get(METADATA_KEY)
    if told is None and model.info.sha256 not in _measured:
        pictures = (load_image(path) for path in sorted(CLEAN_PICTURES.glob("*-clean.jpg")))
        _measured[model.info.sha256] = clean_score(model, pictures, Settings(masks=8), quantile=1.0)
    threshold = float(told) if told else _measured[model.info.sha256]
    return threshold, 2 * threshold


def clean_score(
    model: MaskedAutoencoder, pictures: Iterable[RGBImage], settings: Settings | None = None, quantile: float = 0.95
) -> float:
    """The image score that a share `quantile` of these clean pictures stays below."""
    return float(np.quantile([detect(model, picture, settings).image_score for picture in pictures], quantile))
