"""Peers: pictures of one kind that are given together tell what is ordinary, though nobody says which of them are good.

Good pictures of one kind score alike, and defective ones score higher. So what scores lowest is good, most likely, and
can serve as good parts where a method learns from some (`methods/second_look.py`). Else the good ones are where scores
lie close together, low down; what lies farther above them than good pictures vary stands out. One picture alone cannot
tell that. Where most are defective, those that lie closest together vary more than good pictures do: then a picture's
own limit counts where it is lower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import ALARM_RATE, Ordinary
from maeday_core.texts import say


@dataclass(frozen=True)
class PeerStatistics:  # docs/decisions.md#peers
    """Numbers of the judgement.

    Attributes:
        least: fewer pictures tell nothing.
        closest, among: the good ones are about this share of the scores, those that lie closest together among so many
            of the lowest.
        known: how many pictures the spread that is known of the method counts for, beside those at hand.
        wide: those taken to be good may not be where they vary so many times more than good pictures are known to.
        tails: scores vary more widely than a normal distribution: so many times its deviations count.
        share, most: so many of them are taken for good parts, those that score lowest; and never more.
        chosen: good pictures vary so many times more about what such good parts let expect: they are no fair sample.
    """

    least: int = 8
    closest: float = 0.4
    among: float = 0.6
    known: int = 10
    wide: float = 2.0
    tails: float = 1.34
    share: float = 0.25
    most: int = 8
    chosen: float = 1.4

    def ordinary(self, count: int) -> int:
        """How many of some pictures are taken for good parts, two at least."""
        return min(max(2, round(self.share * count)), self.most)


PEERS = PeerStatistics()


def from_peers(scores: npt.NDArray[np.float64], alone: Ordinary) -> Ordinary | None:
    """What a good picture among some of one kind would score; None if they tell less than one of them by itself.

    So it is of fewer than `least`, where nothing is known of how good pictures vary, and where those taken to be good
    vary so much that they may be defective, while the picture by itself is judged more strictly.

    Args:
        scores: (n,), image scores of all of them, defective ones included: up to about half may be.
        alone: what is expected of one of them by itself.
    """
    if len(scores) < PEERS.least or not alone.alike:
        return None
    logarithms = np.sort(np.log(np.maximum(scores, 1e-9)))
    middle = _middle_of_the_good(logarithms)
    below = logarithms[logarithms <= middle]  # what is defective scores higher, so the spread is read off those below
    variance = float(np.mean((below - middle) ** 2))
    spread = math.sqrt((PEERS.known * alone.alike**2 + 2 * len(below) * variance) / (PEERS.known + 2 * len(below)))
    reason = say(
        "The limit rests on {count} photos of one kind that were given together: "
        "most of the lower half are taken to be good, and score about {level:.3g}.",
        count=len(scores),
        level=np.exp(middle),
    )
    found = replace(
        alone,
        level=float(np.exp(middle)),
        spread=PEERS.tails * spread,
        uncertainty=spread / math.sqrt(len(below)),
        reason=reason,
        peers=len(scores),
    )
    doubtful = variance > (PEERS.wide * alone.alike) ** 2
    return None if doubtful and alone.limit(ALARM_RATE) < found.limit(ALARM_RATE) else found


def beside_the_ordinary(known: Ordinary, shots: int, count: int) -> Ordinary:
    """What another good one of some pictures would score.

    Args:
        known: what is expected if the most ordinary ones are good parts.
        shots: how many of these it rests on.
        count: of the pictures.
    """
    reason = say(
        "The limit rests on {count} photos of one kind that were given together: "
        "the most ordinary are taken to be good ({shots}).",
        shots=shots,
        count=count,
    )
    return replace(known, spread=PEERS.chosen * known.spread, reason=reason, shots=0, peers=count)


def _middle_of_the_good(ordered: npt.NDArray[np.float64]) -> float:
    """The middle of the scores that lie closest together among the lower ones (a shorth)."""
    many = max(3, round(PEERS.closest * len(ordered)))
    ends = max(1, int(PEERS.among * len(ordered)) - many + 1)
    first = int((ordered[many - 1 :] - ordered[: len(ordered) - many + 1])[:ends].argmin())
    return float(np.median(ordered[first : first + many]))
