"""Frames from folders, zip archives and videos: what can be read is, what cannot is named, and nothing else stops."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maeday_core import ImageError
from maeday_core.frames.sources import Frame, LeftOut, count_frames, read_frames, unique


def picture(level: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def png(level: int) -> bytes:
    file = io.BytesIO()
    picture(level).save(file, "PNG")
    return file.getvalue()


def video(path: Path, frames: int, rate: float = 10, codec: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (64, 48))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((48, 64, 3), 5 * index % 256, np.uint8))
    writer.release()
    return path


def read(*sources: Path, **options) -> tuple[list[Frame], list[LeftOut]]:
    found = list(read_frames(sources, **options))
    return [one for one in found if isinstance(one, Frame)], [one for one in found if isinstance(one, LeftOut)]


def test_a_folder_to_the_bottom_in_order(tmp_path: Path) -> None:
    for index, name in enumerate(("b.png", "a.png", "deep/a.png", ".hidden.png", "__MACOSX/._a.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        picture(10 * index).save(path)
    (tmp_path / "broken.png").write_bytes(png(3)[:40])
    (tmp_path / "notes.txt").write_text("not a frame")
    frames, left_out = read(tmp_path)
    assert [Path(frame.path).relative_to(tmp_path).as_posix() for frame in frames] == ["a.png", "b.png", "deep/a.png"]
    assert frames[1].picture[0, 0, 0] == 0
    assert all(frame.time is None for frame in frames)
    assert [Path(one.path).name for one in left_out] == ["broken.png", "notes.txt"]
    assert "broken.png is" in left_out[0].reason
    assert "no picture, zip archive or video" in left_out[1].reason
    assert count_frames([tmp_path]) == 4


def test_the_folder_of_the_results_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("a.png", "out/b.png"):
        picture(1).save(tmp_path / name)
    frames, _ = read(tmp_path, leave=[tmp_path / "out"])
    assert len(frames) == count_frames([tmp_path], leave=[tmp_path / "out"]) == 1


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
    assert [frame.path.removeprefix(f"{path}/") for frame in frames] == ["a.png", "a (2).png", "/escaped.png"]
    assert [int(frame.picture[0, 0, 0]) for frame in frames] == [1, 2, 3]
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
    assert count_frames([path]) == 0


def test_a_video_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = video(tmp_path / "walk.avi", 60, codec="MJPG")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, left_out = read(path, every=0.5)
    assert frames
    assert "cut short or damaged" in left_out[0].reason


def test_a_video_is_sampled_by_time(tmp_path: Path) -> None:
    path = video(tmp_path / "walk.mp4", 35)
    frames, left_out = read(path, every=1.0)
    assert not left_out
    assert [frame.time for frame in frames] == [0.0, 1.0, 2.0, 3.0]
    assert [float(frame.picture.mean()) for frame in frames] == pytest.approx([0, 50, 100, 150], abs=4)
    assert count_frames([path], 1.0) == 4
    assert [frame.time for frame in read(path, every=0.25)[0]][:4] == [0.0, 0.2, 0.5, 0.7]
    assert len(read(path, every=100)[0]) == 1
    (only,), _ = read(path, every=1.0, wanted=lambda key: key == (str(path), 2.0))
    assert only.time == 2.0


@pytest.mark.parametrize("content", [b"#EXTM3U\n/etc/passwd\n", b"", b"ffconcat version 1.0\nfile other.mp4\n"])
def test_what_is_no_video_is_never_given_to_the_decoder(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fake.mp4").write_bytes(content)
    frames, left_out = read(tmp_path / "fake.mp4")
    assert not frames
    assert "no video this program can read" in left_out[0].reason


def test_a_video_of_an_unknown_codec_says_so(tmp_path: Path) -> None:
    path = video(tmp_path / "walk.avi", 3, codec="MJPG")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"ZZZZ").replace(b"\xff\xd8\xff", b"\x00\x00\x00"))
    frames, left_out = read(path)
    assert not frames
    assert "codec is not built in" in left_out[0].reason
    assert "H.264" in left_out[0].reason


@pytest.mark.parametrize("every", [0, -1, float("nan"), float("inf")])
def test_a_sampling_that_is_no_time(tmp_path: Path, every: float) -> None:
    for ask in (lambda: read(tmp_path, every=every), lambda: count_frames([tmp_path], every)):
        with pytest.raises(ImageError, match="seconds cannot be taken"):
            ask()


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(ImageError, match=r"no file or folder nowhere\.zip"):
        read(Path("nowhere.zip"))


def test_names_are_made_unique_whatever_their_case() -> None:
    taken: set[str] = set()
    names = ["a.jpg", "A.jpg", "a.jpg", "b/a.jpg"]
    assert [unique(name, taken) for name in names] == ["a.jpg", "A (2).jpg", "a (3).jpg", "b/a.jpg"]
