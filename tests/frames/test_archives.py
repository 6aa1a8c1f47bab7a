"""Zip archives of strangers: bounded before anything is unpacked, and named for what is odd in them."""

import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from maeday_core.frames import Frame, LeftOut, Sources, archives
from maeday_core.io import images
from tests.frames.test_sources import png, read

END = b"PK\x05\x06"


def packed(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def reasons(*sources: Path, **options) -> list[str]:
    frames, left_out = read(*sources, **options)
    assert not frames
    return [one.reason for one in left_out]


def names(path: Path) -> list[str]:
    return [frame.path.removeprefix(f"{path}/") for frame in read(path)[0]]


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each reading of an entry gave."""
    lengths: list[int] = []
    whole = zipfile.ZipExtFile.read

    def measured(self, n=-1):
        data = whole(self, n)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(zipfile.ZipExtFile, "read", measured)
    return lengths


@pytest.mark.parametrize("zip64", [False, True])
def test_too_many_entries_are_refused_before_their_names_are_read(tmp_path: Path, zip64: bool) -> None:
    path = tmp_path / "n.zip"
    count = 70_000 if zip64 else 20_001
    packed(path, {f"{i}.png": b"" for i in range(count)}, zipfile.ZIP_STORED)
    assert (b"PK\x06\x06" in path.read_bytes()[-200:]) == zip64
    tracemalloc.start()
    assert reasons(path) == ["n.zip holds more than 20000 files; pack them into several archives."]
    assert Sources([path]).count() == 0
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_number_of_entries_that_is_a_lie_helps_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "n.zip", {f"{i}.png": png(1) for i in range(30)})
    data = bytearray(path.read_bytes())
    at = data.rindex(END)
    data[at + 8 : at + 12] = struct.pack("<HH", 3, 3)
    path.write_bytes(data)
    monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
    assert "holds more than 20 files" in reasons(path)[0]
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 100)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("its names were read"))
    assert "holds more than 20 files" in reasons(path)[0]


def overlapping(path: Path, content: bytes, count: int) -> Path:
    """Many names for one run of bytes, as `zipfile` itself would not write it."""
    packed(path, {"0.png": content})
    with zipfile.ZipFile(path, "a") as archive:
        (first,) = archive.filelist
        for number in range(1, count):
            other = zipfile.ZipInfo(f"{number}.png")
            for name in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(other, name, getattr(first, name))
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True
    return path


def test_entries_that_share_their_bytes_are_refused_before_they_are_unpacked(tmp_path: Path, unpacked) -> None:
    path = overlapping(tmp_path / "bomb.zip", png(1) + os.urandom(100_000), 400)
    assert Sources([path]).count() == 400
    frames, left_out = read(path)
    assert len(frames) == 1
    assert len(left_out) == 399
    assert all("shares its bytes with another entry of the archive" in one.reason for one in left_out)
    assert sum(unpacked) < 200_000


def test_entries_that_lie_within_another_are_refused(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", {"b.png": png(2)}, zipfile.ZIP_STORED).read_bytes()
    path = packed(tmp_path / "a.zip", {"a.png": inner, "c.png": png(3)}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "a") as archive:
        nested = zipfile.ZipFile(io.BytesIO(inner)).filelist[0]
        nested.header_offset += 30 + len("a.png")
        archive.filelist.append(nested)
        archive.NameToInfo["b.png"] = nested
        archive._didModify = True
    assert names(path) == ["b.png", "c.png"]
    assert "a.png shares its bytes" in read(path)[1][0].reason


def test_what_is_packed_too_often_is_refused_before_it_is_unpacked(tmp_path: Path, unpacked) -> None:
    path = packed(tmp_path / "zeros.zip", {"a.png": png(1) + bytes(20_000_000)})
    assert "a.png is packed more than 200 times over, which no photo is" in reasons(path)[0]
    assert not unpacked


def test_a_small_picture_of_one_colour_may_be_packed_often(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (400, 400)).save(file, "BMP")
    path = packed(tmp_path / "black.zip", {"a.bmp": file.getvalue()})
    assert path.stat().st_size * 200 < len(file.getvalue())
    assert names(path) == ["a.bmp"]


def noise(size: int) -> bytes:
    return os.urandom(size)


def test_what_begins_like_no_picture_is_not_unpacked_further(tmp_path: Path, unpacked) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": noise(5_000_000), "b.jpg": b"\0\0\0\x18ftypheic" + noise(5_000_000)})
    first, second = reasons(path)
    assert "a.png is not a picture" in first
    assert "b.jpg is a HEIC" in second
    assert sum(unpacked) < 200_000


def test_a_picture_that_is_too_large_is_not_unpacked_further(tmp_path: Path, unpacked) -> None:
    header = bytearray(png(1)[:33])
    header[16:24] = struct.pack(">II", 100_000, 100_000)
    header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
    path = packed(tmp_path / "a.zip", {"a.png": bytes(header) + png(1)[33:] + noise(5_000_000)})
    assert "larger than 50 megapixels" in reasons(path)[0]
    assert sum(unpacked) < 200_000


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_pictures_of_every_format_are_read_whole(tmp_path: Path, form: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, form)
    suffix = {"JPEG": "jpg", "TIFF": "tif"}.get(form, form.lower())
    path = packed(tmp_path / "a.zip", {f"a.{suffix}": file.getvalue()})
    ((frame,), left_out) = read(path)
    assert not left_out
    assert np.array_equal(frame.picture, images.load_image(file.getvalue()))


def test_a_jpeg_whose_size_comes_late_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 40)).save(file, "JPEG", icc_profile=noise(300_000))
    assert names(packed(tmp_path / "a.zip", {"a.jpg": file.getvalue()})) == ["a.jpg"]


def test_names_from_windows_and_names_that_lead_out(tmp_path: Path) -> None:
    entries = [
        "shots\\a.png",
        "__MACOSX\\._a.png",
        ".hidden\\b.png",
        "../c.png",
        "x/../../d.png",
        "..\\e.png",
        "./f.png",
    ]
    path = tmp_path / "frames.zip"
    packed(path, {name: png(1) for name in entries} | {"folder\\": b""})
    frames, left_out = read(path)
    assert [frame.path.removeprefix(f"{path}/") for frame in frames] == ["./f.png", "shots/a.png"]
    assert Sources([path]).count() == 2
    assert [one.reason for one in left_out] == [
        f"{name} leads out of the archive by its name; pack it again."
        for name in ("../c.png", "../e.png", "x/../../d.png")
    ]


def test_entries_that_are_refused_count_towards_the_limit(tmp_path: Path, unpacked) -> None:
    path = packed(tmp_path / "a.zip", {f"{i}.png": noise(200_000) for i in range(50)})
    *found, rest = Sources([path], limit=5).frames()
    assert len(found) == 5
    assert isinstance(rest, LeftOut)
    assert "More than 5 frames" in rest.reason
    assert sum(unpacked) < 5 * 70_000


def test_what_is_no_picture_by_its_name_is_said_once(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {f"{i}.txt": b"label" for i in range(1000)} | {"a.png": png(1)})
    frames, left_out = read(path)
    assert len(frames) == 1
    assert [one.reason for one in left_out] == ["0.txt and 999 others are no picture by their names."]


def test_a_name_of_two_lines_is_told_in_one(tmp_path: Path) -> None:
    frames, left_out = read(packed(tmp_path / "a.zip", {"a\nb.jpg": b"no picture"}))
    assert not frames
    assert [one.reason.partition(" ")[0] for one in left_out] == ["a\\nb.jpg"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_spoilt_archive_gives_frames_and_sentences(tmp_path: Path, data) -> None:
    path = tmp_path / "a.zip"
    packed(path, {"a.png": png(1), "b.jpg": png(2), "notes.txt": b"notes"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    for found in Sources([path]).frames():
        assert isinstance(found, Frame) or "\n" not in found.reason
    assert Sources([path]).count() <= 3
