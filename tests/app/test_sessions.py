"""What the server keeps of visits: by bytes, and those that keep nothing first."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
import numpy as np
import pytest
import torch
from gradio.state_holder import StateHolder
from hypothesis import given
from hypothesis import strategies as st

from app import gradio_fixes, sessions
from app.sessions import size_of, too_many

MEGABYTE = 1_000_000


@given(st.lists(st.sampled_from([0, 1, 300, 900]), min_size=1, max_size=700), st.data())
def test_what_stays_fits_and_the_current_visit_stays(megabytes: list[int], data: st.DataObject) -> None:
    kept = {f"visit {number}": size * MEGABYTE for number, size in enumerate(megabytes)}
    current = data.draw(st.sampled_from(list(kept)))
    gone = list(too_many(kept, current))
    stays = {name: size for name, size in kept.items() if name not in gone}
    assert current in stays
    assert len(stays) <= sessions.MOST_VISITS
    assert sum(stays.values()) <= max(sessions.MOST_BYTES, kept[current])
    if sum(kept.values()) <= sessions.MOST_BYTES and any(kept[name] for name in gone):
        assert not any(size == 0 for name, size in stays.items() if name != current)


def test_the_longest_unused_goes_first() -> None:
    kept = dict.fromkeys(("oldest", "older", "current"), 900 * MEGABYTE)
    assert list(too_many(kept, "current")) == ["oldest"]
    assert list(too_many(kept, "oldest")) == ["older"]


@dataclass(frozen=True)
class Value:
    array: np.ndarray
    more: object


def test_everything_is_counted_once() -> None:
    array = np.zeros((10, 10), np.float32)
    value = Value(array, {"tensors": [torch.zeros(5), b"1234"], "again": array})
    assert size_of(value, value) == 400 + 20 + 4
    assert size_of(None, "text", 5, ()) == 0


def test_what_goes_is_deleted_as_it_would_be_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback deletes the files of a visitor; a value that is replaced is counted anew."""
    gradio_fixes.apply()
    monkeypatch.setattr(sessions, "MOST_BYTES", 1000)
    deleted: list[bytes] = []
    with gr.Blocks() as page:
        state = gr.State(None, time_to_live=60, delete_callback=deleted.append)
    holder = StateHolder()
    holder.set_blocks(page)
    first, second = bytes(600), bytes(500)
    holder["first"][state._id] = first
    holder["second"][state._id] = b"small"
    holder["second"]
    assert not deleted
    holder["second"][state._id] = second
    holder["second"]
    assert deleted == [first]
    assert "first" not in holder
    assert holder["first"][state._id] is None
