"""One more good part for what was learned before: its normal error joins the calibration, and nothing is fine-tuned.

Who calls a false alarm normal does not choose at random: the part is an extreme one. So it tells what is normal, and
not how high good parts score; the threshold goes on resting on those that were learned from.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from maeday_core.detection.region import Region, scaled
from maeday_core.detection.windows import sample_windows
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import MANY, Adapter
from maeday_core.fewshot.fine_tuning import find_preset, normal_errors
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.mae import MaskedAutoencoder

COPIES = 2
"""Of the photo, on which its normal error is measured: as many as fine-tuning takes of each of several."""


def joined(adapter: Adapter, model: MaskedAutoencoder, photo: RGBImage, region: Region | None = None) -> Adapter:
    """An adapter that knows one more good part.

    Args:
        adapter: what was learned before; it is not changed.
        model: the one that it was made for.
        photo: uint8 (H, W, 3).
        region: what does not count in it.

    Raises:
        WeightsError: it was made for another model.
        SettingsError: it knows too many good parts.
    """
    calibration = adapter.calibration
    if calibration.shots >= MANY:
        raise SettingsError(f"{MANY} good parts are known, the most that can be; learn from them again.")
    size = model.config.image_size
    if adapter.tile == "on":
        (photo,), region = sample_windows([photo], size, 1, calibration.shots), None
    side = math.ceil(size / (1 - find_preset(adapter.preset).crop))
    copies = normal_errors(adapter.apply(model), [resize(photo, side, side)], COPIES, adapter.settings)
    ignored = scaled(region.over(photo), size, size) if region else None
    return replace(adapter, calibration=calibration.plus(np.stack([*copies]), ignored))
