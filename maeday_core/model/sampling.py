"""The names of the ways to draw masks, which the command line needs before it needs torch."""

from __future__ import annotations

from typing import Literal

Sampling = Literal["random", "balanced"]
"""`random`: each mask is drawn on its own, as in the paper. `balanced`: the masks of a group show no patch twice."""
