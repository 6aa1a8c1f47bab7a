"""Pictures that are given together without good parts: those of one kind are judged among each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import Threshold
from maeday_core.detection.peers import PEERS, from_peers
from maeday_core.detection.result import Detection
from maeday_core.fewshot.doubts import APPEARANCE, LIMITS


@dataclass(frozen=True)
class Peers:
    """Pictures of any kinds that one method judged, as far as the judgement of others needs them.

    Attributes:
        scores: float64 (n,), their image scores.
        appearances: float64 (n, 9), as `fewshot.doubts.appearance` gives them.
    """

    scores: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    appearances: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, APPEARANCE)))

    def with_more(self, scores: Iterable[float], appearances: Sequence[Sequence[float]]) -> Peers:
        """These and others."""
        return Peers(
            np.concatenate([self.scores, [*scores]]),
            np.concatenate([self.appearances, np.reshape(appearances, (-1, APPEARANCE))]),
        )

    def some(self, numbers: Sequence[int] | npt.NDArray[np.intp]) -> Peers:
        """Some of them, by their numbers."""
        chosen = np.asarray(numbers, np.intp)
        return Peers(self.scores[chosen], self.appearances[chosen])

    def kinds(self) -> Iterator[npt.NDArray[np.intp]]:
        """Which of them show one kind, the largest first; those of which there are too few are left out."""
        left = np.arange(len(self.scores))
        while len(left) >= PEERS.least:
            looks = self.appearances[left]
            alike = np.linalg.norm(looks[:, None] - looks, axis=2) <= LIMITS.alike
            kind = left[alike[alike.sum(axis=1).argmax()]]
            if len(kind) < PEERS.least:
                return
            yield kind
            left = np.setdiff1d(left, kind)

    def threshold(self, appearance: Sequence[float], alone: Threshold) -> Threshold:
        """The threshold of a picture among those that look alike; that of the picture alone where they are too few.

        Args:
            appearance: of the picture, which is one of these.
            alone: its threshold by itself; one that rests on good parts is kept.
        """
        if alone.shots:
            return alone
        alike = np.linalg.norm(self.appearances - appearance, axis=1) <= LIMITS.alike
        ordinary = from_peers(self.scores[alike], alone.ordinary)
        return ordinary.threshold(alone.alarm_rate) if ordinary else alone


def among(peers: Peers, result: Detection, appearance: Sequence[float]) -> Detection:
    """A result, judged among its peers."""
    return replace(result, threshold=peers.threshold(appearance, result.threshold))
