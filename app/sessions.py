"""What the server keeps of visits: for an hour at most, and only as much as there is room for.

Gradio would keep a number of visits, whatever each keeps: many that keep nothing would push out one's good parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch
from gradio.state_holder import SessionState, StateHolder

MOST_VISITS = 500
"""Gradio's own copy of the page takes 0.3 MB for each."""
MOST_BYTES = int(float(os.environ.get("MAEDAY_KEPT_MB") or 2000) * 1e6)
"""Of all visits together; good parts take 3 MB, a result 5 and more."""
_sizes: dict[str, tuple[list[int], int]] = {}
"""The bytes of each visit, beside the values that they are the bytes of."""


def in_use(holder: StateHolder, name: str) -> None:
    """A visit does something; others may have to go."""
    with holder.lock:
        if name in holder.session_data:
            holder.session_data.move_to_end(name)
        for other in list(too_many({one: _kept(one, visit) for one, visit in holder.session_data.items()}, name)):
            holder.delete_state(other)
            del holder.session_data[other]
            for facts in (holder.time_last_used, _sizes):
                facts.pop(other, None)


def too_many(kept: Mapping[str, int], current: str) -> Iterator[str]:
    """The visits that have to go: of too many those that keep nothing, then the longest unused; never the current one.

    Args:
        kept: the bytes of each, the longest unused first.
        current: its name.
    """
    count, total = len(kept), sum(kept.values())
    for name in sorted(kept, key=lambda one: kept[one] > 0):
        if name != current and (count > MOST_VISITS or (total > MOST_BYTES and kept[name])):
            count, total = count - 1, total - kept[name]
            yield name


def size_of(*values: Any) -> int:
    """The bytes of arrays, tensors and files in some values, each counted once."""
    counted, left, total = set[int](), list(values), 0
    while left:
        one = left.pop()
        if id(one) in counted:
            continue
        counted.add(id(one))
        if isinstance(one, (np.ndarray, torch.Tensor)):
            total += one.nbytes
        elif isinstance(one, (bytes, bytearray)):
            total += len(one)
        elif isinstance(one, Mapping):
            left += one.values()
        elif isinstance(one, (list, tuple, set, frozenset)):
            left += one
        elif is_dataclass(one):
            left += vars(one).values()
    return total


def _kept(name: str, visit: SessionState) -> int:
    """The bytes of a visit; counted again where a value is another one, for none of them changes."""
    values = list(visit.state_data.values())
    known = list(map(id, values))
    if _sizes.get(name, (None, 0))[0] != known:
        _sizes[name] = known, size_of(*values)
    return _sizes[name][1]
