"""Few-shot adaptation: fine-tune on one to eight photos of good parts, then look again (Section 3.2)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from maeday_core.detection.calibration import Calibration
from maeday_core.detection.reading import Reading
from maeday_core.detection.reconstruction import Sums, detect, micro_batches
from maeday_core.detection.region import Region, scaled
from maeday_core.detection.settings import Settings
from maeday_core.detection.windows import FloatMap
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import MAX_STEPS, Adapter, adapted_model
from maeday_core.fewshot.augment import copy_of, relit, varied
from maeday_core.fewshot.doubts import JUDGED_BY_OTHERS, appearance, doubts_of_shots
from maeday_core.fewshot.learned import Progress, Step
from maeday_core.fewshot.lora import Factors, add_lora, factors_of
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.mae import MaskedAutoencoder, normalise
from maeday_core.model.masks import mask_from_noise

MAX_SHOTS = 8
COPIES = 8  # docs/decisions.md#calibration
WEIGHT_DECAY, MOMENTUM = 0.05, 0.9


@dataclass(frozen=True)
class Preset:  # docs/decisions.md#fine-tuning
    """How to fine-tune.

    Attributes:
        name: as it is recorded.
        optimizer: `sgd` (momentum 0.9) or `adamw`, both with weight decay 0.05.
        rate: the learning rate.
        steps: iterations.
        batch: crops in each, the shots repeated, every one with its own mask.
        lora: train low-rank factors; else all weights.
        relative: count errors in deviations from what is normal on the shots; else as the paper does.
        degrees, crop: largest turn, and largest share of a side cut away, at random (the paper names no range).
        light: largest change of contrast, as a share, at random; that of colour and brightness follows from it.
        decay: lower the rate linearly to zero; else keep it.

    Raises:
        SettingsError: the number of steps is out of range.
    """

    name: str
    optimizer: Literal["sgd", "adamw"]
    rate: float
    steps: int
    batch: int = 32
    lora: bool = True
    relative: bool = False
    degrees: float = 15
    crop: float = 0.2
    light: float = 0
    decay: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.steps <= MAX_STEPS:
            raise SettingsError(f"The number of steps is {self.steps}; choose 0 to {MAX_STEPS}.")


DEFAULT = Preset("default", "adamw", 2e-3, 40, batch=16, relative=True, light=0.2, decay=True)
PAPER = Preset("paper", "sgd", 1e-2, 50)
FULL = Preset("full", "sgd", 1e-4, 50, lora=False)
CALIBRATE = Preset("calibrate", "adamw", 2e-3, 0, relative=True)
PRESETS = {preset.name: preset for preset in (DEFAULT, PAPER, FULL, CALIBRATE)}


def find_preset(name: str, steps: int | None = None) -> Preset:
    """A preset by its name, with another number of steps if wanted.

    Raises:
        SettingsError: there is none, or the number of steps is out of range.
    """
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name!r}; choose {', '.join(PRESETS)}.")
    return PRESETS[name] if steps is None else replace(PRESETS[name], steps=steps)


def never() -> bool:
    """Nothing is asked to end early."""
    return False


def fine_tune(
    model: MaskedAutoencoder,
    shots: Iterable[RGBImage],
    preset: Preset = DEFAULT,
    settings: Settings | None = None,
    enough: Callable[[], bool] = never,
    region: Region | None = None,
) -> Generator[Progress, None, Adapter]:
    """Fine-tune on photos of good parts, then measure on them what error is normal.

    Args:
        model: from `load_model`; it is not changed.
        shots: one to eight photos, uint8 (H, W, 3); taken one at a time.
        preset: how.
        settings: of the detections to come, which the calibration depends on; the seed is also that of the factors,
            the crops and the masks.
        enough: asked after each step; once it is true the rest is left out, and what was learned is kept.
        region: what does not count in the normal error.

    Returns:
        The adapter, when the generator ends.

    Raises:
        SettingsError: there are not one to eight shots.
    """
    settings = settings or Settings()
    photos, appearances = _read(shots, math.ceil(model.config.image_size / (1 - preset.crop)))
    factors: Factors = {}
    weights: dict[str, Tensor] = {}
    losses: tuple[float, ...] = ()
    if preset.steps:
        learner = _learner(model, preset, settings.seed)
        for step in _steps(learner, model.dtype, photos, preset, settings):
            losses = step.losses
            yield Progress("Learning what is normal", step.step / step.steps, step)
            if enough():
                break
        factors = {name: (a.half(), b.half()) for name, (a, b) in factors_of(learner).items()}
        weights = {} if preset.lora else {k: v.detach().cpu().half() for k, v in learner.state_dict().items()}
    adapted = adapted_model(model, factors, weights)
    calibration = yield from _calibrate(adapted, photos, preset, settings, region)
    return Adapter(
        factors=factors,
        weights=weights,
        calibration=calibration,
        shots=len(photos),
        appearances=appearances,
        doubts=_doubts(model, photos, appearances, calibration, settings),
        settings=settings,
        base=model.info.name,
        base_sha256=model.info.sha256,
        preset=preset.name,
        steps=len(losses),
        seed=settings.seed,
        losses=losses,
    )


def _read(shots: Iterable[RGBImage], side: int) -> tuple[list[RGBImage], tuple[tuple[float, ...], ...]]:
    """The shots at `side` x `side`, and their appearances."""
    photos, appearances = [], []
    for shot in shots:
        photos.append(resize(shot, side, side))
        appearances.append(appearance(shot))
        if len(photos) > MAX_SHOTS:
            raise SettingsError(f"More than {MAX_SHOTS} photos of good parts were given; give 1 to {MAX_SHOTS}.")
    if not photos:
        raise SettingsError(f"No photos of good parts were given; give 1 to {MAX_SHOTS}.")
    return photos, tuple(appearances)


def _learner(model: MaskedAutoencoder, preset: Preset, seed: int) -> MaskedAutoencoder:
    """A model that can be trained beside `model`."""
    return add_lora(model, seed=seed) if preset.lora else copy.deepcopy(model).float().requires_grad_(True)


def _steps(
    learner: MaskedAutoencoder, dtype: torch.dtype, photos: Sequence[RGBImage], preset: Preset, settings: Settings
) -> Iterator[Step]:
    """Train, step by step."""
    optimizer = _optimizer(learner, preset)
    rng = np.random.default_rng([settings.seed, 0])
    device = learner.device
    losses: list[float] = []
    start = time.perf_counter()
    for step in range(preset.steps):
        images, masks = _batch(learner, photos, preset, settings.mask_ratio, rng, step)
        if preset.decay:
            optimizer.param_groups[0]["lr"] = preset.rate * (1 - step / preset.steps)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = (learner(images, masks).float() - learner.patchify(images)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        left = (time.perf_counter() - start) / len(losses) * (preset.steps - len(losses))
        yield Step(len(losses), preset.steps, tuple(losses), left)


def _optimizer(learner: MaskedAutoencoder, preset: Preset) -> torch.optim.Optimizer:
    learning = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if preset.optimizer == "sgd":
        return torch.optim.SGD(learning, lr=preset.rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    return torch.optim.AdamW(learning, lr=preset.rate, weight_decay=WEIGHT_DECAY)


def _batch(
    learner: MaskedAutoencoder,
    photos: Sequence[RGBImage],
    preset: Preset,
    ratio: float,
    rng: np.random.Generator,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Crops (batch, 3, S, S), normalised, of the shots in turn, and a mask (batch, L) for each."""
    config = learner.config
    size = (config.image_size, config.image_size)
    crops = [
        relit(varied(photos[i % len(photos)], size, rng, preset.degrees, preset.crop), rng, preset.light)
        for i in range(step * preset.batch, (step + 1) * preset.batch)
    ]
    images = normalise(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(learner.device).float() / 255)
    masks = mask_from_noise(torch.from_numpy(rng.random((preset.batch, config.num_patches))), ratio)
    return images, masks.to(learner.device)


def _calibrate(
    adapted: MaskedAutoencoder,
    photos: Sequence[RGBImage],
    preset: Preset,
    settings: Settings,
    region: Region | None,
) -> Generator[Progress, None, Calibration]:
    copies = max(2, COPIES // len(photos))
    errors = []
    for both in normal_errors(adapted, photos, copies, settings):
        errors.append(both)
        yield Progress("Measuring what is normal", len(errors) / (copies * len(photos)))
    shaped = np.stack(errors).reshape(len(photos), copies, *errors[0].shape)
    ignored = [scaled(region.over(photo), *shaped.shape[-2:]) for photo in photos] if region else []
    return Calibration.of(shaped, settings.masks, preset.relative, np.all(ignored, axis=0) if ignored else None)


def normal_errors(
    model: MaskedAutoencoder, shots: Sequence[RGBImage], copies: int, settings: Settings
) -> Iterator[FloatMap]:
    """The squared and the perceptual error (2, S, S) of `model` on copies of each shot.

    No copy has the very pixels, nor the masks, that an adapter has learned from.

    Args:
        model: the model that will judge; adapted or not.
        shots: photos of good parts, uint8 (H, W, 3).
        copies: of each shot.
        settings: as they will be for the queries; only the seed changes from copy to copy.
    """
    rng = np.random.default_rng([settings.seed, 1])
    for shot in shots:
        for seed in range(settings.seed + 1, settings.seed + 1 + copies):
            copied = copy_of(shot, (model.config.image_size,) * 2, rng)
            sums = Sums(model, copied, replace(settings, seed=seed, tile="off"), perceptual=True)
            for count in micro_batches(settings.masks):
                sums.add(count)
            (both,) = sums.mean_errors()
            yield both


def _doubts(
    model: MaskedAutoencoder,
    photos: Sequence[RGBImage],
    appearances: Sequence[Sequence[float]],
    calibration: Calibration,
    settings: Settings,
) -> tuple[str, ...]:
    """What is doubtful of the shots; a few are judged zero-shot, since the others tell too little of each."""
    few = photos if len(photos) < JUDGED_BY_OTHERS else []
    zero_shot = [detect(model, photo, replace(settings, tile="off")) for photo in few]
    alone = [result.image_score / result.threshold.value for result in zero_shot]
    good = Reading(calibration).good
    assert good
    judged = good.left_out.max(axis=(1, 2)).reshape(len(photos), -1).mean(axis=1)
    return doubts_of_shots(appearances, judged.tolist(), alone)
