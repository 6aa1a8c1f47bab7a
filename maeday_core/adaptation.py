"""Few-shot adaptation: fine-tune on one to eight photos of good parts, then look again (Section 3.2)."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.calibration import WEIGHTS, Calibration
from maeday_core.detector import Settings, both_errors, detect
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.images import RGBImage, resize
from maeday_core.lora import RANK, Factors, add_lora, factors_of, merge, weight_matrices
from maeday_core.masks import mask_from_noise
from maeday_core.model import MaskedAutoencoder, normalise
from maeday_core.shots import APPEARANCE, JUDGED_BY_OTHERS, appearance, doubts_of_shots

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


@dataclass(frozen=True)
class Adapter:
    """What was learned from the shots: a value to pass on, save and load. It never changes its base model.

    Attributes:
        factors: LoRA's A and B of each adapted layer, float16, on the CPU.
        weights: with full fine-tuning instead, all weights.
        calibration: the normal error of the shots under the adapted model.
        appearances: of the shots, to tell a query that looks unlike them all.
        doubts: sentences on shots that look unlike the others, or defective.
        settings: the detection settings the calibration holds for; the seed does not matter.
        base, base_sha256: the model it belongs to.
        preset, steps, seed: how it was made.
        losses: of each step.
    """

    factors: Factors = field(repr=False)
    weights: dict[str, Tensor] = field(repr=False)
    calibration: Calibration
    appearances: tuple[tuple[float, ...], ...] = field(repr=False)
    doubts: tuple[str, ...]
    settings: Settings
    base: str
    base_sha256: str
    preset: str
    steps: int
    seed: int
    losses: tuple[float, ...] = field(repr=False)

    def apply(self, model: MaskedAutoencoder, settings: Settings | None = None) -> MaskedAutoencoder:
        """A new model, adapted; `model` stays as it is.

        Args:
            settings: of the detection to come, to be checked against those of the calibration.

        Raises:
            WeightsError: it was made for another model.
            SettingsError: it was calibrated for other settings than these.
        """
        if model.info.sha256 != self.base_sha256:
            raise WeightsError(
                f"This adapter belongs to the model {self.base} ({self.base_sha256[:12]}), not to {model.info.name} "
                f"({model.info.sha256[:12]}); choose that model, or fine-tune again with this one."
            )
        for name in ("mask_ratio", "patches", "error_space"):
            ours, theirs = getattr(self.settings, name), getattr(settings or self.settings, name)
            if ours != theirs:
                raise SettingsError(
                    f"This adapter knows the normal error for {name} {ours}, not {theirs}; detect with {ours}, or "
                    "fine-tune again."
                )
        if not self._fits(model):
            raise WeightsError("The adapter is damaged: its numbers do not fit its model; fine-tune again.")
        adapted = _adapted(model, self.factors, self.weights)
        count = self.calibration.shots
        facts = f"{self.preset}, {count} shot{'s' * (count > 1)}, {self.steps} steps, seed {self.seed}"
        adapted.info = replace(model.info, metadata={**model.info.metadata, "adapter": facts})
        return adapted

    def _fits(self, model: MaskedAutoencoder) -> bool:
        matrices = {name: layer.weight.flatten(1).shape for name, layer in weight_matrices(model)}
        state = {name: value.shape for name, value in model.state_dict().items()}
        maps = (len(WEIGHTS), model.config.image_size, model.config.image_size)
        return (
            all(
                a.ndim == b.ndim == 2 and len(a) == b.shape[1] and (len(b), a.shape[1]) == matrices.get(name)
                for name, (a, b) in self.factors.items()
            )
            and (not self.weights or {name: value.shape for name, value in self.weights.items()} == state)
            and self.calibration.mean.shape == self.calibration.deviation.shape == maps
            and all(len(values) == APPEARANCE for values in self.appearances)
            and bool(self.appearances and self.calibration.scores)
        )

    def tensors(self) -> dict[str, Tensor]:
        """What to write into a safetensors file, in float16; `facts` is the rest."""
        tensors = {
            f"calibration.{name}": torch.from_numpy(getattr(self.calibration, name)) for name in ("mean", "deviation")
        }
        for name, (a, b) in self.factors.items():
            tensors |= {f"{name}.lora_a": a, f"{name}.lora_b": b}
        return tensors | {f"weights.{name}": value for name, value in self.weights.items()}

    def facts(self) -> dict[str, Any]:
        """What to write into the header of the file, as JSON."""
        return {
            "base": self.base,
            "base_sha256": self.base_sha256,
            "preset": self.preset,
            "steps": self.steps,
            "seed": self.seed,
            "shots": self.calibration.shots,
            "rank": RANK,
            "relative": self.calibration.relative,
            "appearances": self.appearances,
            "doubts": self.doubts,
            "settings": asdict(self.settings),
            "scores": self.calibration.scores,
            "losses": self.losses,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as safetensors; `load_adapter` reads it."""
        safetensors.torch.save_file(self.tensors(), path, {"format": "pt", "maeday_adapter": json.dumps(self.facts())})
        os.chmod(path, 0o644)


def load_adapter(path: str | os.PathLike[str]) -> Adapter:
    """Read a file that `Adapter.save` wrote, or one that holds an adapter beside a memory bank.

    Raises:
        WeightsError: it cannot be read, or is no adapter.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["maeday_adapter"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        weights = {k.removeprefix("weights."): v for k, v in tensors.items() if k.startswith("weights.")}
        names = [k.removesuffix(".lora_a") for k in tensors if k.endswith(".lora_a")]
        factors = {name: (tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]) for name in names}
        mean, deviation = (tensors[f"calibration.{name}"].numpy() for name in ("mean", "deviation"))
        settings = Settings(**facts["settings"])
        scores, relative = tuple(map(float, facts["scores"])), bool(facts["relative"])
        return Adapter(
            factors=factors,
            weights=weights,
            calibration=Calibration(mean, deviation, scores, int(facts["shots"]), settings.masks, relative),
            appearances=tuple(tuple(map(float, values)) for values in facts["appearances"]),
            doubts=tuple(map(str, facts["doubts"])),
            settings=settings,
            base=str(facts["base"]),
            base_sha256=str(facts["base_sha256"]),
            preset=str(facts["preset"]),
            steps=int(facts["steps"]),
            seed=int(facts["seed"]),
            losses=tuple(map(float, facts["losses"])),
        )
    except OSError as error:
        raise WeightsError(f"The adapter {path.name} cannot be read; check the name and its permissions.") from error
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} is no adapter of this program, or is damaged; fine-tune again and save a new one."
        ) from error


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
        adapted = _adapted(self.model, factors, weights)
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


def _adapted(model: MaskedAutoencoder, factors: Factors, weights: dict[str, Tensor]) -> MaskedAutoencoder:
    adapted = merge(model, factors)
    if weights:
        state = {name: value.to(model.device, model.dtype) for name, value in weights.items()}
        adapted.load_state_dict(state, assign=True)
        adapted.requires_grad_(False)
    return adapted
