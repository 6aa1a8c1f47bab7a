"""The adapter: what fine-tuning learned from good parts, as a value; it is applied to a model and never changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maeday_core.detection.calibration import GRID, NORMAL, Calibration
from maeday_core.detection.settings import Settings
from maeday_core.detection.windows import Seen
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.doubts import APPEARANCE, doubt_of_query
from maeday_core.fewshot.facts import flag, items, number, tensor, text, whole
from maeday_core.fewshot.lora import RANK, Factors, merge, weight_matrices
from maeday_core.io.images import RGBImage
from maeday_core.model.mae import MaskedAutoencoder

MAX_STEPS = 2000
MANY = 64
"""More shots, windows of them, or doubts than fine-tuning can have."""
LEAST_DEVIATION = NORMAL.least / 2
"""A deviation is never so small: errors are divided by it."""
CALIBRATED = ("mask_ratio", "patches", "error_space")
"""The settings that the normal error depends on, and that a query must share."""


@dataclass(frozen=True)
class Adapter:
    """What was learned from the shots.

    Attributes:
        factors: LoRA's A and B of each adapted layer, float16, on the CPU; none after no steps.
        weights: with full fine-tuning instead, all weights.
        calibration: the normal error of the shots, or of windows cut from them, under the adapted model.
        shots: how many photos of good parts there were.
        appearances: of the shots, to tell a query that looks unlike them all.
        doubts: sentences on shots that look unlike the others, or defective.
        settings: the detection settings that the calibration holds for; the seed does not matter.
        base, base_sha256: the model it belongs to.
        preset, steps, seed: how it was made.
        losses: of each step.
    """

    factors: Factors = field(repr=False)
    weights: dict[str, Tensor] = field(repr=False)
    calibration: Calibration
    shots: int
    appearances: tuple[tuple[float, ...], ...] = field(repr=False)
    doubts: tuple[str, ...]
    settings: Settings
    base: str
    base_sha256: str
    preset: str
    steps: int
    seed: int
    losses: tuple[float, ...] = field(repr=False)

    @property
    def tile(self) -> Seen:
        return "on" if self.settings.tile == "on" else "off"

    @property
    def photos(self) -> int:
        """How many of the shots are different; a photo given several times tells no more than once."""
        return len(set(self.appearances))

    @property
    def recipe(self) -> str:
        """How it was made, for the record of a result."""
        return f"{self.preset}, {self.shots} shot{'s' * (self.shots > 1)}, {self.steps} steps, seed {self.seed}"

    @property
    def summary(self) -> str:
        return f"{self.steps} steps on the model {self.base}"

    def doubt_of(self, query: RGBImage) -> str | None:
        return doubt_of_query(query, self.appearances)

    def describe(self) -> dict[str, Any]:
        loss = self.losses[-1] if self.losses else None
        return {
            "model": self.base,
            "preset": self.preset,
            "steps": self.steps,
            "loss": loss,
            "shots": self.shots,
        }

    def apply(self, model: MaskedAutoencoder, settings: Settings | None = None) -> MaskedAutoencoder:
        """A new model, adapted; `model` stays as it is.

        Args:
            model: the one that it was made for.
            settings: of the detection to come, to be checked against those of the calibration.

        Raises:
            WeightsError: it was made for another model, or is damaged.
            SettingsError: it was calibrated for other settings than these.
        """
        if model.info.sha256 != self.base_sha256:
            raise WeightsError(
                f"This adapter belongs to the model {self.base} ({self.base_sha256[:12]}), not to {model.info.name} "
                f"({model.info.sha256[:12]}); choose that model, or fine-tune again with this one."
            )
        for name in CALIBRATED:
            ours, theirs = getattr(self.settings, name), getattr(settings or self.settings, name)
            if ours != theirs:
                raise SettingsError(
                    f"This adapter knows the normal error for {name} {ours}, not {theirs}; detect with {ours}, or "
                    "fine-tune again."
                )
        if not self._fits(model):
            raise WeightsError("The adapter is damaged: its numbers do not fit its model; fine-tune again.")
        return adapted_model(model, self.factors, self.weights)

    def _fits(self, model: MaskedAutoencoder) -> bool:
        matrices = {name: layer.weight.flatten(1).shape for name, layer in weight_matrices(model)}
        state = {name: value.shape for name, value in model.state_dict().items()}
        maps = (len(NORMAL.scales) + 1, model.config.image_size, model.config.image_size)
        return (
            all(
                a.ndim == b.ndim == 2 and len(a) == b.shape[1] and (len(b), a.shape[1]) == matrices.get(name)
                for name, (a, b) in self.factors.items()
            )
            and (self.weights or not self.steps or self.factors.keys() == matrices.keys())
            and (not self.weights or {name: value.shape for name, value in self.weights.items()} == state)
            and self.calibration.mean.shape == self.calibration.deviation.shape == maps
            and all(len(values) == APPEARANCE for values in self.appearances)
            and self.calibration.judged.ndim == 4
            and self.calibration.judged.shape[1:] == (2, GRID, GRID)
            and bool(self.appearances and len(self.calibration.judged))
            and bool(np.isfinite(self.calibration.judged).all())
        )

    def tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"calibration.{name}": torch.from_numpy(getattr(self.calibration, name))
            for name in ("mean", "deviation", "judged")
        }
        for name, (a, b) in self.factors.items():
            tensors |= {f"{name}.lora_a": a, f"{name}.lora_b": b}
        return tensors | {f"weights.{name}": value for name, value in self.weights.items()}

    def facts(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "base_sha256": self.base_sha256,
            "preset": self.preset,
            "steps": self.steps,
            "seed": self.seed,
            "shots": self.shots,
            "calibrated_on": self.calibration.shots,
            "rank": RANK,
            "relative": self.calibration.relative,
            "appearances": self.appearances,
            "doubts": self.doubts,
            "settings": asdict(self.settings),
            "losses": self.losses,
        }

    @classmethod
    def restore(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Adapter:
        """The adapter that gave these facts and tensors.

        Raises:
            KeyError, TypeError, ValueError: they are not an adapter's.
        """
        settings = Settings(**facts["settings"])
        whole(settings.masks), whole(settings.seed)
        shots, steps = whole(facts["shots"], 1, MANY), whole(facts["steps"], 0, MAX_STEPS)
        losses = [number(loss) for loss in items(facts["losses"], steps, steps)]
        if min(losses, default=1.0) <= 0:
            raise ValueError("no error is zero")
        appearances = [
            tuple(map(number, items(one, APPEARANCE, APPEARANCE))) for one in items(facts["appearances"], shots, shots)
        ]
        weights = {
            name.removeprefix("weights."): tensor(value, *value.shape)
            for name, value in tensors.items()
            if name.startswith("weights.")
        }
        factors = _factors(tensors)
        if steps and not factors and not weights:
            raise ValueError("nothing was learned")
        return cls(
            factors=factors,
            weights=weights,
            calibration=_calibration(facts, tensors, settings.masks),
            shots=shots,
            appearances=tuple(appearances),
            doubts=tuple(map(text, items(facts["doubts"], 0, MANY))),
            settings=settings,
            base=text(facts["base"]),
            base_sha256=text(facts["base_sha256"]),
            preset=text(facts["preset"]),
            steps=steps,
            seed=whole(facts["seed"]),
            losses=tuple(losses),
        )


def _factors(tensors: Mapping[str, Tensor]) -> Factors:
    """LoRA's factors by layer, each with its other half."""
    names = {name.rpartition(".")[0] for name in tensors if name.endswith((".lora_a", ".lora_b"))}
    factors = {name: (tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]) for name in names}
    for a, b in factors.values():
        tensor(b, None, tensor(a, None, None).shape[0])
    return factors


def _calibration(facts: Mapping[str, Any], tensors: Mapping[str, Tensor], masks: int) -> Calibration:
    layers, side = len(NORMAL.scales) + 1, tensors["calibration.mean"].shape[-1]
    judged = tensor(tensors["calibration.judged"], None, 2, GRID, GRID, least=0)
    if not 1 <= len(judged) <= MANY:
        raise ValueError("no maps of good parts, or too many")
    deviation = tensor(tensors["calibration.deviation"], layers, side, side, least=LEAST_DEVIATION)
    return Calibration(
        mean=tensor(tensors["calibration.mean"], layers, side, side).float().numpy(),
        deviation=deviation.float().numpy(),
        judged=judged.float().numpy(),
        shots=whole(facts["calibrated_on"], 1, MANY),
        masks=masks,
        relative=flag(facts["relative"]),
    )


def adapted_model(model: MaskedAutoencoder, factors: Factors, weights: dict[str, Tensor]) -> MaskedAutoencoder:
    """A copy of a model with LoRA's factors merged into its weights, or with other weights."""
    adapted = merge(model, factors)
    if weights:
        state = {name: value.to(model.device, model.dtype) for name, value in weights.items()}
        adapted.load_state_dict(state, assign=True)
        adapted.requires_grad_(False)
    return adapted
