"""A second look: of pictures of one kind, given together without good parts, the most ordinary serve as good parts.

A picture alone can only be compared with itself. Several of one kind know more: what is normal is in most of them, and
a defect in few, so pictures that nobody has labelled can judge each other (the idea: MuSc, Li et al., ICLR 2024). Those
that scored lowest at the first look are learned from, without fine-tuning, and all are judged as with good parts. No
picture is judged by itself: of the ordinary ones, each half is judged by the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from maeday_core.detection.peers import PEERS, beside_the_ordinary
from maeday_core.detection.result import Detection
from maeday_core.detection.windows import is_large
from maeday_core.fewshot.doubts import LIMITS
from maeday_core.fewshot.fine_tuning import CALIBRATE
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Method, last
from maeday_core.methods.peers import Peers
from maeday_core.methods.reference import GoodPart, Reference
from maeday_core.methods.tools import Tools
from maeday_core.methods.use import detector, learn

Look = Callable[[RGBImage], tuple[Detection, Reference]]
"""Looks at a picture again: what is found in it beside the most ordinary ones, and what was known of them."""


class SecondLook:
    """Judges pictures of one kind by the most ordinary of them.

    Args:
        method: judged them without good parts.
        tools: what it uses.
        scores: (n,), their image scores at the first look; `PEERS.least` or more.
        photo: gives one of them by its number, uint8 (H, W, 3); asked for the ordinary ones only.
        names: of their files.
    """

    def __init__(
        self,
        method: Method,
        tools: Tools,
        scores: npt.NDArray[np.float64],
        photo: Callable[[int], RGBImage],
        names: Sequence[str],
    ) -> None:
        tools, self._count = replace(tools, preset=CALIBRATE), len(scores)
        ordinary = np.argsort(scores, kind="stable")[: PEERS.ordinary(self._count)].tolist()
        self._halves = ordinary[::2], ordinary[1::2]
        self._references = [_learned(method, tools, photo, some, names) for some in (*self._halves, ordinary)]
        self._detectors = [detector(method, tools, reference) for reference in self._references]

    def __call__(self, photo: RGBImage, number: int | None = None) -> tuple[Detection, Reference]:
        """Look at a picture, uint8 (H, W, 3): one of those given, by its number, or another one of their kind."""
        by = 1 if number in self._halves[0] else 0 if number in self._halves[1] else -1
        result = last(self._detectors[by](photo))
        known = self._references[by]
        ordinary = beside_the_ordinary(result.threshold.ordinary, len(known.photos), self._count)
        return replace(result, threshold=ordinary.threshold(result.threshold.alarm_rate)), known


def _at(photo: Callable[[int], RGBImage], numbers: npt.NDArray[np.intp], own: int) -> RGBImage:
    return photo(int(numbers[own]))


def _learned(
    method: Method, tools: Tools, photo: Callable[[int], RGBImage], numbers: Sequence[int], names: Sequence[str]
) -> Reference:
    photos = [photo(number) for number in numbers]
    kept = tuple(GoodPart.of(one, names[number]) for one, number in zip(photos, numbers, strict=True))
    return replace(learn(method, tools, photos), photos=kept)


@dataclass(frozen=True)
class SecondLooks:
    """Second looks at pictures of any kinds that come some at a time; what one group of a kind taught serves the next.

    Attributes:
        method: judges them without good parts.
        tools: what it uses.
        known: of each kind so far, the appearance (9,) of a picture and who judges others of its kind.
    """

    method: Method
    tools: Tools
    known: list[tuple[npt.NDArray[np.float64], SecondLook]] = field(default_factory=list)

    def of(self, peers: Peers, photo: Callable[[int], RGBImage], names: Sequence[str]) -> list[Look | None]:
        """Who looks at each of some pictures again; None where there are too few of its kind, where they are large, for
        those are surface and tell enough of it themselves, and where the method cannot.

        Args:
            peers: how they look, and their scores at the first look.
            photo, names: as in `SecondLook`.
        """
        looks: list[Look | None] = [self._who_knows(appearance) for appearance in peers.appearances]
        if not self.method.second_look:
            return looks
        new = np.array([number for number, look in enumerate(looks) if look is None], np.intp)
        for kind in peers.some(new).kinds():
            numbers = new[kind]
            if is_large(photo(int(numbers[0])).shape):
                continue
            judge = SecondLook(
                self.method,
                self.tools,
                peers.scores[numbers],
                functools.partial(_at, photo, numbers),
                [names[number] for number in numbers],
            )
            self.known.append((peers.appearances[numbers[0]], judge))
            for own, number in enumerate(numbers):
                looks[number] = functools.partial(judge, number=own)
        return looks

    def _who_knows(self, appearance: npt.NDArray[np.float64]) -> Look | None:
        alike = (judge for known, judge in self.known if np.linalg.norm(known - appearance) <= LIMITS.alike)
        return next(alike, None)
