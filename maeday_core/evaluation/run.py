"""A run: one method on one category with one seed, which gives one result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from maeday_core.detection.result import Provenance
from maeday_core.errors import ImageError
from maeday_core.evaluation.category import Category
from maeday_core.io.files import sha256
from maeday_core.methods import Method, Tools

ID_LENGTH = 12


def content_of(path: Path) -> str:
    """What tells the content of a file, or of the files in a folder, whatever its name and time.

    Raises:
        ImageError: it cannot be read.
    """
    try:
        if path.is_dir():
            contents = "".join(sha256(file) for file in sorted(path.iterdir()) if file.is_file())
            return hashlib.sha256(contents.encode()).hexdigest()
        return sha256(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}); check the name and its permissions.") from error


@dataclass(frozen=True)
class Run:
    """One method on one category.

    Attributes:
        category: whose test pictures are scored.
        method: the method.
        shots: how many good parts it learns from.
        tools: what the method uses; the seed of its settings also draws the good parts.
        content: tells the contents of files; runs on the same files share one that remembers them.
    """

    category: Category
    method: Method
    shots: int
    tools: Tools
    content: Callable[[Path], str] = content_of

    @property
    def seed(self) -> int:
        return self.tools.settings.seed

    @property
    def looks_again(self) -> bool:
        """Whether its pictures are looked at again, beside each other."""
        return self.method.second_look and not self.shots

    @cached_property
    def made_by(self) -> Provenance:
        """All that the result depends on beside the pictures; the seed always, for it draws the good parts."""
        return replace(self.method.depends_on(self.tools, self.shots), seed=self.seed)

    @cached_property
    def id(self) -> str:
        """A name that no run with another provenance, or on pictures and masks of other contents, has.

        Raises:
            ImageError: a file cannot be read.
        """
        samples = [
            (self.content(sample.path), sample.defect, sample.mask and self.content(sample.mask))
            for sample in self.category.samples
        ]
        facts = [self.category.name, self.made_by.record(), samples, [self.content(path) for path in self.good]]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:ID_LENGTH]

    @property
    def good(self) -> list[Path]:
        """The good parts to learn from, drawn by the seed, the same for every method."""
        drawn = np.random.default_rng(self.seed).permutation(len(self.category.normals))[: self.shots]
        return [self.category.normals[i] for i in drawn]
