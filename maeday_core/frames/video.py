"""Videos: frames by their exact time stamps, turned upright, one at a time."""

from __future__ import annotations

import contextlib
import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from maeday_core.errors import ImageError
from maeday_core.frames.kinds import START, kind
from maeday_core.io import remote
from maeday_core.io.images import MAX_PIXELS, RGBImage

SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".avi", ".divx", ".mkv", ".webm", ".ogv"),
        *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".wmv", ".asf"),
    }
)
DEMUXERS = "mov,avi,matroska,ogg,mpeg,asf,mpegts"
"""The containers that FFmpeg may open. No playlist is among them: it names other files, which would be read."""
PROTOCOLS = "none"
"""The protocols by which FFmpeg may open a file or an address itself: the one file it reads is handed to it open."""
CUT_SHORT = 0.9
"""A video that ends before this share of its stated length is reported as cut short."""
NOMINAL_RATE = 25
"""Frames a second where a video does not state its rate."""
REORDERED = 16
"""H.264 and HEVC reorder at most so many frames: how far the time stamps of an index may lie from the frames'."""


@dataclass(frozen=True)
class Still:
    """One frame of a video, decoded, but not converted yet.

    Attributes:
        video: the file's name.
        time: seconds since the first frame, to the millisecond.
        frame: as PyAV decoded it.
    """

    video: str
    time: float
    frame: av.VideoFrame

    def picture(self) -> RGBImage:
        """The frame upright, uint8 (H, W, 3).

        Raises:
            ImageError: it is damaged or too large.
        """
        if (
            self.frame.is_corrupt or self.frame.width * self.frame.height > MAX_PIXELS
        ):  # the stream states its first size
            raise ImageError(f"The frame at {self.time:g} s of {self.video} is damaged.")
        upright = np.rot90(self.frame.to_ndarray(format="rgb24"), self.frame.rotation // 90)
        return np.ascontiguousarray(upright, dtype=np.uint8)


def count(path: Path, every: float) -> int:
    """About how many frames `stills` will give, by what the file states; 1 where it states nothing."""
    try:
        with _opened(path) as (container, stream):
            length, rate = _length(container, stream), Fraction(stream.guessed_rate or NOMINAL_RATE)
            return max(1, min(math.ceil(length / Fraction(every)), stream.frames or math.ceil(length * rate)))
    except ImageError:
        return 1


def has_index(path: Path) -> bool:
    """Whether a video says where its key frames are, so that it can be gone through in parts."""
    try:
        with _opened(path) as (_, stream):
            return any(entry.is_keyframe for entry in stream.index_entries)
    except ImageError:
        return False


def stills(path: Path, every: float, first: int = 0, until: int | None = None) -> Iterator[Still]:
    """Of each multiple of `every` seconds the nearest frame, each frame once, in the order of their times.

    Where the container has an index, what lies between is passed over undecoded.

    Args:
        path: of the video.
        every: seconds.
        first, until: only the multiples from the first on and before the other; None for up to the end. All parts of a
            video give what the whole gives, unless it is damaged: the parts behind the damage may give more.

    Raises:
        ImageError: the file is no video, has too large frames, or cannot be decoded; after the last frame that could
            be decoded: it is cut short or damaged.
    """
    period = Fraction(every).limit_denominator(1_000_000)
    with _opened(path) as (container, stream):
        if stream.width * stream.height > MAX_PIXELS:
            raise ImageError(f"{path.name} has frames of over {MAX_PIXELS // 1_000_000} megapixels; make it smaller.")
        stream.thread_type = "AUTO"
        unit, nominal = _unit(stream), 1 / Fraction(stream.guessed_rate or NOMINAL_RATE)
        keys = [entry.timestamp for entry in stream.index_entries if entry.is_keyframe]
        start, last, end, lost = None, first - 1, Fraction(0), Fraction(0)
        for frame in _decoded(container, stream):
            if frame is None:
                lost += nominal
                continue
            stamp = (start or 0) + end if frame.pts is None else frame.pts * unit
            begun, start = start is None, stamp if start is None else start
            time, duration = stamp - start, frame.duration * unit or nominal
            end = max(end, time + duration)
            nearest_to = int((time + duration / 2) // period)
            if until is not None and nearest_to >= until:
                return
            if nearest_to > last:
                last = nearest_to
                yield Still(path.name, round(float(time), 3), frame)
            elif not begun:
                continue
            wanted = start + (last + 1) * period - REORDERED * nominal
            _pass_over(container, stream, keys, math.floor(stamp / unit), math.floor(wanted / unit))
        if start is None:
            raise _undecodable(path)
        if until is None and end - lost < CUT_SHORT * _length(container, stream):
            raise ImageError(
                f"{path.name} is cut short or damaged after {float(end - lost):.0f} s; what comes before was read."
            )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream.

    The file is handed over open, so that no name is taken for a protocol, and by its first bytes it is a video.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(remote.opened(path))
            start = file.read(START)
        except OSError as error:
            raise ImageError(
                f"{path.name} cannot be read ({error.strerror}); check the name and its permissions."
            ) from error
        if kind(start) != "video":
            raise ImageError(f"{path.name} is no video this program can read; save it as MP4 with H.264.")
        file.seek(0)
        try:
            options = {"format_whitelist": DEMUXERS, "protocol_whitelist": PROTOCOLS}
            container = av.open(file, "r", options=options, metadata_errors="replace")
        except av.FFmpegError as error:
            raise _undecodable(path) from error
        with container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:  # the decoder of an unknown codec
                raise _undecodable(path)
            yield container, stream


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame | None]:
    """The frames in the order of their times, None for each damaged packet; the end is where reading fails."""
    with contextlib.suppress(av.FFmpegError):
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                yield None


def _pass_over(container: InputContainer, stream: VideoStream, keys: list[int], now: int, wanted: int) -> None:
    """Go on at the last key frame up to `wanted`, if it comes after `now`; all are in units of the stream."""
    at = bisect_right(keys, wanted) - 1
    if at >= 0 and keys[at] > now:
        with contextlib.suppress(av.FFmpegError):
            container.seek(keys[at], stream=stream)


def _unit(stream: VideoStream) -> Fraction:
    """Seconds that a time stamp of the stream counts in."""
    return stream.time_base or Fraction(1, av.time_base)


def _length(container: InputContainer, stream: VideoStream) -> Fraction:
    """The stated length in seconds; 0 where there is none."""
    if stream.duration:
        return stream.duration * _unit(stream)
    return Fraction(container.duration or 0, av.time_base)


def _undecodable(path: Path) -> ImageError:
    return ImageError(
        f"No frame of {path.name} can be decoded: it is damaged, or its codec is not built in; convert it, for "
        "instance with ffmpeg, to MP4 with H.264."
    )
