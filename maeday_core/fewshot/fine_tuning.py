"""Few-shot adaptation: fine-tune on one to eight photos of good parts, then look again (Section 3.2)."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from maeday_core.detection.calibration import Calibration
from maeday_core.detection.reconstruction import Settings, both_errors, detect
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import Adapter, adapted_model
from maeday_core.fewshot.doubts import JUDGED_BY_OTHERS, appearance, doubts_of_shots
from maeday_core.fewshot.lora import add_lora, factors_of
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.mae import MaskedAutoencoder, normalise
from maeday_core.model.masks import mask_from_noise

MAX_SHOTS = 8
MAX_STEPS = 2000
COPIES = 8


@dataclass(frozen=True)
class Preset:
    """How to fine-tune.

    Attributes:
        optimizer: `sgd` (momentum 0.9) or `adamw`, both with weight decay 0.05.
        rate: the learning rate.
        steps: iterations.
        batch: crops in each, the shots repeated, every one with its own mask.
        lora: train low-rank factors; else all weights.
        relative: count errors in deviations from what is normal on the shots; else as the paper does.
        degrees, crop: largest turn, and largest share of a side cut away, at random (the paper names no range).
        light: largest change of contrast, as a share, at random; that of colour and brightness follows from it.
        decay: lower the rate linearly to zero; else keep it.
    """

    optimizer: str
    rate: float
    steps: int
    batch: int = 32
    lora: bool = True
    relative: bool = False
    degrees: float = 15
    crop: float = 0.2
    light: float = 0
    decay: bool = False


PRESETS = {
    "default": Preset("adamw", 2e-3, 40, batch=16, relative=True, light=0.2, decay=True),
    "paper": Preset("sgd", 1e-2, 50),
    "full": Preset("sgd", 1e-4, 50, lora=False),
    "calibrate": Preset("adamw", 2e-3, 0, relative=True),
}


@dataclass(frozen=True)
class Step:
    """Progress: `loss` is the mean squared error of the batch over all patches, normalised pixels."""

    step: int
    steps: int
    loss: float
    seconds_left: float


class FineTuning:
    """Fine-tuning as it runs: iterate for progress, stop whenever, then take the adapter.

    Args:
        model: from `load_model`; it is not changed.
        shots: one to eight photos of good parts, uint8 (H, W, 3); taken one at a time.
        preset: a name in `PRESETS`.
        seed: of the factors, the crops and the masks.
        steps: by default the preset's.
        settings: of the detection to come, which the calibration depends on.

    Raises:
        SettingsError: no such preset, or not one to eight shots.
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        shots: Iterable[RGBImage],
        preset: str = "default",
        seed: int = 0,
        steps: int | None = None,
        settings: Settings | None = None,
    ):
        if preset not in PRESETS:
            raise SettingsError(f"There is no preset {preset!r}; choose {', '.join(PRESETS)}.")
        self.model, self.preset, self.seed = model, preset, seed
        self.settings = settings or Settings()
        self.losses: list[float] = []
        p = PRESETS[preset]
        self.steps = p.steps if steps is None else steps
        if not 0 <= self.steps <= MAX_STEPS:
            raise SettingsError(f"The number of steps is {self.steps}; choose 0 to {MAX_STEPS}.")
        side = math.ceil(model.config.image_size / (1 - p.crop))
        self.shots: list[RGBImage] = []
        appearances = []
        for shot in shots:
            self.shots.append(resize(shot, side, side))
            appearances.append(appearance(shot))
            if len(self.shots) > MAX_SHOTS:
                raise SettingsError(f"More than {MAX_SHOTS} photos of good parts were given; give 1 to {MAX_SHOTS}.")
        if not self.shots:
            raise SettingsError(f"No photos of good parts were given; give 1 to {MAX_SHOTS}.")
        self.appearances = tuple(appearances)
        self.learner = add_lora(model, seed=seed) if p.lora else copy.deepcopy(model).float().requires_grad_(True)
        if model.device.type == "cpu":  # there the fused kernel's backward pass takes twice the time
            for block in [*self.learner.blocks, *self.learner.decoder_blocks]:
                block.attn.fused_attn = False

    def __iter__(self) -> Iterator[Step]:
        p = PRESETS[self.preset]
        size, patches = self.model.config.image_size, self.model.config.num_patches
        learning = [parameter for parameter in self.learner.parameters() if parameter.requires_grad]
        optimizer = (
            torch.optim.SGD(learning, lr=p.rate, momentum=0.9, weight_decay=0.05)
            if p.optimizer == "sgd"
            else torch.optim.AdamW(learning, lr=p.rate, weight_decay=0.05)
        )
        rng = np.random.default_rng([self.seed, 0])
        device, dtype = self.model.device, self.model.dtype
        start = time.perf_counter()
        for step in range(len(self.losses), self.steps):
            crops = [
                relit(varied(self.shots[i % len(self.shots)], (size, size), rng, p.degrees, p.crop), rng, p.light)
                for i in range(step * p.batch, (step + 1) * p.batch)
            ]
            images = normalise(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(device).float() / 255)
            masks = mask_from_noise(torch.from_numpy(rng.random((p.batch, patches))), self.settings.mask_ratio)
            masks = masks.to(device)
            if p.decay:
                optimizer.param_groups[0]["lr"] = p.rate * (1 - step / self.steps)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                loss = (self.learner(images, masks).float() - self.learner.patchify(images)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.losses.append(loss.item())
            done = len(self.losses)
            yield Step(done, self.steps, self.losses[-1], (time.perf_counter() - start) / done * (self.steps - done))

    def run(self) -> Adapter:
        """All steps at once."""
        for _ in self:
            pass
        return self.finish()

    def finish(self) -> Adapter:
        """What was learned so far, calibrated on the shots."""
        *_, adapter = self.calibrating()
        assert isinstance(adapter, Adapter)
        return adapter

    def calibrating(self) -> Iterator[float | Adapter]:
        """Like `finish`, in steps that others can run between: yields the share done, and the adapter last."""
        lora, relative = PRESETS[self.preset].lora, PRESETS[self.preset].relative
        factors = {name: (a.half(), b.half()) for name, (a, b) in factors_of(self.learner).items()}
        weights = {} if lora else {k: v.detach().cpu().half() for k, v in self.learner.state_dict().items()}
        adapted = adapted_model(self.model, factors, weights)
        errors = []
        copies = max(2, COPIES // len(self.shots))
        for both in normal_errors(adapted, self.shots, copies, self.settings, self.seed):
            errors.append(both)
            yield len(errors) / (copies * len(self.shots))
        shaped = np.stack(errors).reshape(len(self.shots), copies, *errors[0].shape)
        calibration = Calibration.of(shaped, self.settings.masks, relative)
        few = self.shots if len(self.shots) < JUDGED_BY_OTHERS else []
        zero_shot = [detect(self.model, shot, self.settings) for shot in few]
        alone = [result.image_score / result.first_threshold for result in zero_shot]
        judged = np.reshape(calibration.scores, (len(self.shots), copies)).mean(axis=1)
        yield Adapter(
            factors=factors,
            weights=weights,
            calibration=calibration,
            appearances=self.appearances,
            doubts=doubts_of_shots(self.appearances, judged.tolist(), alone),
            settings=self.settings,
            base=self.model.info.name,
            base_sha256=self.model.info.sha256,
            preset=self.preset,
            steps=len(self.losses),
            seed=self.seed,
            losses=tuple(self.losses),
        )


def normal_errors(
    model: MaskedAutoencoder, shots: Sequence[RGBImage], copies: int, settings: Settings, seed: int
) -> Iterator[np.ndarray]:
    """Both errors (2, S, S) of `model` on copies of each shot, shifted, turned and scaled a little at random.

    No copy has the very pixels, nor the masks, that an adapter has learned from.

    Args:
        model: the model that will judge; adapted or not.
        shots: photos of good parts, uint8 (H, W, 3).
        copies: of each shot.
        settings: as they will be for the queries; only the seed changes from copy to copy.
    """
    rng = np.random.default_rng([seed, 1])
    for shot in shots:
        for copy_seed in range(seed + 1, seed + 1 + copies):
            copy = varied(shot, (model.config.image_size,) * 2, rng, degrees=3, crop=0.05)
            found = detect(model, copy, replace(settings, seed=copy_seed))
            masks = torch.from_numpy(found.masks).flatten(1)
            yield both_errors(found.query, found.error_map, found.reconstructions, masks, model.device)


def varied(shot: RGBImage, size: tuple[int, int], rng: np.random.Generator, degrees: float, crop: float) -> RGBImage:
    """A random crop of a shot, turned at random and brought to `size`, height x width; what lies outside is mirrored.

    Args:
        degrees: the largest turn to either side.
        crop: the largest share of each side that is cut away.
    """
    height, width = shot.shape[:2]
    scale = 1 / (1 - rng.uniform(0, crop))
    rows, columns = size
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-degrees, degrees), scale)
    shift = rng.uniform(-0.5, 0.5, (2, 1)) * (scale - 1) * [[columns], [rows]]
    turn = np.hstack([turn[:, :2] * [columns / width, rows / height], turn[:, 2:] + shift])
    return cv2.warpAffine(shot, turn, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def relit(photo: RGBImage, rng: np.random.Generator, light: float) -> RGBImage:
    """A photo as another light would show it: contrast, colour and brightness changed at random; 0 changes nothing."""
    if not light:
        return photo
    values = photo.astype(np.float32)
    gain = rng.uniform(1 - light, 1 + light) * rng.uniform(1 - light / 4, 1 + light / 4, 3)
    change = rng.uniform(-light, light) * 100
    return np.clip((values - values.mean()) * gain + values.mean() + change, 0, 255).astype(np.uint8)
