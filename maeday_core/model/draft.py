"""The draft: what the visible pixels alone suggest for the hidden ones, by continuing their frequencies.

A small transformer blurs a fine repeating pattern where it should continue it. Classical signal processing continues
one with no training at all: Papoulis-Gerchberg extrapolation takes the spectrum of what is known, keeps what stands
out, goes back, restores what is known, and lowers the bar. The bundled model's decoder starts from that draft instead
of one constant mask token; what does not repeat it fills in itself. The paper's models have no draft.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = 16
HIGHEST, LOWEST = 0.5, 0.015  # the bar, as a share of the spectrum's highest peak
MARGIN = 16  # unknown pixels around the picture, so that its opposite edges need not match


@torch.no_grad()
def draft(images: Tensor, masks: Tensor) -> Tensor:
    """Fill the hidden patches by continuing the frequencies of the visible ones.

    The brightness is continued, at half the resolution; each channel follows it as it does in the visible pixels.

    Args:
        images: (B, 3, S, S), any value range; or (1, 3, S, S), one image shared by all masks.
        masks: bool (B, L), True where hidden; nothing of a hidden pixel enters the result.

    Returns:
        (B, 3, S, S) float32: visible pixels as they are, hidden ones drafted.
    """
    batch, size = len(masks), images.shape[-1]
    grid = round(masks.shape[1] ** 0.5)
    images = images.float()
    visible = (~masks).float().view(batch, 1, grid, grid)
    half = visible.repeat_interleave(size // grid // 2, 2).repeat_interleave(size // grid // 2, 3)
    colour = F.avg_pool2d(images, 2)
    share = half / half.sum(dim=(2, 3), keepdim=True)
    means = (colour * share).sum(dim=(2, 3), keepdim=True)
    brightness = (colour - means).mean(dim=1, keepdim=True) * half
    variance = (brightness.square() * share).sum(dim=(2, 3), keepdim=True)
    follow = ((colour - means) * brightness * share).sum(dim=(2, 3), keepdim=True) / (variance + 1e-4)

    margin = (0, MARGIN, 0, MARGIN)
    continued = _continue(F.pad(brightness, margin)[:, 0], F.pad(1 - half, margin, value=1)[:, 0])
    continued = continued[:, None, : size // 2, : size // 2]
    continued = F.interpolate(continued, size=(size, size), mode="bilinear", align_corners=False)
    full = visible.repeat_interleave(size // grid, 2).repeat_interleave(size // grid, 3)
    return torch.where(full > 0, images, means + follow * continued)


def _continue(known: Tensor, hidden: Tensor) -> Tensor:
    """Papoulis-Gerchberg extrapolation of (B, H, W), zero where `hidden` is 1, with a falling bar."""
    guess = known
    for step in range(STEPS):
        bar = HIGHEST * (LOWEST / HIGHEST) ** (step / (STEPS - 1))
        spectrum = torch.fft.rfft2(guess)
        parts = torch.view_as_real(spectrum)
        power = parts[..., 0].square() + parts[..., 1].square()
        parts.mul_((power >= bar**2 * power.amax(dim=(1, 2), keepdim=True))[..., None])
        continued = torch.fft.irfft2(spectrum, s=known.shape[1:])
        guess = torch.addcmul(known, hidden, continued)
    return continued
