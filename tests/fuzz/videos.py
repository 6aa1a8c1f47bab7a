"""Hostile videos: damaged containers and streams, playlists and other things under a video's name."""

from __future__ import annotations

import functools
import io
import random

import av
import numpy as np

from tests.fuzz.damage import damaged

CONTAINERS = {
    ".mp4": ("mp4", "mpeg4"),
    ".mov": ("mov", "mjpeg"),
    ".avi": ("avi", "mjpeg"),
    ".mkv": ("matroska", "mpeg4"),
    ".ts": ("mpegts", "mpeg2video"),
    ".mpg": ("mpeg", "mpeg1video"),
}
IMPOSTORS = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
    b"ffconcat version 1.0\nfile /etc/passwd\n",
    b"G\nv=0\nc=IN IP4 127.0.0.1\nm=video 20391 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    b"<?xml version='1.0'?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>",
    b"\0\0\0\x18ftypisom" + bytes(20),
    b"\0\0\0\x08mdat" * 100_000,
    b"\x1a\x45\xdf\xa3" + b"\xff" * 1000,
    b"RIFF\xff\xff\xff\xffAVI LIST",
    b"OggS" * 1000,
    b"G" * 188 * 50,
    b"",
)


def video(rng: random.Random) -> tuple[str, bytes]:
    """A suffix and the bytes of a file that is, or pretends to be, a video."""
    suffix = rng.choice(sorted(CONTAINERS))
    if rng.random() < 0.15:
        return suffix, rng.choice(IMPOSTORS)
    content = _film(rng.choice(sorted(CONTAINERS)), rng.choice((16, 64, 320)), rng.choice((1, 12, 60)))
    return suffix, content if rng.random() < 0.1 else damaged(content, rng)


@functools.cache
def _film(suffix: str, side: int, count: int) -> bytes:
    form, codec = CONTAINERS[suffix]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = side
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index in range(count):
            picture = np.full((side, side, 3), index * 4 % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()
