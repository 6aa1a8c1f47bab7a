"""Files are written whole or not at all, with the user's permissions, under names that never collide."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from maeday_core import OutputError
from maeday_core.io.files import (
    check_folder,
    check_place,
    printable,
    remove_temporaries,
    replacing,
    shortened,
    unique,
)
from maeday_core.model.checkpoints import save_tensors


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert names(path.parent) == ["table.csv"]


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, written, error):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            if written:
                temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_place_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is a folder"), replacing(tmp_path / "folder") as temporary:
        temporary.write_text("anything")
    assert names(tmp_path) == ["folder"]


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    path = tmp_path / "table.csv"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # its block ended last
    assert names(tmp_path) == ["table.csv"]


def test_tensors_and_header_come_back(tmp_path):
    path = tmp_path / "new" / "x.safetensors"
    tensors = {"a": torch.rand(3, 2), "b": torch.arange(4)}
    save_tensors(path, tensors, {"note": "as written"})
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt", "note": "as written"}
        assert {key: file.get_tensor(key).tolist() for key in file.keys()} == {  # noqa: SIM118
            key: value.tolist() for key, value in tensors.items()
        }
    assert names(path.parent) == ["x.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_permissions_follow_the_umask(tmp_path, mask, mode):
    path = tmp_path / "x.safetensors"
    for _ in range(2):  # a new file, and one that replaces a file with other permissions
        with umask(mask):
            save_tensors(path, {"a": torch.zeros(1)}, {})
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o604)


@given(st.lists(st.sampled_from(["a.jpg", "A.JPG", "a (2).jpg", "a", "ß.png", "SS.png", "b/a.jpg"]) | st.text()))
def test_unique_names_never_repeat_whatever_their_case(wanted):
    taken: set[str] = set()
    seen: set[str] = set()
    for name in wanted:
        free = unique(name, taken)
        assert free.casefold() not in seen
        assert free == name or name.casefold() in seen  # a free name is kept
        assert os.path.splitext(free)[1] == os.path.splitext(name)[1]
        seen.add(free.casefold())


def test_unique_counts_on_before_the_suffix():
    taken: set[str] = set()
    wanted = ["a.jpg", "A.jpg", "a.jpg", "b/a.jpg", "a (2).jpg", "a.png"]
    expected = ["a.jpg", "A (2).jpg", "a (3).jpg", "b/a.jpg", "a (2) (2).jpg", "a.png"]
    assert [unique(name, taken) for name in wanted] == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "There is no space left in {folder}; make room there"),
        (OSError("65536 requested and 6112 written"), "There is no space left in {folder}; make room there"),
        (PermissionError(errno.EACCES, "Permission denied"), "kept.txt cannot be written (Permission denied);"),
    ],
)
def test_what_the_system_says_is_a_sentence(tmp_path, error, words):
    def write():
        with replacing(tmp_path / "kept.txt"):
            raise error

    with pytest.raises(OutputError) as caught:
        write()
    assert words.format(folder=tmp_path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"folder is a folder; give the name of a file\.$"):
        check_place(tmp_path / "folder")
    with pytest.raises(OutputError, match="cannot be written"):
        check_place(tmp_path / "file" / "deeper.txt")
    check_place(tmp_path / "new" / "file.txt")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "new"]


@pytest.mark.parametrize("check", [check_place, check_folder])
def test_a_full_disk_is_refused_before_the_work(tmp_path, monkeypatch, check):
    """It takes a name, but nothing in it."""

    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    place = tmp_path / "folder"
    with pytest.raises(OutputError, match=f"no space left in {re.escape(str(place))};"):
        check(place if check is check_folder else place / "file.txt")
    assert not list(place.iterdir())


@given(st.text(min_size=1, max_size=300))
def test_a_shortened_stem_makes_a_name_for_any_file_system(stem):
    stem = stem.encode("utf-8", "replace").decode()
    short = shortened(stem, "-error-map.npy")
    assert stem.startswith(short)
    assert len(os.fsencode(f"{short} (1000)-error-map.npy")) <= 255
    assert short == stem or len(os.fsencode(short)) > 220


def test_what_a_killed_program_left_is_removed_and_nothing_else(tmp_path):
    temporary = f".{'0a' * 16}"
    names = [f"{temporary}.csv", f"{temporary}.npy", f"{temporary}x.csv", f"{temporary[1:]}.csv", ".lock", "a.csv"]
    for name in names:
        (tmp_path / name).touch()
    remove_temporaries(tmp_path, ".csv", ".jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
    remove_temporaries(tmp_path / "nowhere", ".csv")


def test_what_is_printed_is_one_line_that_steers_no_terminal():
    assert printable("部品 1.png") == "部品 1.png"
    assert printable("a\nb\x1b[2J\udcfc\u202e.png") == r"a\nb\x1b[2J\udcfc\u202e.png"
