"""Corrections as a file: what was said last of a picture holds, in whatever order files are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maeday_core.errors import DatasetError
from maeday_core.io.corrections import Correction, Label, load_corrections, merged, now, save_corrections

CORRECTIONS = st.lists(
    st.builds(
        Correction,
        picture=st.sampled_from(["a" * 64, "b" * 64, "c" * 64]),
        label=st.sampled_from(Label),
        time=st.sampled_from(["2026-01-01T08:00:00+00:00", "2026-01-01T09:00:00+02:00", "2026-01-02T08:00:00+00:00"]),
        at=st.sampled_from([None, 1.5]),
    ),
    max_size=8,
)


@given(CORRECTIONS, CORRECTIONS, st.randoms())
def test_the_order_of_what_is_merged_does_not_matter(one: list, other: list, random) -> None:
    together = one + other
    random.shuffle(together)
    both = merged(one, other)
    assert [(c.key, c.label) for c in both] == [(c.key, c.label) for c in merged(together)]
    assert {c.key for c in both} == {c.key for c in together}
    assert merged(both) == both


def test_the_later_word_holds() -> None:
    early = Correction("a" * 64, Label.NORMAL, "2026-01-01T09:30:00+02:00")
    late = Correction("a" * 64, Label.DEFECT, "2026-01-01T08:00:00+00:00")
    assert merged([late], [early]) == (late,)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    said = [
        Correction("a" * 64, Label.NORMAL, now(), (1, 2, 30, 40), "part.png"),
        Correction("b" * 64, Label.DEFECT, now(), at=2.5),
    ]
    save_corrections(said, tmp_path / "said.jsonl")
    assert load_corrections(tmp_path / "said.jsonl") == tuple(said)
    (tmp_path / "both.jsonl").write_bytes((tmp_path / "said.jsonl").read_bytes() * 2)
    assert load_corrections(tmp_path / "both.jsonl") == tuple(said)


def said(fact: bytes) -> bytes:
    """A line with another fact."""
    return b'{"picture": "%s", "label": "normal", "time": "2026-01-01", %s}\n' % (b"a" * 64, fact)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe", "it is no text"),
        (b"nothing\n", "Line 1 of"),
        (b"\n[]\n", "Line 2 of"),
        (b'{"picture": "a", "label": "normal", "time": "2026-01-01"}\n', "Line 1 of"),
        (b'{"picture": "%s", "label": "perhaps", "time": "2026-01-01"}\n' % (b"a" * 64), "Line 1 of"),
        (b'{"picture": "%s", "label": "normal", "time": "today"}\n' % (b"a" * 64), "Line 1 of"),
        (said(b'"at": Infinity'), "Line 1 of"),
        (said(b'"at": 1' + b"0" * 400), "Line 1 of"),
        (said(b'"box": [0, 0, Infinity, 1]'), "Line 1 of"),
        (said(b'"box": [0, 0, 1e12, 1]'), "Line 1 of"),
        (said(b'"box": [-1, 0, 1, 1]'), "Line 1 of"),
    ],
)
def test_what_is_no_correction_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "said.jsonl").write_bytes(content)
    with pytest.raises(DatasetError, match=problem):
        load_corrections(tmp_path / "said.jsonl")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_corrections(tmp_path / "none.jsonl")
