"""What arrives: the newest frame of a camera or stream, or the next picture that a folder receives."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np

from maeday_core.errors import ImageError
from maeday_core.io.images import SUFFIXES, RGBImage, load_image

PATIENCE_MS = 5000
"""After so many milliseconds without a frame a stream counts as lost."""
RETRY = (0.5, 10.0)
"""Seconds before a lost camera is opened again: at first, and at most; it doubles in between."""
LOOK = 0.2
"""Seconds between two looks into a folder; a file that did not change from one to the next is whole."""
SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")

Say = Callable[[str], object]


@dataclass(frozen=True)
class Shot:
    """A picture that arrived.

    Attributes:
        path: of the source, without a password; of a folder, of the picture.
        number: counts what was given from 1.
        arrived: seconds, as `time.time` has it.
        picture: uint8 (H, W, 3).
    """

    path: str
    number: int
    arrived: float
    picture: RGBImage = field(repr=False)


class Arrivals(Protocol):
    """Gives pictures as they arrive.

    `dropped` counts those that came while another one was judged, `losses` how often the source was lost.
    """

    dropped: int
    losses: int

    def shots(self, ended: threading.Event, paused: threading.Event) -> Iterator[Shot]:
        """The pictures, until `ended` is set; none while `paused` is."""


def arrivals(source: str, say: Say = lambda sentence: None) -> Arrivals:
    """What a source stands for: the number of a camera, the address of a stream, or a folder.

    Raises:
        ImageError: it is none of them.
    """
    if source.isdecimal():
        return Camera(int(source), f"camera {source}", say)
    if urlsplit(source).scheme in SCHEMES:
        return Camera(source, without_password(source), say)
    if Path(source).is_dir():
        return Folder(Path(source), say)
    raise ImageError(
        f"{source} is no folder, no number of a camera, and no address of a stream ({', '.join(SCHEMES)}); "
        "a file is for `maeday frames`."
    )


def without_password(address: str) -> str:
    """An address as it can be shown."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="").geturl()


class Camera:
    """A camera or a stream, read without end by a thread of its own, so that the newest frame is always at hand.

    One that is lost is opened again until it is back; one that never opens, too: it may be switched on later.
    """

    def __init__(self, source: int | str, name: str, say: Say):
        self.dropped = self.losses = 0
        self._source, self._name, self._say = source, name, say
        self._newest = deque[tuple[float, RGBImage]](maxlen=1)
        self._there = threading.Condition()

    def shots(self, ended: threading.Event, paused: threading.Event) -> Iterator[Shot]:
        """The newest frame each time; what came in between is dropped."""
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self._read, ended, paused)
            try:
                yield from self._newest_of(reading, ended, paused)
            finally:
                ended.set()

    def _newest_of(self, reading: Future[None], ended: threading.Event, paused: threading.Event) -> Iterator[Shot]:
        number = 0
        while not ended.is_set():
            if reading.done():
                reading.result()  # which raises what was not foreseen
            with self._there:
                self._there.wait_for(lambda: self._newest or ended.is_set(), timeout=LOOK)
                found = self._newest.pop() if self._newest else None
            if found and not paused.is_set():
                number += 1
                yield Shot(self._name, number, found[0], np.ascontiguousarray(found[1][..., ::-1]))

    def _read(self, ended: threading.Event, paused: threading.Event) -> None:
        wait = RETRY[0]
        while not ended.is_set():
            opened = self._open()
            try:
                if count := self._read_all(opened, ended, paused):
                    wait = RETRY[0]
                if not ended.is_set() and (count or wait == RETRY[0]):
                    self.losses += 1
                    lost = "is lost" if count else "does not open"
                    self._say(f"{self._name} {lost}; it is tried again until it is there.")
            finally:
                opened.release()
            ended.wait(wait)
            wait = min(2 * wait, RETRY[1])

    def _open(self) -> cv2.VideoCapture:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is lost is said once, in a sentence
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        if isinstance(self._source, int):
            return cv2.VideoCapture(self._source)
        patience = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, PATIENCE_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, PATIENCE_MS]
        return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, patience)

    def _read_all(self, opened: cv2.VideoCapture, ended: threading.Event, paused: threading.Event) -> int:
        """Read until the source is lost; returns how many frames came."""
        count = 0
        while not ended.is_set():
            there, frame = opened.read()
            if not there:
                return count
            if count == 0 and self.losses:
                self._say(f"{self._name} is there.")
            count += 1
            with self._there:
                if self._newest and not paused.is_set():
                    self.dropped += 1
                self._newest.append((time.time(), np.asarray(frame, np.uint8)))
                self._there.notify()
        return count


class Folder:
    """A folder that fills: every picture that is new in it, as soon as it is whole; none is dropped."""

    def __init__(self, folder: Path, say: Say):
        self.dropped = self.losses = 0
        self._folder, self._say = folder, say
        self._known = set(self._sizes())
        if self._known:
            there = "1 picture that is" if len(self._known) == 1 else f"{len(self._known)} pictures that are"
            say(f"{there} in {folder} already, passed over: `maeday detect` judges them.")

    def shots(self, ended: threading.Event, paused: threading.Event) -> Iterator[Shot]:
        """The new pictures in the order of their times."""
        before: dict[Path, tuple[float, int]] = {}
        number, lost = 0, False
        while not ended.is_set():
            sizes = self._sizes()
            if lost != (not self._folder.is_dir()):
                lost = not lost
                self.losses += lost
                self._say(f"{self._folder} {'cannot be read; it is looked into again' if lost else 'is there'}.")
            whole = [path for path, state in sizes.items() if path not in self._known and before.get(path) == state]
            for path in sorted(whole, key=lambda path: (sizes[path], path)) if not paused.is_set() else ():
                self._known.add(path)
                try:
                    shot = Shot(str(path), number + 1, sizes[path][0], load_image(path))
                except ImageError as error:
                    self._say(f"error: {error}")
                    continue
                number += 1
                yield shot
                if ended.is_set() or paused.is_set():
                    break
            before = sizes
            self._known &= sizes.keys() if not lost else self._known
            ended.wait(LOOK)

    def _sizes(self) -> dict[Path, tuple[float, int]]:
        """Time and size of each picture file that is there now."""
        found = {}
        try:
            entries = [*os.scandir(self._folder)]
        except OSError:
            return {}
        for entry in entries:
            if Path(entry.name).suffix.lower() in SUFFIXES and not entry.name.startswith("."):
                try:
                    state = entry.stat()
                except OSError:  # it is gone again
                    continue
                found[Path(entry.path)] = state.st_mtime, state.st_size
        return found
