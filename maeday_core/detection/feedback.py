"""What an inspector says of pictures moves the limit: by one pure rule, whose outcome can always be taken back.

A limit differs from picture to picture, so scores count here as multiples of each picture's own automatic limit. The
rule depends on what was said, not on its order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from maeday_core.detection.decision import Ordinary
from maeday_core.detection.result import Detection
from maeday_core.texts import say


@dataclass(frozen=True)
class FeedbackRule:  # docs/decisions.md#feedback
    """Numbers of the rule.

    Attributes:
        below: a limit that is lowered for a defect comes to lie so far below its score, as a share of it.
        least: no limit is lowered below this share of the automatic one.
    """

    below: float = 0.02
    least: float = 0.85


RULE = FeedbackRule()


@dataclass(frozen=True)
class Moved:
    """Where the limit lies by what an inspector said.

    Attributes:
        factor: of the automatic limit.
        normal, defects: how many pictures were called so.
        missed: how many of the defects are still not above the limit.
    """

    factor: float = 1.0
    normal: int = 0
    defects: int = 0
    missed: int = 0

    @property
    def by(self) -> tuple[float, int]:
        """What of it a verdict shows: how far the limit is moved, and how many defects it misses."""
        return self.factor, self.missed

    @property
    def told(self) -> str:
        """Which way the limit was moved, how far and why, in words; empty where nothing was said."""
        if not self.normal + self.defects:
            return ""
        share = f"{abs(self.factor - 1):.0%}"
        if self.factor < 1:
            moved = say("Your corrections lowered the limit by {share}.", share=share)
        elif self.factor > 1:
            moved = say("Your corrections raised the limit by {share}.", share=share)
        else:
            moved = say("Your corrections leave the limit where it was.")
        if not self.missed:
            return moved
        stay = "1 of the defects stays below it: good pictures score as high."
        if self.missed > 1:
            stay = "{count} of the defects stay below it: good pictures score as high."
        left = say(stay, count=self.missed)
        return f"{moved} {left}"

    def applied(self, ordinary: Ordinary) -> Ordinary:
        """What good pictures are expected to score, moved as the limit is; as it was where no verdict shows that."""
        if self.factor == 1 and not self.missed:
            return ordinary
        return replace(
            ordinary,
            level=ordinary.level * self.factor,
            least=ordinary.least * self.factor,
            reason=f"{ordinary.reason} {self.told}",
        )


UNMOVED = Moved()
"""Nothing was said."""


def corrected(result: Detection, moved: Moved) -> Detection:
    """A result under the moved limit."""
    ordinary = moved.applied(result.threshold.ordinary)
    return replace(result, threshold=ordinary.threshold(result.threshold.alarm_rate))


def moved_limit(normal: Collection[float], defects: Collection[float], rule: FeedbackRule = RULE) -> Moved:
    """The limit by what an inspector said.

    No normal picture is above it. Among the limits of which that is true, it is the automatic one or, if that is lower,
    the one that a normal picture demands; and lower than that where defects would be missed that score higher than all
    normal ones and than `rule.least`. So a defect never raises it, a normal picture never lowers it, and the order of
    what was said does not matter.

    Args:
        normal: scores of pictures that are normal, as multiples of their automatic limits, 0 or more; those that have
            joined the good parts count there.
        defects: scores of pictures with a defect, likewise.
        rule: its numbers.
    """
    highest = max(normal, default=0.0)
    lowest, limit = max(highest, rule.least), max(highest, 1.0)
    catchable = [score for score in defects if lowest < score <= limit]
    if catchable:
        limit = max(lowest, min(catchable) * (1 - rule.below))
    return Moved(limit, len(normal), len(defects), sum(score <= limit for score in defects))
