"""What a method learned from photos of good parts: a value that can be saved, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from maeday_core.detection.windows import Seen
from maeday_core.io.images import RGBImage


@dataclass(frozen=True)
class Progress:
    """How far learning is.

    Attributes:
        doing: what is being done, in words.
        share: of that, how much is done, 0 to 1.
        step: of a fine-tuning, the last step.
    """

    doing: str
    share: float = 0.0
    step: Step | None = None


@dataclass(frozen=True)
class Step:
    """A step of fine-tuning.

    Attributes:
        step, steps: its number, from 1, and how many there will be.
        losses: of the steps so far, the mean squared error of the batch over all patches, normalised pixels.
        seconds_left: at the pace so far.
    """

    step: int
    steps: int
    losses: tuple[float, ...]
    seconds_left: float

    @property
    def loss(self) -> float:
        """That of this step."""
        return self.losses[-1]


class Learned(Protocol):
    """What one method learned, made of tensors and facts from which the method's `restore` makes it again."""

    @property
    def shots(self) -> int:
        """How many photos of good parts it was learned from."""

    @property
    def tile(self) -> Seen:
        """How the good parts were seen, and queries must be: through windows or whole."""

    @property
    def summary(self) -> str:
        """A phrase for people."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences on good parts that look unlike the others, or defective."""

    def doubt_of(self, query: RGBImage) -> str | None:
        """A sentence if a query looks like none of the good parts."""

    def describe(self) -> dict[str, Any]:
        """What is worth printing, as JSON."""

    def tensors(self) -> dict[str, Tensor]:
        """What to write into a file as tensors."""

    def facts(self) -> dict[str, Any]:
        """What to write into its header, as JSON."""
