"""What methods work with: the settings, the models and the recipe, shared and loaded when they are first needed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from maeday_core.detection.region import Region
from maeday_core.detection.settings import Settings
from maeday_core.fewshot.fine_tuning import DEFAULT, Preset, find_preset, never
from maeday_core.model.backbone import LITE0, WRN50, Backbone, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import default_model, load_model
from maeday_core.model.mae import MaskedAutoencoder


@dataclass(frozen=True)
class Tools:
    """What a method may use, shared between methods and loaded when it is first needed.

    Attributes:
        settings: of the detections; their seed is also that of what is learned.
        model: gives the masked autoencoder.
        backbone: name of the network that compares patches.
        preset: how to fine-tune.
        partial: yield partial results, too.
        enough: asked while learning; once it is true, what was learned so far is kept.
        region: what is ignored in queries and in good parts; None where all of a picture counts.
    """

    settings: Settings = field(default_factory=Settings)
    model: Callable[[], MaskedAutoencoder] = field(default=functools.cache(load_model))
    backbone: str = LITE0
    preset: Preset = DEFAULT
    partial: bool = False
    enough: Callable[[], bool] = never
    region: Region | None = None

    @classmethod
    def of(
        cls,
        model: MaskedAutoencoder | str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        backbone: str | None = None,
        preset: str = DEFAULT.name,
        steps: int | None = None,
        partial: bool = False,
    ) -> Tools:
        """Tools by their names.

        Args:
            model: a loaded one, or what `load_model` takes.
            settings: by default the paper's.
            backbone: by default the one that goes with the model.
            preset: a name in `PRESETS`.
            steps: of the fine-tuning, by default the preset's.
            partial: as in the attributes.

        Raises:
            SettingsError: there is no such preset.
        """
        loaded = isinstance(model, MaskedAutoencoder)
        name = model.info.name if isinstance(model, MaskedAutoencoder) else os.fspath(model or default_model())
        load: Callable[[], Any] = (lambda: model) if loaded else functools.cache(lambda: load_model(name))
        return cls(
            settings=settings or Settings(),
            model=load,
            backbone=backbone or default_backbone(name),
            preset=find_preset(preset, steps),
            partial=partial,
        )

    def network(self, name: str | None = None) -> Backbone:
        """The network that compares patches, or another one."""
        return load_backbone(name or self.backbone)

    def with_settings(self, **changes: Any) -> Tools:
        """The same with other settings."""
        return replace(self, settings=replace(self.settings, **changes))


def default_backbone(model: str) -> str:
    """The backbone that goes with a model: the paper's with the Hub's models, one from a package with all others."""
    return WRN50 if model in HUB_MODELS else LITE0
