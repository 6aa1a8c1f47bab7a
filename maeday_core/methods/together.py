"""Several methods on the same pictures: what they have in common is learned and computed once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from maeday_core.detection.result import Detection
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Detect, Method, last
from maeday_core.methods.reference import Reference
from maeday_core.methods.tools import Tools
from maeday_core.methods.use import detector, learn


class Together:
    """Judges pictures by several methods that know the same good parts.

    A part is learned when a method first needs it. Every method's result, its seconds included, is what it gives alone.

    Args:
        tools: what the methods share.
        good: photos of good parts, uint8 (H, W, 3), which can be gone through again; none for zero-shot.
    """

    def __init__(self, tools: Tools, good: Iterable[RGBImage] = ()) -> None:
        self.tools, self.good = tools, good
        self._few_shot = next(iter(good), None) is not None
        self._learned: dict[str, tuple[Reference, float]] = {}
        self._detectors: dict[Method, Detect] = {}

    def __call__(self, query: RGBImage, methods: Sequence[Method]) -> dict[Method, Detection]:
        """What each of some methods finds in a picture, uint8 (H, W, 3)."""
        found: dict[Method, Detection] = {}
        for method in methods:
            for part in method.parts(self._few_shot):
                if part not in found:
                    found[part] = last(self._detector(part)(query))
        return {method: method.add([found[part] for part in method.parts(self._few_shot)]) for method in methods}

    def learn_seconds(self, method: Method) -> float | None:
        """How long the parts of a method took to learn; None where they were not learned here."""
        names = {part.name for part in method.parts(self._few_shot)}
        return sum(self._learned[name][1] for name in names) if names <= self._learned.keys() else None

    def _detector(self, part: Method) -> Detect:
        if part not in self._detectors:
            self._detectors[part] = detector(part, self.tools, self._learn(part))
        return self._detectors[part]

    def _learn(self, part: Method) -> Reference:
        if not self._few_shot:
            return Reference()
        if part.name not in self._learned:
            start = time.perf_counter()
            reference = learn(part, self.tools, self.good)
            self._learned[part.name] = reference, time.perf_counter() - start
        return self._learned[part.name][0]
