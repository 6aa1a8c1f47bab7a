"""A model with a name and a digest, for what is learned belongs to one model."""

from __future__ import annotations

import pytest
import torch

from maeday_core.model.mae import MaskedAutoencoder, ModelInfo
from tests.conftest import TINY


@pytest.fixture(scope="session")
def model() -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(TINY, ModelInfo("tiny", "test", "ab" * 32))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.requires_grad_(False).eval()
