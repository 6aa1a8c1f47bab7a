"""A journal keeps the rows that were written whole, and one run writes in a folder at a time."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maeday_core.errors import DatasetError
from maeday_core.io.journal import alone_in, append_rows, mend, read_rows

ROWS = [{"path": "a b.png", "score": 0.5}, {"path": "Ä\n2", "score": None}, {"path": "\u2028", "score": 1}]


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    append_rows(path, ROWS[:1])
    append_rows(path, ROWS[1:])
    append_rows(path, [])
    assert read_rows(path, "path", "score") == ROWS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200))
def test_a_cut_off_line_is_left_out_and_mended(tmp_path, length):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row) + "\n" for row in ROWS]
    content = "".join(lines)[:length]
    path.write_text(content, encoding="utf-8")
    whole = ROWS[: content.count("\n")]
    assert read_rows(path) == whole
    mend(path)
    append_rows(path, ROWS[:1])
    assert read_rows(path) == [*whole, ROWS[0]]


def test_mending_what_is_not_there_creates_nothing(tmp_path):
    mend(tmp_path / "rows.jsonl")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"words\n", b"[1]\n", b'{"other": 1}\n', b"\xff\xfe\n", b'{"path": 1}\n\n'])
def test_a_file_that_is_no_journal_is_refused(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"rows\.jsonl is not what such a run writes; give another folder"):
        read_rows(path, "path")


def test_a_folder_takes_one_run_at_a_time(tmp_path):
    with alone_in(tmp_path), pytest.raises(DatasetError, match="Another run is writing to"), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass
