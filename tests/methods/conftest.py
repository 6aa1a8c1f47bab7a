"""Tools with a model of random weights, good parts, and what the ensemble learned from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from maeday_core.methods import ENSEMBLE, Reference, Tools, base, learn, patches, register
from tests.conftest import part
from tests.methods.checks import FEW, Brightness


@pytest.fixture(scope="session")
def tools(tiny_model) -> Tools:
    return Tools.of(tiny_model, FEW, steps=2)


@pytest.fixture(scope="session")
def good() -> list[np.ndarray]:
    return [part(0), part(1)]


@pytest.fixture(scope="session")
def reference(tools: Tools, good: list[np.ndarray]) -> Reference:
    return learn(ENSEMBLE, tools, good)


@pytest.fixture(scope="module")
def small_banks() -> Iterator[None]:
    """Memory banks of 128 patches, where a test is not about them: they take a sixteenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patches, "LIMITS", replace(patches.LIMITS, patches=128))
        yield


@pytest.fixture
def toy() -> Iterator[Brightness]:
    """A method from outside the package, registered while a test runs."""
    method = register(Brightness())
    yield method
    del base._registry[method.name]
