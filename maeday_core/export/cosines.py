"""The draft's iteration in real arithmetic, for engines without fast Fourier transforms.

The spectrum of a real picture is made of products of cosines and sines. Cosines see only what is even about the first
row and column, sines only what is odd, so a picture of n x n is kept as four tiles of n/2 + 1 rows and columns, one of
them upright and three mirrored; sums and differences of the tiles are its even and odd parts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maeday_core.model.draft import Extrapolation


def papoulis_gerchberg(known: Tensor, hidden: Tensor, settings: Extrapolation) -> Tensor:
    """What `draft.papoulis_gerchberg` does, up to rounding, by products of matrices: (B, n, n) with n even."""
    size = known.shape[-1]
    forward, back = _waves(size)
    known, hidden = _tiles(known, size), _tiles(hidden, size)
    guess = continued = known
    for threshold in settings.thresholds():
        spectrum = forward[:, None] @ _sums(guess) @ forward.transpose(1, 2)
        kept = _highest(spectrum, threshold)
        continued = _sums(back[:, None] @ kept @ back.transpose(1, 2))
        guess = known + hidden * continued
    return _picture(continued)


def _waves(size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (2, frequencies, places) of a transform, and (2, places, frequencies) of its inverse."""
    numbers = torch.arange(size // 2 + 1, dtype=torch.float64)
    angles = 2 * torch.pi * torch.outer(numbers, numbers) / size
    weight = torch.ones_like(numbers)
    weight[[0, -1]] = 0.5  # the first and the middle row are their own mirrors, and are counted twice
    waves = torch.stack([angles.cos() * weight, angles.sin()])
    return waves.float(), (waves * 2 / size).float()


def _tiles(picture: Tensor, size: int) -> Tensor:
    """(B, n, n) -> (B, 2, 2, n/2 + 1, n/2 + 1): by whether rows, and whether columns are mirrored."""
    upright = torch.arange(size // 2 + 1)
    places = torch.cat([upright, (-upright) % size])
    half = size // 2 + 1
    return picture[:, places][:, :, places].view(-1, 2, half, 2, half).transpose(2, 3)


def _picture(tiles: Tensor) -> Tensor:
    """The inverse of `_tiles`."""
    rows = torch.cat([tiles[:, :, 0], tiles[:, :, 1, :, 1:-1].flip(-1)], dim=-1)
    return torch.cat([rows[:, 0], rows[:, 1, 1:-1].flip(-2)], dim=-2)


def _sums(tiles: Tensor) -> Tensor:
    """Even and odd parts of tiles, and tiles of even and odd parts: sums and differences along both axes."""
    rows = torch.stack([tiles[:, 0] + tiles[:, 1], tiles[:, 0] - tiles[:, 1]], dim=1)
    return torch.stack([rows[:, :, 0] + rows[:, :, 1], rows[:, :, 0] - rows[:, :, 1]], dim=2)


def _highest(spectrum: Tensor, threshold: float) -> Tensor:
    """What of a spectrum (B, 2, 2, h, h), by cosines and sines of rows and columns, is above a share of its highest.

    The frequencies (k, l) and (k, -l) share a place; their real and imaginary parts are sums of the four.
    """
    both, column, row, neither = spectrum[:, 0, 0], spectrum[:, 0, 1], spectrum[:, 1, 0], spectrum[:, 1, 1]
    parts = torch.stack([both - neither, column + row, both + neither, row - column], dim=1)
    power = parts.square().view(-1, 2, 2, *parts.shape[2:]).sum(dim=2, keepdim=True)
    limit = threshold**2 * power.amax(dim=(1, 2, 3, 4), keepdim=True)
    kept = (parts.view(-1, 2, 2, *parts.shape[2:]) * (power >= limit) / 2).view(parts.shape)
    rows = kept[:, 0] + kept[:, 2], kept[:, 1] - kept[:, 3], kept[:, 1] + kept[:, 3], kept[:, 2] - kept[:, 0]
    return torch.stack(rows, dim=1).view(spectrum.shape)
