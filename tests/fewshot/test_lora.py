"""LoRA against W + B A in float64: forward, gradients, merging, and a base that never changes."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from maeday_core.fewshot.lora import RANK, LoRALayer, add_lora, factors_of, merge, weight_matrices
from maeday_core.model.mae import CONFIGS, MaskedAutoencoder
from maeday_core.model.masks import draw_masks
from tests.conftest import TINY
from tests.fewshot.checks import digest


def layers() -> list[tuple[nn.Module, torch.Tensor]]:
    torch.manual_seed(0)
    return [(nn.Linear(12, 20), torch.randn(5, 12)), (nn.Conv2d(3, 16, 4, 4), torch.randn(2, 3, 8, 8))]


@pytest.mark.parametrize("which", [0, 1], ids=["linear", "patch embedding"])
def test_layer_is_w_plus_ba(which):
    base, x = layers()[which]
    base.requires_grad_(False)
    layer = LoRALayer(base, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), base(x))  # B is zero at the start
    nn.init.normal_(layer.b)
    a, b = (p.detach().double().requires_grad_() for p in (layer.a, layer.b))
    weight = base.weight.double() + (b @ a).view(base.weight.shape)
    if which == 0:
        expected = x.double() @ weight.T + base.bias.double()
    else:
        patches = x.double().unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(2, 2, 2, -1)
        expected = (patches @ weight.flatten(1).T + base.bias.double()).permute(0, 3, 1, 2)
    torch.testing.assert_close(layer(x).double(), expected, atol=1e-5, rtol=1e-5)

    towards = torch.randn_like(expected)
    (expected * towards).sum().backward()
    (layer(x) * towards.float()).sum().backward()
    torch.testing.assert_close(layer.a.grad.double(), a.grad, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer.b.grad.double(), b.grad, atol=1e-4, rtol=1e-4)
    assert base.weight.grad is None


@pytest.fixture(params=[False, True], ids=["plain", "with a draft"])
def model(request) -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(replace(TINY, draft=request.param))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.requires_grad_(False).eval()


def learned(model: MaskedAutoencoder) -> MaskedAutoencoder:
    adapted = add_lora(model, rank=4)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(len(parameter)))
    return adapted


def test_merged_and_unmerged_agree_and_the_base_stays(model):
    before = digest(model)
    adapted = learned(model)
    images, masks = torch.randn(2, 3, 64, 64), draw_masks(2, TINY.num_patches, 0.75, 0)
    merged = merge(model, factors_of(adapted))
    torch.testing.assert_close(merged(images, masks), adapted(images, masks), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(merged(images, masks), model(images, masks), atol=1e-2)
    assert digest(model) == before
    assert not any(isinstance(m, LoRALayer) for m in model.modules())
    assert set(merged.state_dict()) == set(model.state_dict())


def test_every_weight_matrix_has_factors_and_nothing_else_learns(model):
    adapted = add_lora(model)
    learning = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    matrices = {name for name, value in model.named_parameters() if value.ndim >= 2 and not name.endswith("_embed")}
    matrices = {n.removesuffix(".weight") for n in matrices if n.endswith(".weight")} - {"draft_gate"}
    assert learning == {f"{name}.{part}" for name in matrices for part in "ab"}
    assert {name for name, _ in weight_matrices(model)} == matrices
    adapted(torch.randn(1, 3, 64, 64), draw_masks(1, TINY.num_patches, 0.75, 0)).sum().backward()
    assert all((p.grad is None) != p.requires_grad for p in adapted.parameters())


def test_the_seed_decides_the_start_whatever_else_draws(model):
    first = factors_of(add_lora(model, seed=3))
    torch.rand(7)
    again, other = factors_of(add_lora(model, seed=3)), factors_of(add_lora(model, seed=4))
    assert all(torch.equal(first[name][0], again[name][0]) for name in first)
    assert not any(torch.equal(first[name][0], other[name][0]) for name in first)


def test_rank_32_of_the_bundled_size_is_a_few_megabytes():
    with torch.device("meta"):
        model = MaskedAutoencoder(CONFIGS["small"])
    numbers = sum(RANK * sum(layer.weight.flatten(1).shape) for _, layer in weight_matrices(model))
    assert 1e6 < numbers < 2e6
