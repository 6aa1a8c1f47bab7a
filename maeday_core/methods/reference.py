"""What is known about good parts: what each part of a method learned from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from maeday_core.detection.windows import Tile
from maeday_core.fewshot.learned import Learned
from maeday_core.io.images import RGBImage


@dataclass(frozen=True)
class Reference:
    """What is known about good parts, by the name of the method that learned it.

    Attributes:
        learned: what each part of the method learned.
        method: the one that was asked to learn.
    """

    learned: Mapping[str, Learned] = field(default_factory=dict)
    method: str = ""

    def __bool__(self) -> bool:
        return bool(self.learned)

    @property
    def tile(self) -> Tile:
        """How a query must be seen, `on` or `off`, for that is how the good parts were; `auto` where none are known."""
        return next((one.tile for one in self.learned.values()), "auto")

    @property
    def shots(self) -> int:
        """How many photos of good parts were learned from."""
        return max((one.shots for one in self.learned.values()), default=0)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences on good parts that look unlike the others, or defective."""
        return tuple(doubt for one in self.learned.values() for doubt in one.doubts)

    def doubt_of(self, query: RGBImage) -> str | None:
        """A sentence if a query looks like none of the good parts."""
        return next((doubt for one in self.learned.values() if (doubt := one.doubt_of(query))), None)
