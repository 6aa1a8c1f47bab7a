"""Videos: exact times at any rate, turned upright, and a sentence on what cannot be decoded."""

import os
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from maeday_core import ImageError
from maeday_core.frames import Frame, LeftOut, Sources, video
from maeday_core.frames.kinds import START, kind

SIDE = 64


def grey(level: int) -> np.ndarray:
    return np.full((48, SIDE, 3), level, np.uint8)


def write(
    path: Path,
    times: Iterable[float],
    codec: str = "mpeg4",
    picture=lambda index: grey(5 * index % 256),
    rotation: int = 0,
    key_every: int = 12,
) -> Path:
    """Write a video whose frames have these times in seconds, to the millisecond."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = picture(0).shape[1::-1]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = key_every
        unit = Fraction(1, 10 if codec == "mjpeg" else 1000)
        stream.time_base = stream.codec_context.time_base = unit
        if rotation:
            stream.set_display_rotation(rotation)
        container.start_encoding()
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            frame.pts, frame.time_base = round(time / unit), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def steady(count: int, rate: float = 10) -> list[float]:
    return [index / rate for index in range(count)]


def read(path: Path, every: float = 1.0, **options) -> tuple[list[Frame], list[LeftOut]]:
    found = list(Sources([path], every).frames(**options))
    return [one for one in found if isinstance(one, Frame)], [one for one in found if isinstance(one, LeftOut)]


def times(path: Path, every: float = 1.0) -> list[float | None]:
    frames, left_out = read(path, every)
    assert not left_out
    return [frame.time for frame in frames]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.avi", "mjpeg")])
def test_a_video_is_sampled_by_time(tmp_path: Path, name: str, codec: str) -> None:
    path = write(tmp_path / name, steady(35), codec)
    frames, left_out = read(path)
    assert not left_out
    assert [frame.time for frame in frames] == [0.0, 1.0, 2.0, 3.0]
    assert [float(frame.picture.mean()) for frame in frames] == pytest.approx([0, 50, 100, 150], abs=4)
    assert Sources([path]).count() == 4
    assert times(path, 0.25)[:4] == [0.0, 0.2, 0.5, 0.7]
    assert times(path, 0.01) == steady(35)
    assert times(path, 100) == [0.0]


def test_only_wanted_frames_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.mp4", steady(35))
    (only,), _ = read(path, wanted=lambda key: key == (str(path), 2.0))
    assert only.time == 2.0


def test_times_are_exact_at_a_varying_rate(tmp_path: Path) -> None:
    stamps = [0, 0.04, 0.09, 1.003, 2.5, 2.533, 4.001, 9.25]
    path = write(tmp_path / "screen.mp4", stamps)
    assert times(path, 0.001) == stamps
    assert times(path, 1) == [0, 1.003, 2.5, 2.533, 4.001, 9.25]  # each the nearest to 0, 1, 2, 3, 4 to 6, 9 seconds


def test_times_count_from_the_first_frame(tmp_path: Path) -> None:
    assert times(write(tmp_path / "late.ts", [7 + time for time in steady(25)])) == [0.0, 1.0, 2.0]


def test_frames_are_those_of_decoding_everything(tmp_path: Path) -> None:
    """Passing over what lies between, with reordered frames and key frames at odd places, changes no frame."""
    path = write(tmp_path / "long.mp4", steady(400, 25), "libx264", lambda index: grey(40 + index % 180), key_every=17)
    every_frame, _ = read(path, 0.01)
    assert len(every_frame) == 400
    for every in (300, 1000, 2500, 7000):
        nearest = {min(range(0, 16000, 40), key=lambda at, due=due: abs(at - due)) for due in range(0, 16000, every)}
        frames, left_out = read(path, every / 1000)
        assert not left_out
        assert [frame.time for frame in frames] == [at / 1000 for at in sorted(nearest)]
        for frame in frames:
            assert np.array_equal(frame.picture, every_frame[round(frame.time * 25)].picture)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_rotated_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    upright = np.full((SIDE, 48, 3) if rotation % 180 else (48, SIDE, 3), 60, np.uint8)
    upright[:16, :16] = 250  # the bright corner that a person sees at the top left
    held = np.rot90(upright, -rotation // 90)
    path = write(tmp_path / "phone.mp4", steady(2), picture=lambda index: np.ascontiguousarray(held), rotation=rotation)
    ((frame,), _) = read(path)
    assert frame.picture.shape == upright.shape
    assert np.abs(frame.picture.astype(int) - upright).mean() < 5


def test_a_video_that_is_cut_short_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.avi", steady(60), "mjpeg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, left_out = read(path, 0.5)
    assert len(frames) == 6
    assert re.search("walk.avi is cut short or damaged after [23] s; what comes before was read", left_out[0].reason)


def test_a_video_that_is_damaged_in_the_middle_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.avi", steady(60), "mjpeg")
    data = path.read_bytes()
    third = len(data) // 3
    path.write_bytes(data[:third] + bytes(third) + data[2 * third :])
    frames, left_out = read(path, 0.5)
    assert frames
    assert "cut short or damaged" in left_out[0].reason


def test_a_video_without_its_end_that_holds_the_index_cannot_be_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.mp4", steady(60))
    path.write_bytes(path.read_bytes()[:-2000])
    frames, left_out = read(path)
    assert not frames
    assert "No frame of walk.mp4 can be decoded: it is damaged" in left_out[0].reason
    assert Sources([path]).count() == 1


def test_a_video_of_no_frames_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "empty.avi", [], "mjpeg")
    frames, left_out = read(path)
    assert not frames
    assert "No frame of empty.avi can be decoded" in left_out[0].reason


def test_a_video_of_an_unknown_codec_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "walk.avi", steady(3), "mjpeg")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"ZZZZ").replace(b"\xff\xd8\xff", b"\x00\x00\x00"))
    frames, left_out = read(path)
    assert not frames
    assert "codec is not built in" in left_out[0].reason
    assert "H.264" in left_out[0].reason


def test_a_video_of_too_large_frames_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_PIXELS", 48 * SIDE - 1)
    frames, left_out = read(write(tmp_path / "huge.mp4", steady(3)))
    assert not frames
    assert "huge.mp4 has frames of over" in left_out[0].reason


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"


@pytest.mark.parametrize("content", [PLAYLIST, b"", b"ffconcat version 1.0\nfile '{target}'\n", SDP])
def test_what_is_no_container_is_never_given_to_the_decoder(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(tmp_path / "other.mp4", steady(3))
    (tmp_path / "fake.mp4").write_bytes(content.replace(b"{target}", str(target).encode()))
    monkeypatch.setattr(av, "open", lambda *_, **__: pytest.fail("it was opened"))
    frames, left_out = read(tmp_path / "fake.mp4")
    assert not frames
    assert "no video this program can read" in left_out[0].reason


def test_a_playlist_that_begins_like_a_container_is_not_followed(tmp_path: Path) -> None:
    """FFmpeg itself would search a file for what it is: only containers are open to it."""
    target = write(tmp_path / "other.mp4", steady(3))
    (tmp_path / "fake.ts").write_bytes(b"G\n" + PLAYLIST.replace(b"{target}", str(target).encode()))
    frames, left_out = read(tmp_path / "fake.ts")
    assert not frames
    assert "fake.ts" in left_out[0].reason


def test_a_video_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "walk.mp4", steady(60))
    path.write_bytes(path.read_bytes()[:-2000])
    read(path)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_frame_is_left_out_and_named(tmp_path: Path) -> None:
    (still,) = video.stills(write(tmp_path / "walk.mp4", [0]), 1)

    class Corrupt:
        is_corrupt = True

    with pytest.raises(ImageError, match=r"The frame at 0 s of walk\.mp4 is damaged"):
        video.Still(still.video, still.time, Corrupt()).picture()


NAMES = ["2024-05-01T12:30:00.mp4", "http:a.mp4", "concat:a.mp4", "pipe:0.mp4", "#1.mp4", "50%d.mp4", "日本 1.mp4"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"pr\xfcfung.mp4")])
def test_a_video_of_any_name_is_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "plain.mp4", steady(15)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert times(Path(name), 0.5) == [0, 0.5, 1]
    assert Sources([name], 0.5).count() == 3


@pytest.mark.parametrize("name", ["a.3gp", "a.m2ts", "a.mts", "a.ts", "a.webm"])
def test_containers_are_known_by_name_and_content(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name == "a.webm" else "mpeg4"
    path = write(tmp_path / name, steady(15, 25), codec)
    assert len(read(tmp_path, 0.2)[0]) == Sources([tmp_path], 0.2).count()
    path.rename(tmp_path / "a.mp4")
    assert read(tmp_path, 0.2)[0]
    path = (tmp_path / "a.mp4").rename(tmp_path / "recording")
    assert read(path, 0.2)[0]


def test_the_packets_of_a_camcorder_have_four_bytes_more() -> None:
    for first, length in ((0, 188), (4, 192), (0, 204)):
        start = bytearray(600)
        start[first : first + 2 * length + 1 : length] = b"GGG"
        assert kind(bytes(start[:START])) == "video"
        start[first + length] = 0
        assert kind(bytes(start[:START])) is None


@pytest.mark.parametrize(
    "start", [b"G\nv=0\nc=IN IP4 127.0.0.1\nm=video 20391 RTP/AVP 96\n", b"GIF89a", b"RIFF\0\0\0\0WAVEfmt ", b"G" * 3]
)
def test_what_only_begins_like_a_container_is_none(start: bytes) -> None:
    assert kind(start + bytes(600)) != "video"


def test_ffmpeg_opens_nothing_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if playlists were containers, the files and addresses that they name would stay closed."""
    target = write(tmp_path / "other.ts", steady(30))
    playlist = PLAYLIST.replace(b"{target}", str(target).encode())
    (tmp_path / "list.m3u8").write_bytes(playlist)
    monkeypatch.setattr(video, "DEMUXERS", "hls,mpegts")
    monkeypatch.setattr(video, "kind", lambda start: "video")
    with pytest.raises(ImageError, match=r"No frame of list\.m3u8 can be decoded"):
        list(video.stills(tmp_path / "list.m3u8", 1))
    monkeypatch.setattr(video, "PROTOCOLS", "file")
    assert list(video.stills(tmp_path / "list.m3u8", 1)), "the test would not notice"


def test_the_count_is_at_most_the_number_of_frames(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.avi", "a.mkv"):
        path = write(tmp_path / name, steady(20), "mjpeg" if name == "a.avi" else "mpeg4")
        assert Sources([path], 0.001).count() == len(read(path, 0.001)[0]) == 20
        assert Sources([path], 0.5).count() == len(read(path, 0.5)[0]) == 4
        assert Sources([path], 1000).count() == 1


def test_a_title_that_is_no_text_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", steady(3), "mjpeg")
    data = bytearray(path.read_bytes())
    at = data.index(b"Lavf")  # the name of the program that wrote it
    data[at : at + 4] = b"\xfc\xe9\xff\xfe"
    path.write_bytes(data)
    assert times(path) == [0]
