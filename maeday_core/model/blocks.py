"""The parts that the masked autoencoder is made of, as timm's vision transformer has them and names them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Each patch of an image as a token: (B, 3, H, W) -> (B, L, D), in row-major order."""

    def __init__(self, patch_size: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        return self.proj(images).flatten(2).transpose(1, 2)


def _attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention written out: on a CPU the fused kernel's way back takes longer (docs/decisions.md#engine)."""
    likeness = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-2, -1)
    return likeness.softmax(dim=-1).to(values.dtype) @ values


class Attention(nn.Module):
    """Every token looks at all tokens: (B, L, D) -> (B, L, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, dim = x.shape
        qkv = self.qkv(x).view(batch, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        learning = qkv[0].requires_grad and x.device.type == "cpu"
        seen = _attention(*qkv) if learning else F.scaled_dot_product_attention(*qkv)
        return self.proj(seen.transpose(1, 2).reshape(batch, length, dim))


class Mlp(nn.Module):
    """Two layers for each token by itself."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A transformer's block, normalised before each of its two parts: (B, L, D) -> (B, L, D)."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.mlp = Mlp(dim, mlp_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))
