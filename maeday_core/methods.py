"""The methods by name: what each learns from good parts, and the function that judges a query with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from maeday_core.adaptation import Adapter, FineTuning, Step, load_adapter
from maeday_core.detector import Detection, Settings, stream
from maeday_core.embeddings import LITE0, WRN50, Backbone, load_backbone
from maeday_core.ensemble import add, add_banks
from maeday_core.errors import SettingsError
from maeday_core.hub import HUB_MODELS
from maeday_core.images import RGBImage, resize
from maeday_core.model import MaskedAutoencoder
from maeday_core.patchcore import MemoryBank, build_bank, load_bank, patchcore
from maeday_core.self_reference import self_reference

NAMES = {
    "maeday": "MAEDAY",
    "self": "Self-reference",
    "patchcore": "PatchCore",
    "ensemble": "Ensemble",
    "2xpatchcore": "2 x PatchCore",
}
METHODS = tuple(NAMES)
RECONSTRUCTS = ("maeday", "ensemble")
NEEDS_SHOTS = ("patchcore", "2xpatchcore")
NO_SHOTS = "Self-reference uses no photos of good parts: leave them out, or choose another method."

Detect = Callable[[RGBImage], Iterator[Detection]]
"""Judges a query: yields partial results if there are any, and the whole one last."""


@dataclass(frozen=True)
class Reference:
    """What is known about good parts: an adapter for the reconstruction, memory banks for the embeddings, or both."""

    adapter: Adapter | None = None
    banks: tuple[MemoryBank, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of it as one safetensors file; `load_reference` reads it. Of two banks the first is kept."""
        tensors: dict[str, Tensor] = {}
        header = {"format": "pt"}
        if self.adapter:
            tensors |= self.adapter.tensors()
            header["maeday_adapter"] = json.dumps(self.adapter.facts())
        if self.banks:
            tensors |= self.banks[0].tensors()
            header["maeday_bank"] = json.dumps(self.banks[0].facts())
        safetensors.torch.save_file(tensors, path, header)
        os.chmod(path, 0o644)


def load_reference(path: str | os.PathLike[str]) -> Reference:
    """Read a file of `Reference.save`, `Adapter.save` or `MemoryBank.save`.

    Raises:
        WeightsError: it cannot be read, or holds nothing of this program.
    """
    path = Path(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (safetensors.SafetensorError, OSError):
        header = {}
    bank = (load_bank(path),) if "maeday_bank" in header else ()
    return Reference(load_adapter(path) if "maeday_adapter" in header or not bank else None, bank)


def default_backbone(model: str) -> str:
    """The backbone that goes with a model: the paper's with the Hub's models, one from a package with all others."""
    return WRN50 if model in HUB_MODELS else LITE0


def learn(
    method: str,
    model: MaskedAutoencoder | None,
    backbone: str,
    shots: Iterable[RGBImage],
    preset: str = "default",
    seed: int = 0,
    steps: int | None = None,
    settings: Settings | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Reference:
    """What a method learns from photos of good parts.

    Args:
        method: one of `METHODS`.
        model: from `load_model`; None where the method does not reconstruct.
        backbone: the name of one; loaded where the method compares embeddings.
        shots: uint8 (H, W, 3), one to eight; for PatchCore alone any number. Taken one at a time.
        preset, seed, steps, settings: of the fine-tuning; the seed is also the coreset's.
        on_step: receives each step of the fine-tuning.
    """
    if method == "self":
        raise SettingsError(NO_SHOTS)
    network = None if method == "maeday" else load_backbone(backbone)  # first: what may fail at once
    adapter = None
    if method in RECONSTRUCTS:
        assert model
        small: list[RGBImage] = []
        side = network.side if network else 1
        tuning = FineTuning(model, keeping(shots, small, side), preset, seed, steps, settings)
        for step in tuning:
            on_step(step)
        adapter, shots = tuning.finish(), small
    if not network:
        return Reference(adapter)
    if method == "2xpatchcore":
        shots = [resize(shot, network.side, network.side) for shot in shots]
        return Reference(None, (build_bank(network, shots, seed), build_bank(network, shots, seed + 1)))
    return Reference(adapter, (build_bank(network, shots, seed),))


def keeping(shots: Iterable[RGBImage], small: list[RGBImage], side: int) -> Iterator[RGBImage]:
    """Hand on shots one at a time, keeping each of them at `side` x `side` for a memory bank."""
    for shot in shots:
        small.append(resize(shot, side, side))
        yield shot


def detector(
    method: str,
    model: MaskedAutoencoder | None,
    backbone: str,
    settings: Settings | None = None,
    reference: Reference | None = None,
    *,
    raw_sum: bool = False,
    partial: bool = False,
) -> Detect:
    """The function that judges a query by a method, zero-shot or with what `learn` gave.

    Args:
        raw_sum: let the ensemble add the maps as they are; of MAEDAY alone, give the map that it would add.
        partial: yield partial results, too.

    Raises:
        SettingsError: the method needs good parts and has none, or they were learned for other settings.
        WeightsError: they belong to another model.
    """
    settings, reference = settings or Settings(), reference or Reference()
    adapter, banks = reference.adapter, reference.banks
    if method == "self" and (adapter or banks):
        raise SettingsError(NO_SHOTS)
    if method == "2xpatchcore" and len(banks) == 1:
        raise SettingsError("2xpatchcore compares with two memory banks, of which a file keeps one: give the photos.")
    if method in NEEDS_SHOTS and not banks:
        raise SettingsError(
            f"The method {method} compares with good parts and has none: give photos of them, or choose self, which "
            "needs none."
        )
    if method == "ensemble" and bool(adapter) != bool(banks):
        lacks = "memory bank" if adapter else "adapter"
        raise SettingsError(f"What was saved of the good parts has no {lacks}: fine-tune again for the ensemble.")
    if method == "maeday" and banks and not adapter:
        raise SettingsError("What was saved of the good parts has no adapter: fine-tune again, or choose patchcore.")
    reconstructing = model
    if method in RECONSTRUCTS and adapter:
        assert model
        reconstructing = adapter.apply(model, settings)
    calibration = adapter.calibration if adapter and not raw_sum else None
    network: Backbone | None = None
    if method != "maeday":
        network = load_backbone(banks[0].backbone if banks and method != "self" else backbone)

    def embed(query: RGBImage) -> Detection:
        assert network
        if method == "2xpatchcore":
            return add_banks((patchcore(network, banks[0], query), patchcore(network, banks[1], query)))
        return (
            patchcore(network, banks[0], query)
            if banks and method != "self"
            else self_reference(network, query, settings.seed)
        )

    def judge(query: RGBImage) -> Iterator[Detection]:
        if method not in RECONSTRUCTS:
            yield embed(query)
            return
        assert reconstructing
        embedding = embed(query) if method == "ensemble" else None
        for result in stream(reconstructing, query, settings, calibration, partial=partial):
            yield add(result, embedding, raw_sum) if embedding else result

    return judge
