"""The parts of the model: attention gives the same numbers and gradients while it learns as when it is used."""

import torch

from maeday_core.model.blocks import Attention


def test_attention_that_learns_is_the_one_that_is_used():
    torch.manual_seed(0)
    attention = Attention(24, 3)
    x, wanted = torch.randn(2, 7, 24), torch.randn(2, 7, 24)
    (attention(x) - wanted).square().sum().backward()
    learned = attention.qkv.weight.grad
    with torch.no_grad():
        used, weight, step = attention(x), attention.qkv.weight.clone(), 1e-3
        torch.testing.assert_close(used, attention.requires_grad_(False)(x))
        direction = torch.randn_like(weight)
        errors = []
        for sign in (1, -1):
            attention.qkv.weight.copy_(weight + sign * step * direction)
            errors.append((attention(x) - wanted).square().sum())
    along = (errors[0] - errors[1]) / (2 * step)
    torch.testing.assert_close((learned * direction).sum(), along, rtol=1e-2, atol=1e-2)


def test_attention_written_out_is_the_fused_one():
    torch.manual_seed(0)
    attention, x = Attention(24, 3), torch.randn(2, 7, 24)
    written = attention(x)
    fused = attention.requires_grad_(False)(x)
    torch.testing.assert_close(written, fused, atol=1e-6, rtol=1e-5)
