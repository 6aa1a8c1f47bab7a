"""Folders are searched for pictures; hidden files are left out."""

import errno
import os
import re
from pathlib import Path

import pytest

from maeday_core.errors import ImageError
from maeday_core.io.folders import find_images


def test_find_images(tmp_path):
    kept = ["a.png", "b/c/x.tiff", "b/x.webp", "b/Ä 1.JPG", "z.pgm"]
    passed_over = [
        ".hidden.png",
        "._a.png",
        "b/._x.webp",
        ".git/x.png",
        "__MACOSX/a.png",
        "b/__MACOSX/._a.png",
        "notes.txt",
        "png",
    ]
    for name in kept + passed_over:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "folder.png").mkdir()
    assert find_images([tmp_path]) == [tmp_path / name for name in kept]
    assert find_images([str(tmp_path / "b" / "c")]) == [tmp_path / "b/c/x.tiff"]
    given = [tmp_path / "notes.txt", tmp_path / "._a.png", tmp_path / "b/c", tmp_path / "a.png"]
    assert find_images(given) == [given[0], given[1], tmp_path / "b/c/x.tiff", given[3]]
    assert find_images([]) == []


def test_find_images_inside_a_hidden_folder(tmp_path):
    hidden = tmp_path / ".data"
    hidden.mkdir()
    (hidden / "a.png").write_bytes(b"anything")
    assert find_images([hidden]) == [hidden / "a.png"]


@pytest.mark.parametrize("name", ["empty", "missing", "missing.png"])
def test_find_images_where_there_are_none(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "._a.png").write_bytes(b"anything")
    with pytest.raises(ImageError, match=rf"folder {name}\b") as caught:
        find_images([tmp_path / name])
    assert str(tmp_path) not in str(caught.value)


def test_a_path_that_cannot_be_looked_at_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"xxx cannot be looked at \(File name too long\)"):
        find_images([tmp_path / ("x" * 300)])


def test_a_folder_in_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    for name in ("a.png", "locked/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"anything")
    (tmp_path / "c.png").symlink_to(tmp_path / "nowhere.png")
    listdir = os.listdir

    def refused(path):
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refused)
    sentence = "locked cannot be read (Permission denied); check the name and its rights."
    with pytest.raises(ImageError, match=re.escape(sentence)):
        find_images([tmp_path])
    said, failed = [], []
    assert find_images([tmp_path], said.append, failed.append) == [tmp_path / "a.png"]
    assert ([text.split(" (")[0] for text in said], failed) == (["c.png cannot be read"], [sentence])
    assert find_images([tmp_path / "locked"], said.append, failed.append) == []
    assert failed == [sentence] * 2


def test_what_a_folder_without_pictures_holds_is_said(tmp_path):
    (tmp_path / "a.cr2").write_bytes(b"anything")
    said = []
    with pytest.raises(ImageError, match="holds no pictures"):
        find_images([tmp_path], said.append)
    assert said == [f"1 file in {tmp_path.name} passed over, no pictures by name: .cr2."]


def test_what_else_a_folder_holds_is_said_once(tmp_path):
    for name in ("a.png", "b.mp4", "c.MP4", "deep/d.txt", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"anything")
    said = []
    assert find_images([tmp_path], said.append) == [tmp_path / "a.png"]
    assert said == [f"4 files in {tmp_path.name} passed over, no pictures by name: .mp4, .txt, no ending."]


def test_linked_folders_are_looked_into_once(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(b"anything")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "loop").symlink_to(tmp_path / "here")
    said = []
    assert find_images([tmp_path / "here"], said.append) == [tmp_path / "here" / "link" / "a.png"]
    assert said == ["loop leads to a folder that was looked into already."]
