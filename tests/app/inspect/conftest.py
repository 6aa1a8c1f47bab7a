"""What tests of the Inspect tab share."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.events import Answer
from app.inspect import learning, run
from app.models import Busy
from maeday_core import (
    MaskedAutoencoder,
    Method,
    Settings,
    Tools,
)
from maeday_core.fewshot.fine_tuning import find_preset
from tests.app.inspect.wired import Wired
from tests.drawing.detections import query


@pytest.fixture(scope="module")
def wired() -> Wired:
    return Wired()


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    Image.fromarray(query()).save(path)
    return str(path)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tiny_model: MaskedAutoencoder) -> Tools:
    """Tools with a tiny model, which the tab uses in place of those it would load."""
    tools = Tools(model=lambda: tiny_model, preset=find_preset("default", steps=3))

    def load(name: str, settings: Settings, method: Method, busy: Busy) -> Generator[Answer, None, Tools]:
        yield busy("Loading", name)
        return replace(tools, settings=settings)

    for place in (run, learning):
        monkeypatch.setattr(place, "load_tools", load)
    return tools
