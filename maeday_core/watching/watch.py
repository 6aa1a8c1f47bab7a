"""Judge what arrives, one picture at a time, and tell how well the machine keeps up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from maeday_core.detection.result import Detection
from maeday_core.errors import MaedayError
from maeday_core.methods import Detect, last
from maeday_core.model.device import give_memory_back
from maeday_core.serving.rows import row_of
from maeday_core.watching.arrivals import Arrivals, Shot


@dataclass(frozen=True)
class Watched:
    """One verdict.

    Attributes:
        shot: what was judged.
        result: of the detection.
        row: the same for programs: that of `detect`, and `time`, `number`, `latency`, `dropped`.
    """

    shot: Shot
    result: Detection
    row: dict[str, Any]

    @property
    def alarm(self) -> bool:
        return bool(self.row["verdict"] == "anomalous")


@dataclass
class Tally:
    """What a watch has done so far.

    Attributes:
        judged, alarms: pictures.
        latency, slowest: seconds from arrival to verdict, the sum and the most.
        started: by the clock of `time.monotonic`.
    """

    judged: int = 0
    alarms: int = 0
    latency: float = 0.0
    slowest: float = 0.0
    started: float = 0.0

    def add(self, watched: Watched) -> None:
        """One more."""
        seconds = watched.row["latency"]
        self.judged, self.alarms = self.judged + 1, self.alarms + watched.alarm
        self.latency, self.slowest = self.latency + seconds, max(self.slowest, seconds)

    def told(self, source: Arrivals) -> str:
        """All of it in a sentence."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        mean = self.latency / max(self.judged, 1)
        return (
            f"{self.judged} judged in {seconds:.0f} s ({self.judged / seconds:.2g} a second), {self.alarms} alarms, "
            f"{source.dropped} dropped, lost {source.losses} times; latency {mean:.2f} s, at most {self.slowest:.2f} s."
        )


def watch(
    source: Arrivals,
    detect: Detect,
    ended: threading.Event,
    paused: threading.Event,
    threshold: float | None = None,
    every: float = 0.0,
    on_mistake: Callable[[Exception], object] | None = None,
) -> Iterator[Watched]:
    """Judge what arrives until `ended` is set; nothing is kept, so that it can go on for ever.

    Args:
        source: of the pictures.
        detect: from `methods.detector`.
        ended: ends it, after the picture in work.
        paused: while it is set, nothing is judged.
        threshold: set by hand; None for that of each picture, or of the good parts.
        every: at least so many seconds lie between two verdicts.
        on_mistake: receives what was not foreseen in a picture, which then has no verdict; None to raise it.
    """
    for shot in source.shots(ended, paused):
        start = time.monotonic()
        try:
            result = last(detect(shot.picture))
        except MaedayError:  # the same for every picture
            raise
        except Exception as error:
            if on_mistake is None:
                raise
            on_mistake(error)
            continue
        give_memory_back()
        moment = datetime.fromtimestamp(shot.arrived, UTC).isoformat(timespec="milliseconds")
        row = {
            **row_of(result, by_hand=threshold),
            "path": shot.path,
            "time": moment,
            "number": shot.number,
            "latency": round(max(0.0, time.time() - shot.arrived), 3),
            "dropped": source.dropped,
            "picture": None,
        }
        yield Watched(shot, result, row)
        ended.wait(max(0.0, every - (time.monotonic() - start)))
