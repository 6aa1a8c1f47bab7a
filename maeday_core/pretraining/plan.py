"""What a run of pretraining trains, and the recipe of the bundled model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from maeday_core.errors import SettingsError
from maeday_core.model.mae import CONFIGS, MAEConfig


@dataclass(frozen=True)
class Plan:
    """What a run trains, and for how long.

    Attributes:
        config: sizes of the model.
        steps: batches to train on.
        minutes: training time, that of the runs it continues included; whichever ends first ends the run.
        batch_size: crops in a batch.
        seed: of the first weights, the crops and the masks.
        log_every: steps from one row of the curve to the next.

    Raises:
        SettingsError: a value out of its range.
    """

    config: MAEConfig = CONFIGS["small"]
    steps: int = 100_000
    minutes: float = math.inf
    batch_size: int = 64
    seed: int = 0
    log_every: int = 100

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.minutes > 0 or self.seed < 0:
            raise SettingsError("Give at least one step, more than no minutes, and a seed of 0 or more.")
        if self.batch_size < 1 or self.log_every < 1:
            raise SettingsError("Give at least one crop a batch, and at least one step between two rows.")


@dataclass(frozen=True)
class Recipe:  # docs/decisions.md#pretraining
    """How the bundled model was trained.

    Attributes:
        rate: the learning rate; it rises linearly, then falls along a cosine to zero at the end of the run.
        continued_rate: where the weights are trained ones already.
        warmup, warmup_share: steps over which it rises, at most this share of the run.
        betas, weight_decay: AdamW's; the decay spares biases, norms and tokens.
        clip: the largest norm of the gradient.
        mask_ratio: share of the patches that are hidden.
        visible_weight: what the error on visible patches counts beside that on hidden ones.
        least_contrast: added to an image's standard deviation (normalised pixels), which divides its error.
    """

    rate: float = 1.5e-3
    continued_rate: float = 1e-3
    warmup: int = 500
    warmup_share: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    clip: float = 1.0
    mask_ratio: float = 0.75
    visible_weight: float = 0.25
    least_contrast: float = 0.2


RECIPE = Recipe()
