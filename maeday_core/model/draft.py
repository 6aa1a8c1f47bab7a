"""The draft: the hidden pixels as the frequencies of the visible ones continue them.

A small transformer blurs a fine repeating pattern that it should continue. Papoulis-Gerchberg extrapolation continues
one without any training: take the spectrum of the known pixels, keep its highest peaks, transform back, restore the
known pixels, and repeat with a lower threshold. The decoder of the bundled model starts from this draft instead of one
constant mask token, and adds what does not repeat. The models of the paper have no draft.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Extrapolation:
    """The settings of `extrapolate` under which the bundled model was trained.

    Attributes:
        steps: iterations.
        highest, lowest: the threshold in the first and the last step, as a share of the spectrum's highest amplitude;
            in between it falls geometrically.
        margin: unknown pixels added at two sides at half resolution, so that opposite edges need not match.
    """

    steps: int = 16
    highest: float = 0.5
    lowest: float = 0.015
    margin: int = 16

    def thresholds(self) -> Iterator[float]:
        """The threshold of each step."""
        for step in range(self.steps):
            yield self.highest * (self.lowest / self.highest) ** (step / (self.steps - 1))


EXTRAPOLATION = Extrapolation()  # docs/decisions.md#draft
Iteration = Callable[[Tensor, Tensor, Extrapolation], Tensor]
"""Continues what is known (B, H, W) where it is hidden (B, H, W)."""


@torch.no_grad()
def extrapolate(
    images: Tensor, masks: Tensor, settings: Extrapolation = EXTRAPOLATION, iterate: Iteration | None = None
) -> Tensor:
    """Fill the hidden patches by continuing the frequencies of the visible ones.

    The brightness is continued, at half the resolution. Each channel is a linear function of it, fitted to the visible
    pixels.

    Args:
        images: (B, 3, S, S), any value range; or (1, 3, S, S), the same image under every mask.
        masks: bool (B, L), True where hidden; no hidden pixel affects the result.
        settings: the iteration.
        iterate: how it is computed; by default with fast Fourier transforms.

    Returns:
        (B, 3, S, S) float32: visible pixels as they are, hidden ones drafted.
    """
    size, grid = int(images.shape[-1]), math.isqrt(masks.shape[1])
    images = images.float()
    visible = (~masks).float().view(-1, 1, grid, grid)
    half = visible.repeat_interleave(size // grid // 2, 2).repeat_interleave(size // grid // 2, 3)
    colour = F.avg_pool2d(images, 2)
    share = half / half.sum(dim=(2, 3), keepdim=True)
    means = (colour * share).sum(dim=(2, 3), keepdim=True)
    brightness = (colour - means).mean(dim=1, keepdim=True) * half
    variance = (brightness.square() * share).sum(dim=(2, 3), keepdim=True)
    slope = ((colour - means) * brightness * share).sum(dim=(2, 3), keepdim=True) / (variance + 1e-4)

    margin = (0, settings.margin, 0, settings.margin)
    hidden = F.pad(1 - half, margin, value=1)
    continued = (iterate or papoulis_gerchberg)(F.pad(brightness, margin)[:, 0], hidden[:, 0], settings)
    continued = continued[:, None, : size // 2, : size // 2]
    continued = F.interpolate(continued, size=(size, size), mode="bilinear", align_corners=False)
    full = visible.repeat_interleave(size // grid, 2).repeat_interleave(size // grid, 3)
    return torch.where(full > 0, images, means + slope * continued)


def papoulis_gerchberg(known: Tensor, hidden: Tensor, settings: Extrapolation) -> Tensor:
    """Continue `known` (B, H, W), which is zero where `hidden` is 1, with a falling threshold."""
    guess = continued = known
    for threshold in settings.thresholds():
        spectrum = torch.fft.rfft2(guess)
        parts = torch.view_as_real(spectrum)
        power = parts[..., 0].square() + parts[..., 1].square()
        parts.mul_((power >= threshold**2 * power.amax(dim=(1, 2), keepdim=True))[..., None])
        continued = torch.fft.irfft2(spectrum, s=known.shape[1:])
        guess = torch.addcmul(known, hidden, continued)
    return continued
