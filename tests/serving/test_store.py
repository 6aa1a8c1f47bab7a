"""Files of a server: kept for a while, fetched by their names alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maeday_core.serving.rest.store import Store, safe_name


def kept(store: Store, content: bytes = b"map") -> str:
    with store.desk() as desk:
        (desk / "map.npy").write_bytes(content)
        return store.keep([desk / "map.npy"])


def test_the_oldest_go_where_they_are_too_many(tmp_path: Path) -> None:
    store = Store(tmp_path, most=10)
    tokens = [kept(store, bytes(4)) for _ in range(4)]
    assert [store.open(token, "map.npy") is not None for token in tokens[:2]] == [False, False]
    for token in tokens[2:]:
        store.open(token, "map.npy").close()
    assert {path.name for path in tmp_path.iterdir()} == set(tokens[2:])


def test_a_file_that_is_being_sent_stays_whole(tmp_path: Path) -> None:
    store = Store(tmp_path, most=4)
    with store.open(kept(store, b"old"), "map.npy") as file:
        kept(store, b"new")
        assert file.read() == b"old"


@pytest.mark.parametrize("name", ["../secret", "map.npy/../../secret", "", ".", "/etc/passwd", "map.npy\0"])
def test_no_other_file_is_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("x")
    store = Store(tmp_path)
    assert store.open(kept(store), name) is None
    assert store.open("..", "secret") is None
    assert store.open(".", "secret") is None


@given(st.text())
@example("../../etc/passwd")
@example("C:\\fakepath\\part.png")
@example("...")
@example("a" * 300 + ".png")
@example("ü" * 300)
@example(".png")
def test_a_name_from_elsewhere_is_that_of_one_file(name: str) -> None:
    safe = safe_name(name, "picture")
    assert safe
    assert safe == os.path.basename(safe)
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert len(os.fsencode(safe)) < 256
    assert safe_name(safe, "picture") == safe
