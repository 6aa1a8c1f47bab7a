"""Models as the page offers them."""

from __future__ import annotations

import pytest

from app import models
from app.models import model_choices


def test_the_default_model_is_offered_first_and_without_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_choices()[0][1] == models.default_model()
    monkeypatch.setattr(models, "default_model", lambda: "/srv/secret/mine.safetensors")
    label, name = model_choices()[0]
    assert label == "mine.safetensors"
    assert name == models.LOCAL
