"""Checks of what a file says was learned: every number finite and in its range, every list and text bounded."""

from __future__ import annotations

from typing import Any

from torch import Tensor

LARGEST = 1e6
"""No number that is learned comes near it."""
LARGEST_WHOLE = 2**63 - 1
LONGEST = 1000
"""Characters of a text."""


def whole(value: Any, least: int = 0, most: int = LARGEST_WHOLE) -> int:
    """A whole number in its range.

    Raises:
        ValueError: it is none. So do all of these.
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError("no whole number in its range")
    return value


def number(value: Any) -> float:
    """A finite number of ordinary size."""
    if type(value) not in (int, float) or not -LARGEST <= value <= LARGEST:
        raise ValueError("no number in its range")
    return float(value)


def flag(value: Any) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise ValueError("neither true nor false")
    return value


def text(value: Any) -> str:
    """A text that is no longer than `LONGEST` characters."""
    if type(value) is not str or len(value) > LONGEST:
        raise ValueError("no text, or a long one")
    return value


def items(value: Any, least: int, most: int) -> list[Any]:
    """A list with so many entries."""
    if not isinstance(value, list | tuple) or not least <= len(value) <= most:
        raise ValueError("no list with so many entries")
    return list(value)


def tensor(value: Tensor, *shape: int | None, least: float = -LARGEST) -> Tensor:
    """A tensor of this shape, None where a length is free: floating point, its numbers from `least` to `LARGEST`."""
    fits = value.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, value.shape, strict=True))
    if not fits or not value.is_floating_point():
        raise ValueError(f"no tensor of the shape {shape}")
    if value.numel() and not (least <= float(value.min()) and float(value.max()) <= LARGEST):  # false for NaN, too
        raise ValueError("no numbers in their range")
    return value
