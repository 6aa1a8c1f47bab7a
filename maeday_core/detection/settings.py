"""The settings of a detection: what it depends on beside the model and the query."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from maeday_core.detection.decision import ALARM_RATE
from maeday_core.detection.windows import Tile
from maeday_core.errors import SettingsError
from maeday_core.model.sampling import Sampling

MAX_MASKS = 512
MAX_SEED = 2**53 - 1
"""Every program reads it exactly from JSON; torch's generators take no seed of 2**64."""
LEAST_RATE, MOST_RATE = 1e-12, 0.999999
"""Where several places of a picture share it, a smaller one is lost beside 1 in floating point."""
Patches = Literal["all", "masked"]
ErrorSpace = Literal["rgb", "normalised"]


@dataclass(frozen=True)
class Settings:
    """What a detection depends on beside the model and the query; the defaults are the paper's.

    Attributes:
        masks: N, the number of random masks, 1 to 512.
        mask_ratio: share of the patches that each mask hides.
        seed: of the masks, the fine-tuning and the coresets, 0 to 2**53 - 1.
        sampling: `random` (the paper) or `balanced` (every patch is shown equally often).
        patches: `all` compares visible patches too, as the paper does; `masked` only what was hidden.
        error_space: `rgb` measures the error in RGB [0, 1]; `normalised` in the model's ImageNet-normalised values.
        tile: `off` sees the picture whole, as the paper does; `on` through overlapping windows at its own detail;
            `auto` so where it is large or long (`windows.Tiling`).
        alarm_rate: the share of good pictures that may be called anomalous, 1e-12 to 0.999999; it decides
            the threshold.

    Raises:
        SettingsError: a value is out of its range.
    """

    masks: int = 32
    mask_ratio: float = 0.75
    seed: int = 0
    sampling: Sampling = "random"
    patches: Patches = "all"
    error_space: ErrorSpace = "rgb"
    tile: Tile = "off"
    alarm_rate: float = ALARM_RATE

    def __post_init__(self) -> None:
        if not isinstance(self.masks, int) or not isinstance(self.seed, int):
            raise SettingsError(f"Masks and seed are whole numbers, not {self.masks!r} and {self.seed!r}.")
        if not 1 <= self.masks <= MAX_MASKS:
            raise SettingsError(f"The number of masks is {self.masks}; choose 1 to {MAX_MASKS}.")
        if not 0.05 <= self.mask_ratio <= 0.95:
            raise SettingsError(f"The mask ratio is {self.mask_ratio:g}; choose 0.05 to 0.95.")
        if not 0 <= self.seed <= MAX_SEED:
            raise SettingsError(f"The seed is {self.seed}; choose a whole number from 0 to {MAX_SEED}.")
        if not LEAST_RATE <= self.alarm_rate <= MOST_RATE:
            raise SettingsError(
                f"The alarm rate is {self.alarm_rate:g}; choose a share between {LEAST_RATE:g} and {MOST_RATE:g}."
            )
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; choose {' or '.join(choices)}.")


CHOICES: dict[str, tuple[str, ...]] = {
    "sampling": get_args(Sampling),
    "patches": get_args(Patches),
    "error_space": get_args(ErrorSpace),
    "tile": get_args(Tile),
}
"""The values of the settings that have a few."""
SETTINGS = tuple(one.name for one in fields(Settings))
