"""How the errors of a reconstruction are read as a map: as Eq. 1 has them, in deviations from normal, or as evidence.

Evidence is what an ensemble adds: an error ten times as abnormal is not ten times the evidence, so errors count as
logarithms, on a scale on which distances between patches can be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maeday_core.detection.calibration import Calibration, geometric_mean, perceptual_layer
from maeday_core.detection.decision import GoodParts, Ordinary, Rates, Roughness, from_good_parts, from_picture
from maeday_core.detection.region import Mask, counted_of
from maeday_core.detection.result import DEVIATIONS, EVIDENCE, SQUARED_ERROR, Unit
from maeday_core.detection.windows import FloatMap


@dataclass(frozen=True)
class Weights:  # docs/decisions.md#ensemble-weights
    """How much an error counts as evidence.

    Attributes:
        deviations: of log(1 + deviations), for the squared and for the perceptual error.
        error: of log(1 + error / visible), for the squared error where no good part gives its deviation.
        visible: a barely visible squared error.
        ordinary: in a large picture, nearly all of which is surface, an error is compared with what this share of it
            stays below, if that is more.
        perceptual: of the root of the perceptual error, where no good part gives its deviation.
    """

    deviations: float = 0.05
    error: float = 0.15
    visible: float = 0.001
    ordinary: float = 0.95
    perceptual: float = 0.5


WEIGHTS = Weights()
# docs/decisions.md#decision
ERROR = Roughness(factor=3.5, power=1.0, spread=0.385, least=0.05, alike=0.35)
EVIDENCE_ALONE = Roughness(factor=1.118, power=0.99, spread=0.036, least=1.0, alike=0.04)
EVIDENCE_ALONE_LARGE = Roughness(factor=1.14, power=0.93, spread=0.039, least=0.8, alike=0.04)
RATES = Rates(above=(0.4, -0.1), spread=(0.27, 0.27), uncertainty=(0.5, 0.3), least=0.2)


@dataclass(frozen=True)
class Reading:
    """How errors become a map.

    Attributes:
        calibration: what good parts tell of the normal error; None without them.
        evidence: as what an ensemble adds.
        shots: how many photos of good parts there were.
    """

    calibration: Calibration | None = None
    evidence: bool = False
    shots: int = 0

    @property
    def unit(self) -> Unit:
        """What the map counts in."""
        if self.evidence:
            return EVIDENCE
        return DEVIATIONS if self.calibration and self.calibration.relative else SQUARED_ERROR

    def perceptual(self, large: bool) -> bool:
        """Whether the perceptual error is needed, for a large picture or another one."""
        if self.calibration:
            return self.calibration.relative or self.evidence
        return self.evidence and not large

    def maps(self, errors: FloatMap, masks: int, large: bool = False, usual: float = 0.0) -> FloatMap:
        """The maps (n, S, S) of n windows.

        Args:
            errors: (n, 1 or 2, S, S): the squared error, smoothed by Eq. 1's Gaussian, and the perceptual one.
            masks: how many they rest on.
            large: whether they are windows or the whole of a large picture.
            usual: what `usual` gives for all windows of the picture.
        """
        if self.calibration and self.calibration.relative:
            return self._read(np.stack([self.calibration.deviations(one, masks) for one in errors]))
        if not self.evidence:
            return np.ascontiguousarray(errors[:, 0])
        large = large and not self.calibration  # else it is read as the good parts are
        seen = errors[:, :1] if large else np.stack([perceptual_layer(one) for one in errors])
        return self._read(seen, max(WEIGHTS.visible, usual))

    def usual(self, squared: FloatMap, large: bool) -> float:
        """What the squared errors (n, S, S) of all windows of a picture are compared with; 0 where nothing is."""
        compared = large and self.evidence and not self.calibration
        return float(np.quantile(squared, WEIGHTS.ordinary)) if compared else 0.0

    @cached_property
    def good(self) -> GoodParts | None:
        """The maps of the good parts, read in the same way; None without them."""
        if self.calibration is None:
            return None
        return GoodParts(self._read(self.calibration.judged), self.shots)

    def ordinary(self, error_map: FloatMap, ignored: Mask | None = None) -> Ordinary:
        """What good pictures would score; without good parts, clean pictures as rough as this one, (H, W).

        Args:
            error_map: of the picture, as far as it counts.
            ignored: what does not count in the maps of good parts.
        """
        if self.good is None:
            return from_picture(error_map, EVIDENCE_ALONE_LARGE if self.evidence else ERROR)
        return from_good_parts(counted_of(self.good, ignored), RATES)

    def _read(self, layers: FloatMap, usual: float = WEIGHTS.visible) -> FloatMap:
        """Layers (n, 1 or 2, S, S), deviations or errors, as maps (n, S, S)."""
        if self.calibration and self.calibration.relative:
            if self.evidence:
                return np.asarray(WEIGHTS.deviations * np.log1p(layers).sum(axis=1), np.float32)
            return geometric_mean(np.moveaxis(layers, 1, 0))
        squared, *perceptual = np.moveaxis(layers, 1, 0)
        if not self.evidence:
            return np.asarray(squared, np.float32)
        found = WEIGHTS.error * np.log1p(squared / usual)
        return np.asarray(found + sum(WEIGHTS.perceptual * np.sqrt(one) for one in perceptual), np.float32)


PLAIN = Reading()
"""Eq. 1."""
