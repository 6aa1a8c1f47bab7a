"""LoRA: a low-rank change B A beside every weight matrix W, so that a few pictures move few numbers (Section 3.2).

W stays frozen and gets no gradient; A starts as Kaiming noise and B as zeros, so that the first step starts at the base
model. The learned factors are added to W afterwards: inference costs the same as before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maeday_core.model.mae import MaskedAutoencoder

RANK = 32

Factors = Mapping[str, tuple[Tensor, Tensor]]
"""Of each adapted layer, by its name in the model: A (rank, inputs) and B (outputs, rank)."""


class LoRALayer(nn.Module):
    """A frozen linear layer, or a patch embedding's convolution seen as a matrix, with factors beside it."""

    def __init__(self, base: nn.Linear | nn.Conv2d, rank: int, generator: torch.Generator):
        super().__init__()
        self.base = base
        outputs, inputs = base.weight.flatten(1).shape
        rank = min(rank, outputs, inputs)
        a = nn.init.kaiming_uniform_(torch.empty(rank, inputs), a=math.sqrt(5), generator=generator)
        self.a = nn.Parameter(a.to(base.weight.device))
        self.b = nn.Parameter(torch.zeros(outputs, rank, device=base.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """W x + B A x, with the shapes of the base layer."""
        if isinstance(self.base, nn.Linear):
            low = F.linear(x, self.a).flatten(0, -2)
            return torch.addmm(self.base(x).flatten(0, -2), low, self.b.t()).view(*x.shape[:-1], -1)
        low = F.conv2d(x, self.a.view(-1, *self.base.weight.shape[1:]), stride=self.base.stride)
        base: Tensor = self.base(x)
        return base + F.conv2d(low, self.b[..., None, None])


def weight_matrices(model: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    """The layers that LoRA adapts: all with a weight matrix; the draft's gate has but one row and is left as it is."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight.shape[0] > 1:
            yield name, module


def clone(model: MaskedAutoencoder) -> MaskedAutoencoder:
    """A model of the same frozen tensors, not copies: its layers can be replaced without changing `model`."""
    with torch.device("meta"):
        twin = MaskedAutoencoder(model.config, model.info)
    twin.load_state_dict(model.state_dict(), assign=True)
    return twin.requires_grad_(False).eval()


def add_lora(model: MaskedAutoencoder, rank: int = RANK, seed: int = 0) -> MaskedAutoencoder:
    """A model that shares `model`'s frozen weights and has trainable factors, float32, beside every weight matrix."""
    generator = torch.Generator().manual_seed(seed)
    adapted = clone(model)
    for name, layer in list(weight_matrices(adapted)):
        parent, _, child = name.rpartition(".")
        setattr(adapted.get_submodule(parent), child, LoRALayer(layer, rank, generator))
    return adapted


def factors_of(adapted: nn.Module) -> Factors:
    """The factors of a model from `add_lora`, on the CPU."""
    return {
        name: (module.a.detach().cpu(), module.b.detach().cpu())
        for name, module in adapted.named_modules()
        if isinstance(module, LoRALayer)
    }


def merge(model: MaskedAutoencoder, factors: Factors) -> MaskedAutoencoder:
    """A new model with W + B A in place of W; `model` keeps its weights."""
    state = dict(model.state_dict())
    for name, (a, b) in factors.items():
        weight = state[f"{name}.weight"]
        change = (b.to(weight.device).float() @ a.to(weight.device).float()).view(weight.shape)
        state[f"{name}.weight"] = (weight.float() + change).to(weight.dtype)
    merged = clone(model)
    merged.load_state_dict(state, assign=True)
    return merged.requires_grad_(False).eval()
