"""Several methods on the same pictures: what they have in common is learned and computed once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maeday_core.detection.reconstruction import Detection, Settings
from maeday_core.io.images import RGBImage, load_image
from maeday_core.methods.base import Detect, Reference, detector, learn
from maeday_core.methods.ensemble import add, add_banks
from maeday_core.model.mae import MaskedAutoencoder


@dataclass(frozen=True)
class Part:
    """What a method adds to others, or all of it: `maeday`, `self` or `patchcore`.

    Attributes:
        seed: of the masks, the adaptation or the coreset.
        added: the map that the ensemble adds, where that is another one than MAEDAY's own.
    """

    method: str
    seed: int
    added: bool = False


def parts_of(method: str, shots: int, seed: int) -> tuple[Part, ...]:
    """The parts whose sum a method is; one for a method that is no sum."""
    if method == "ensemble":
        return Part("maeday", seed, shots > 0), Part("patchcore" if shots else "self", seed)
    if method == "2xpatchcore":
        return Part("patchcore", seed), Part("patchcore", seed + 1)
    return (Part(method, seed),)


@dataclass
class Judge:
    """Judges pictures by several methods that know the same good parts.

    A part is learned when a method first needs it. Every method's result, its seconds included, is what `learn` and
    `detector` give for that method alone.

    Attributes:
        model: None where no method reconstructs.
        settings: of the detections; their seed is also that of what is learned.
        good: pictures of good parts, none for zero-shot.
        preset: of the fine-tuning.
        backbone, raw_sum: as in `methods.detector`.
    """

    model: MaskedAutoencoder | None
    settings: Settings
    good: Sequence[Path]
    preset: str
    backbone: str
    raw_sum: bool
    _learned: dict[tuple[str, int], tuple[Reference, float]] = field(default_factory=dict)
    _detectors: dict[Part, Detect] = field(default_factory=dict)

    def __call__(self, query: RGBImage, methods: Sequence[str]) -> dict[str, Detection]:
        """What each of `methods` finds in a picture."""
        found: dict[Part, Detection] = {}
        for part in [part for method in methods for part in self._parts(method)]:
            if part not in found:
                *_, found[part] = self._detector(part)(query)
        return {method: self._sum(method, [found[part] for part in self._parts(method)]) for method in methods}

    def learn_seconds(self, method: str) -> float | None:
        """How long the parts of a method took to learn; None where they were not learned here."""
        keys = {(part.method, part.seed) for part in self._parts(method)}
        return sum(self._learned[key][1] for key in keys) if keys <= self._learned.keys() else None

    def _parts(self, method: str) -> tuple[Part, ...]:
        return parts_of(method, len(self.good), self.settings.seed)

    def _sum(self, method: str, results: Sequence[Detection]) -> Detection:
        if method == "ensemble":
            return add(results[0], results[1], self.raw_sum)
        return add_banks((results[0], results[1])) if method == "2xpatchcore" else results[0]

    def _detector(self, part: Part) -> Detect:
        if part not in self._detectors:
            reference = self._learn(part.method, part.seed) if self.good else Reference()
            self._detectors[part] = detector(
                part.method,
                self.model,
                self.backbone,
                self.settings,
                reference,
                raw_sum=self.raw_sum,
                added=part.added,
            )
        return self._detectors[part]

    def _learn(self, method: str, seed: int) -> Reference:
        if (method, seed) not in self._learned:
            start = time.perf_counter()
            good = (load_image(path) for path in self.good)
            reference = learn(method, self.model, self.backbone, good, self.preset, seed, settings=self.settings)
            self._learned[method, seed] = reference, time.perf_counter() - start
        return self._learned[method, seed][0]
