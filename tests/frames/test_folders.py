"""Folders as they are: links, loops, rights, and names that are no text."""

import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from maeday_core.frames import Frame, LeftOut, Sources
from maeday_core.io.files import printable
from tests.frames.test_sources import picture, png, read


def found(*sources: Path, below: Path) -> tuple[list[str], list[str]]:
    frames, left_out = read(*sources)
    assert Sources(sources).count() == len(frames)
    return [str(Path(frame.path).relative_to(below)) for frame in frames], [one.reason for one in left_out]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    for folder in (source / "deep", elsewhere):
        folder.mkdir(parents=True)
        picture(1).save(folder / "a.png")
    (source / "link").symlink_to(elsewhere)
    (source / "deep" / "loop").symlink_to(source)
    (elsewhere / "itself").symlink_to(elsewhere)
    (source / "one.png").symlink_to(elsewhere / "a.png")
    (source / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (source / "round.png").symlink_to(source / "round.png")
    names, reasons = found(source, below=source)
    assert names == ["deep/a.png", "link/a.png", "one.png"]
    assert sorted(reason.split("; ")[0] for reason in reasons) == [
        "gone.png cannot be read (No such file or directory)",
        "itself leads to a folder that was looked into already.",
        "loop leads to a folder that was looked into already.",
        "round.png cannot be read (Too many levels of symbolic links)",
    ]


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "sub/b.png", "z.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(1).save(tmp_path / name)
    whole = os.listdir

    def listdir(path):
        if Path(path).name == "sub":  # as for a user without root's rights
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "listdir", listdir)
    names, reasons = found(tmp_path, below=tmp_path)
    assert names == ["a.png", "z.png"]
    assert reasons == ["sub cannot be read (Permission denied); check the name and its rights."]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir(mode=0)
    picture(1).save(tmp_path / "a.png")
    assert len(found(tmp_path, below=tmp_path)[1]) == 1


@pytest.mark.slow
def test_folders_of_any_depth(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(1050):  # more than Python calls functions within each other
        deep = deep / "d"
        deep.mkdir()
    picture(1).save(deep / "a.png")
    assert len(read(tmp_path)[0]) == 1
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # which Python's own cannot


def test_one_source_that_is_missing_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    frames, left_out = read(tmp_path / "no.png", tmp_path / "a.png", tmp_path / "nowhere")
    assert len(frames) == 1
    assert [one.reason for one in left_out] == [
        "There is no file or folder no.png; check the name.", "There is no file or folder nowhere; check the name."
    ]  # fmt: skip


def test_files_that_are_none_by_their_names_are_said_once(tmp_path: Path) -> None:
    for index in range(300):
        (tmp_path / f"{index}.txt").touch()
    picture(1).save(tmp_path / "a.png")
    names, reasons = found(tmp_path, below=tmp_path)
    assert names == ["a.png"]
    assert reasons == ["0.txt and 299 others are no picture, zip archive or video by their names."]


@pytest.mark.parametrize("form", ["TIFF", "GIF", "WEBP", "PNG"])
def test_pages_after_the_first_are_named(tmp_path: Path, form: str) -> None:
    first, *others = [Image.new("RGB", (60, 40), (90 * index, 0, 0)) for index in range(3)]
    first.save(tmp_path / f"a.{form.lower()}", form, save_all=True, append_images=others)
    first.save(tmp_path / f"b.{form.lower()}", form)
    names, reasons = found(tmp_path, below=tmp_path)
    assert len(names) == 2
    assert reasons == [f"a.{form.lower()} holds several pictures; only the first is looked at."]


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    """A picture by the name of a video or an archive is read as what it is."""
    for name in ("a.mp4", "b.zip", "c.tiff", "d.mts"):
        (tmp_path / name).write_bytes(png(7))
    (tmp_path / "e.heic.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    frames, left_out = read(tmp_path)
    assert [int(frame.picture[0, 0, 0]) for frame in frames if isinstance(frame, Frame)] == [7] * 4
    assert "HEIC" in left_out[0].reason


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"pr\xfcfung")
    for suffix in (".png", ".mp4", ".zip", ".txt"):
        (tmp_path / f"{name}{suffix}").write_bytes(png(1) if suffix == ".png" else b"\0\0\0\x18ftypisom")
    frames, left_out = read(tmp_path)
    assert [Path(frame.path).name for frame in frames] == [f"{name}.png"]
    assert len(left_out) == 3
    assert all(isinstance(one, LeftOut) and printable(name) in one.reason for one in left_out)
