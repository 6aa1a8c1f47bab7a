"""The adapter: what was learned from good parts as a value, saved, loaded and applied; the model stays as it is."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.detection.calibration import SCALES, Calibration
from maeday_core.detection.reconstruction import Settings
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.doubts import APPEARANCE
from maeday_core.fewshot.lora import RANK, Factors, merge, weight_matrices
from maeday_core.model.mae import MaskedAutoencoder


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
        adapted = adapted_model(model, self.factors, self.weights)
        count = self.calibration.shots
        facts = f"{self.preset}, {count} shot{'s' * (count > 1)}, {self.steps} steps, seed {self.seed}"
        adapted.info = replace(model.info, metadata={**model.info.metadata, "adapter": facts})
        return adapted

    def _fits(self, model: MaskedAutoencoder) -> bool:
        matrices = {name: layer.weight.flatten(1).shape for name, layer in weight_matrices(model)}
        state = {name: value.shape for name, value in model.state_dict().items()}
        maps = (len(SCALES) + 1, model.config.image_size, model.config.image_size)
        return (
            all(
                a.ndim == b.ndim == 2 and len(a) == b.shape[1] and (len(b), a.shape[1]) == matrices.get(name)
                for name, (a, b) in self.factors.items()
            )
            and (not self.weights or {name: value.shape for name, value in self.weights.items()} == state)
            and self.calibration.mean.shape == self.calibration.deviation.shape == maps
            and all(len(values) == APPEARANCE for values in self.appearances)
            and bool(self.appearances and self.calibration.scores and self.calibration.colour_scores)
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
            "colour_scores": self.calibration.colour_scores,
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
        scores, colour_scores = (tuple(map(float, facts[name])) for name in ("scores", "colour_scores"))
        shots, relative = int(facts["shots"]), bool(facts["relative"])
        return Adapter(
            factors=factors,
            weights=weights,
            calibration=Calibration(mean, deviation, scores, colour_scores, shots, settings.masks, relative),
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


def adapted_model(model: MaskedAutoencoder, factors: Factors, weights: dict[str, Tensor]) -> MaskedAutoencoder:
    """A copy of a model with LoRA's factors merged into its weights, or with other weights."""
    adapted = merge(model, factors)
    if weights:
        state = {name: value.to(model.device, model.dtype) for name, value in weights.items()}
        adapted.load_state_dict(state, assign=True)
        adapted.requires_grad_(False)
    return adapted
