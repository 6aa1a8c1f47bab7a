"""The methods by name: what each learns from good parts, and the function that judges a query with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from maeday_core.detection.reconstruction import Detection, Settings
from maeday_core.detection.windows import sample_windows, stream, tiling
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import Adapter, load_adapter
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, FineTuning, Step
from maeday_core.io.images import RGBImage
from maeday_core.methods.ensemble import add, add_banks
from maeday_core.methods.patchcore import MemoryBank, build_bank, load_bank, looked_at, patchcore
from maeday_core.methods.self_reference import self_reference
from maeday_core.model.backbone import LITE0, SIDE, WRN50, Backbone, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.mae import MaskedAutoencoder

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

    @property
    def tile(self) -> str:
        """How a query must be looked at, `on` or `off`, for it was so that the good parts were; else `auto`."""
        if self.adapter:
            return self.adapter.settings.tile
        return "auto" if not self.banks else "on" if self.banks[0].tiled else "off"

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
        preset, seed, steps, settings: of the fine-tuning; the seed is also the coreset's. By `settings.tile` the shots
            are seen whole or through windows, for `auto` by the size of the first.
        on_step: receives each step of the fine-tuning.
    """
    if method == "self":
        raise SettingsError(NO_SHOTS)
    network = None if method == "maeday" else load_backbone(backbone)  # first: what may fail at once
    settings, shots = resolved(settings or Settings(), shots)
    tiled = settings.tile == "on"
    adapter = None
    if method in RECONSTRUCTS:
        assert model
        small: list[RGBImage] = []
        seen = keeping(shots, small, network.side if network else 1, tiled)
        tuning = FineTuning(model, close_up(model, seen, settings), preset, seed, steps, settings)
        for step in tuning:
            on_step(step)
        adapter, shots = tuning.finish(), small
    if not network:
        return Reference(adapter)
    if method == "2xpatchcore":
        shots = [looked_at(shot, network.side, tiled) for shot in shots]
        return Reference(None, tuple(build_bank(network, shots, one, tiled=tiled) for one in (seed, seed + 1)))
    return Reference(adapter, (build_bank(network, shots, seed, tiled=tiled),))


def resolved(settings: Settings, shots: Iterable[RGBImage]) -> tuple[Settings, Iterator[RGBImage]]:
    """Settings whose `tile` is `on` or `off`, by the size of the first shot; and the shots, none lost."""
    shots = iter(shots)
    first = next(shots, None)
    if first is None:
        return settings, shots
    tiles = tiling(first.shape, settings.tile, SIDE)
    return replace(settings, tile="on" if tiles else "off"), chain([first], shots)


def close_up(model: MaskedAutoencoder, shots: Iterable[RGBImage], settings: Settings) -> Iterable[RGBImage]:
    """What to fine-tune on: the shots, or, where windows slide over the queries, as many windows as shots may be."""
    if settings.tile == "off":
        return shots
    photos = list(islice(shots, MAX_SHOTS + 1))
    if not photos or len(photos) > MAX_SHOTS:
        return photos
    return sample_windows(photos, model.config.image_size, MAX_SHOTS, settings.seed)


def keeping(shots: Iterable[RGBImage], small: list[RGBImage], side: int, tiled: bool) -> Iterator[RGBImage]:
    """Hand on shots one at a time, keeping each of them as a memory bank looks at it."""
    for shot in shots:
        small.append(looked_at(shot, side, tiled))
        yield shot


def detector(
    method: str,
    model: MaskedAutoencoder | None,
    backbone: str,
    settings: Settings | None = None,
    reference: Reference | None = None,
    *,
    raw_sum: bool = False,
    added: bool = False,
    partial: bool = False,
) -> Detect:
    """The function that judges a query by a method, zero-shot or with what `learn` gave.

    Args:
        raw_sum: let the ensemble add the maps as they are.
        added: of MAEDAY, give the map that the ensemble adds.
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
    if reference.tile not in ("auto", settings.tile):
        if settings.tile != "auto":
            seen = "through windows" if reference.tile == "on" else "whole"
            raise SettingsError(f"The good parts were looked at {seen}: detect with tile {reference.tile}, or auto.")
        settings = replace(settings, tile=reference.tile)
    reconstructing = model
    if method in RECONSTRUCTS and adapter:
        assert model
        reconstructing = adapter.apply(model, settings)
    added = added or method == "ensemble"
    calibration = adapter.calibration if adapter and not (added and raw_sum) else None
    if calibration and added:
        calibration = calibration.of_colour()
    network: Backbone | None = None
    if method != "maeday":
        network = load_backbone(banks[0].backbone if banks and method != "self" else backbone)

    def embed(query: RGBImage) -> Detection:
        assert network
        if method == "2xpatchcore":
            return add_banks((patchcore(network, banks[0], query), patchcore(network, banks[1], query)))
        if banks and method != "self":
            return patchcore(network, banks[0], query)
        tiled = tiling(query.shape, settings.tile, SIDE) is not None
        return self_reference(network, query, settings.seed, tiled)

    def judge(query: RGBImage) -> Iterator[Detection]:
        if method not in RECONSTRUCTS:
            yield embed(query)
            return
        assert reconstructing
        embedding = embed(query) if method == "ensemble" else None
        for result in stream(reconstructing, query, settings, calibration, partial=partial):
            yield add(result, embedding, raw_sum) if embedding else result

    return judge
