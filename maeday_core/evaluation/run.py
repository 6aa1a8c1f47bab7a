"""A run: one method on one category with one seed, which gives one result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from maeday_core.detection.result import Provenance
from maeday_core.evaluation.datasets import Category
from maeday_core.methods import Method, Tools


@dataclass(frozen=True)
class Run:
    """One method on one category.

    Attributes:
        category: whose test pictures are scored.
        method: the method.
        shots: how many good parts it learns from.
        tools: what the method uses; the seed of its settings also draws the good parts.
    """

    category: Category
    method: Method
    shots: int
    tools: Tools

    @property
    def seed(self) -> int:
        return self.tools.settings.seed

    @cached_property
    def made_by(self) -> Provenance:
        """All that the result depends on beside the pictures; the seed always, for it draws the good parts."""
        return replace(self.method.depends_on(self.tools, self.shots), seed=self.seed)

    @cached_property
    def id(self) -> str:
        """A name that no run with another provenance or other pictures has."""
        pictures = [str(path) for path in (*(s.path for s in self.category.samples), *self.category.normals)]
        facts = [self.category.name, self.made_by.record(), pictures]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]

    @property
    def good(self) -> list[Path]:
        """The good parts to learn from, drawn by the seed, the same for every method."""
        drawn = np.random.default_rng(self.seed).permutation(len(self.category.normals))[: self.shots]
        return [self.category.normals[i] for i in drawn]
