"""Frames from folders and zip archives: what can be read is, what cannot is named, and nothing else stops."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from maeday_core import ImageError
from maeday_core.frames import Frame, LeftOut, Sources


def picture(level: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def png(level: int) -> bytes:
    file = io.BytesIO()
    picture(level).save(file, "PNG")
    return file.getvalue()


def read(*sources: Path, **options) -> tuple[list[Frame], list[LeftOut]]:
    found = list(Sources(sources).frames(**options))
    return [one for one in found if isinstance(one, Frame)], [one for one in found if isinstance(one, LeftOut)]


def test_a_folder_to_the_bottom_in_order(tmp_path: Path) -> None:
    for index, name in enumerate(("10.png", "9.png", "deep/a.png", ".hidden.png", "__MACOSX/._a.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        picture(10 * index).save(path)
    (tmp_path / "broken.png").write_bytes(png(3)[:40])
    (tmp_path / "notes.txt").write_text("not a frame")
    frames, left_out = read(tmp_path)
    assert [Path(frame.path).relative_to(tmp_path).as_posix() for frame in frames] == ["9.png", "10.png", "deep/a.png"]
    assert frames[1].picture[0, 0, 0] == 0
    assert all(frame.time is None for frame in frames)
    assert [Path(one.path).name for one in left_out] == ["broken.png", "notes.txt"]
    assert "broken.png is" in left_out[0].reason
    assert "no picture, zip archive or video" in left_out[1].reason
    assert Sources([tmp_path]).count() == 4


def test_the_folder_of_the_results_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("a.png", "out/b.png"):
        picture(1).save(tmp_path / name)
    frames, _ = read(tmp_path, but_not=[tmp_path / "out"])
    assert len(frames) == Sources([tmp_path]).count([tmp_path / "out"]) == 1


def test_a_zip_archive_with_everything_wrong_in_it(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.png", png(2))
        archive.writestr("/escaped.png", png(3))
        archive.writestr("broken.jpg", b"no picture")
        archive.writestr("notes.txt", b"notes")
        archive.writestr("__MACOSX/._a.png", b"")
        archive.writestr("folder/", b"")
    frames, left_out = read(path)
    assert [frame.path.removeprefix(f"{path}/") for frame in frames] == ["/escaped.png", "a.png", "a (2).png"]
    assert [int(frame.picture[0, 0, 0]) for frame in frames] == [3, 1, 2]
    assert [one.path.rsplit("/", 1)[1] for one in left_out] == ["broken.jpg", "notes.txt"]
    assert list(tmp_path.parent.glob("**/escaped.png")) == []


def test_a_damaged_entry_and_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png(1))
        archive.writestr("b.png", png(2))
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(data)
    frames, left_out = read(path)
    assert len(frames) == 1
    assert "a.png is damaged in the archive" in left_out[0].reason
    (tmp_path / "no.zip").write_bytes(b"no archive")
    assert "no zip archive" in read(tmp_path / "no.zip")[1][0].reason


def test_an_archive_that_unpacks_without_a_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "frames.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.png", png(1) + b"0" * 10_000)
    assert "unusual way" in read(path)[1][0].reason
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\x01\x02", b"PK\x09\x09"))  # its list of contents is damaged
    assert "no zip archive" in read(path)[1][0].reason
    assert Sources([path]).count() == 0


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf")])
def test_a_sampling_that_is_no_time(every: float) -> None:
    with pytest.raises(ImageError, match="seconds cannot be taken"):
        Sources(["anything"], every)


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(ImageError, match=r"no file or folder nowhere\.zip"):
        read(Path("nowhere.zip"))


def test_names_leave_out_the_folder_that_they_lie_within(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    (frame,) = Sources([tmp_path / "a.png"], within=tmp_path).frames()
    assert isinstance(frame, Frame)
    assert frame.path == "a.png"


def test_frames_beyond_the_limit_are_left_out_whether_wanted_or_not(tmp_path: Path) -> None:
    for index in range(5):
        picture(index).save(tmp_path / f"{index}.png")
    sources = Sources([tmp_path], limit=3)
    assert sources.count() == 3
    for wanted, given in ((lambda key: True, 3), (lambda key: "4.png" in key[0], 0)):
        *frames, rest = sources.frames(wanted)
        assert len(frames) == given
        assert isinstance(rest, LeftOut)
        assert "More than 3 frames" in rest.reason
