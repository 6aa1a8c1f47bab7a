"""Arguments that several commands have, and what they stand for."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from maeday_core.detection.settings import Settings

if TYPE_CHECKING:
    from maeday_core.detection.region import Region
    from maeday_core.methods import Tools

SETTINGS = {
    "masks": ("N", "masks an image (the paper: 32)"),
    "mask_ratio": ("SHARE", "of the patches that a mask hides (the paper: 0.75)"),
    "seed": ("SEED", "of the masks, the fine-tuning and the coresets"),
    "sampling": (None, "each mask by itself, as in the paper, or so that all patches are shown equally often"),
    "patches": (None, "which are compared; the paper: all"),
    "error_space": (None, "how the error is measured"),
    "tile": (None, "see a picture through overlapping windows at its own detail; auto: where it is large or long"),
    "alarm_rate": ("SHARE", "of good pictures that may be called anomalous; it decides the threshold"),
}
"""Placeholder and help of each setting."""


def add_settings(parser: ArgumentParser, without: Collection[str] = (), **defaults: Any) -> None:
    """Add a flag for each field of `Settings`.

    Args:
        parser: of the command.
        without: fields that the command asks for in another way.
        **defaults: where they differ from those of `Settings`.
    """
    hints = get_type_hints(Settings)
    for one in fields(Settings):
        if one.name in without:
            continue
        metavar, explained = SETTINGS[one.name]
        choices = get_args(hints[one.name])
        default = defaults.get(one.name, one.default)
        parser.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=str if choices else hints[one.name],
            choices=choices or None,
            default=default,
            metavar=metavar,
            help=f"{explained}; by default {default}",
        )


def settings_of(options: Namespace, **others: Any) -> Settings:
    """The settings that were given.

    Args:
        options: of the command.
        **others: fields that the command asked for in another way.
    """
    given = {one.name: getattr(options, one.name) for one in fields(Settings) if one.name not in others}
    return Settings(**given, **others)


class Choices:
    """Values to choose from that are found only when they are needed: to check one that was given, and for help."""

    def __init__(self, find: Callable[[], Collection[Any]]):
        self._find = find

    def __iter__(self) -> Iterator[Any]:
        return iter(self._find())

    def __contains__(self, value: object) -> bool:
        return value in self._find()


def _methods() -> Collection[str]:
    from maeday_core.methods import METHODS

    return METHODS


def _presets() -> Collection[str]:
    from maeday_core.fewshot.fine_tuning import PRESETS

    return PRESETS


def add_method(parser: ArgumentParser, default: str = "maeday", several: bool = False) -> None:
    """Add `--method`, and what a method uses: `--model`, `--backbone` and `--preset`."""
    many: dict[str, Any] = {"nargs": "+", "default": [default]} if several else {"default": default}
    parser.add_argument(
        "--method",
        metavar="METHOD",
        choices=Choices(_methods),
        help=f"how anomalies are found: %(choices)s; by default {default}",
        **many,
    )
    add_model(
        parser, "bundled, base, large, huge, owner/name on the Hub, or a path; by default MAEDAY_MODEL, or bundled"
    )
    parser.add_argument(
        "--backbone", help="network whose embeddings are compared, one of timm's; by default the model's"
    )
    parser.add_argument(
        "--preset",
        metavar="PRESET",
        choices=Choices(_presets),
        default="default",
        help="how to fine-tune: %(choices)s; `paper` as the paper does",
    )


def add_formats(parser: ArgumentParser) -> None:
    """Add `--format`."""
    parser.add_argument(
        "--format",
        nargs="+",
        default=[],
        metavar="FORMAT",
        choices=Choices(_formats),
        help="write the pictures and what was found in them as a data set, too, in DIR/dataset: %(choices)s",
    )


def _formats() -> Collection[str]:
    from maeday_core.annotations import FORMATS

    return FORMATS


def add_model(parser: ArgumentParser, explained: str) -> None:
    """Add `--model`; None where it is not given, which is what the engine takes for its default."""
    parser.add_argument("--model", help=explained)


def tools_of(options: Namespace, settings: Settings, steps: int | None = None, region: Region | None = None) -> Tools:
    """What a method may use, as it was given; the model is loaded when it is first needed."""
    from maeday_core.methods import Tools

    return replace(Tools.of(options.model, settings, options.backbone, options.preset, steps), region=region)
