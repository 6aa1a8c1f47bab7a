"""What a visit saw through its camera: counts, alarms, and a line for each verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.inspect.inspected import OVERLAY, THUMBNAIL, small
from app.inspect.question import Question
from maeday_core.detection.decision import Verdict
from maeday_core.drawing.cards import factor_of
from maeday_core.drawing.shown import Shown, overlay_pair, reduced
from maeday_core.io.table import csv_text
from maeday_core.serving.rows import row_of
from maeday_core.texts import say
from maeday_core.watching.sinks import COLUMNS, cells

MOST_ALARMS = 30
"""Alarms that are kept; the oldest goes first."""
MOST_LINES = 5000
"""Verdicts that the table keeps: an hour at a little more than one a second."""
SOURCE = "camera"
TOLD = "Frames judged: {judged}, dropped meanwhile: {dropped}. Alarms: {alarms}. A verdict takes {seconds:.1f} s."


@dataclass(frozen=True)
class Frame:
    """A frame as the browser sent it.

    Attributes:
        number: counts all that it sent since the recording began, from 1.
        file: a JPEG file.
        arrived: when its turn came.
    """

    number: int
    file: bytes = field(repr=False)
    arrived: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Alarm:
    """Frames above the limit, one after another.

    Attributes:
        number: counted from 1.
        since: when the first one arrived.
        frames: how many were judged so.
        worst: the one that is the most times its limit.
        question, view: what was asked of it and found in it, small.
        thumbnail: a JPEG file of it under its map.
    """

    number: int
    since: datetime
    frames: int
    worst: Frame
    question: Question
    view: Shown = field(repr=False)
    thumbnail: bytes = field(repr=False)

    @property
    def factor(self) -> float:
        """The score of the worst as a multiple of its limit."""
        return self.view.result.image_score / max(self.view.limit, 1e-9)

    @property
    def factor_told(self) -> str:
        """The same in words."""
        return say("{factor} x the limit", factor=factor_of(self.view.result.image_score, self.view.limit))

    def joined_by(self, other: Alarm) -> Alarm:
        """The next frame is above the limit, too."""
        worst = other if other.factor > self.factor else self
        return replace(worst, number=self.number, since=self.since, frames=self.frames + 1)


@dataclass(frozen=True)
class Seen:
    """All of it.

    Attributes:
        judged, dropped: frames; those that came while another one was judged are dropped.
        latency: seconds from a frame to its verdict, the sum.
        count: of the alarms.
        alarms: the last ones, the latest last.
        ongoing: whether the last frame is part of the last alarm.
        last: the number of the last frame.
        lines: of the table.
    """

    judged: int = 0
    dropped: int = 0
    latency: float = 0.0
    count: int = 0
    alarms: tuple[Alarm, ...] = ()
    ongoing: bool = False
    last: int = 0
    lines: tuple[str, ...] = field(default=(), repr=False)

    def plus(self, frame: Frame, question: Question, view: Shown) -> Seen:
        """One more verdict."""
        latency = (datetime.now(UTC) - frame.arrived).total_seconds()
        before = self.last if self.last < frame.number else 0  # a recording counts from 1
        dropped = self.dropped + frame.number - before - 1
        row = row_of(view.result, by_hand=view.by_hand) | {
            "time": frame.arrived.isoformat(timespec="milliseconds"),
            "number": self.judged + 1,
            "path": SOURCE,
            "latency": round(latency, 3),
            "dropped": dropped,
            "picture": None,
        }
        seen = replace(
            self,
            judged=self.judged + 1,
            dropped=dropped,
            latency=self.latency + latency,
            last=frame.number,
            lines=(*self.lines, csv_text([cells(row)]))[-MOST_LINES:],
        )
        if view.verdict is not Verdict.ANOMALOUS:
            return replace(seen, ongoing=False)
        return seen._alarmed(frame, question, view)

    def _alarmed(self, frame: Frame, question: Question, view: Shown) -> Seen:
        small_view = reduced(view, OVERLAY)
        thumbnail = small(overlay_pair(small_view, own_scale=False)[1], THUMBNAIL)
        alarm = Alarm(self.count + 1, frame.arrived, 1, frame, question, small_view, thumbnail)
        if self.ongoing:
            return replace(self, alarms=(*self.alarms[:-1], self.alarms[-1].joined_by(alarm)))
        return replace(self, count=self.count + 1, alarms=(*self.alarms, alarm)[-MOST_ALARMS:], ongoing=True)

    def of(self, number: int) -> Alarm | None:
        """The alarm of a number; None if it is not kept any more."""
        return next((one for one in self.alarms if one.number == number), None)

    @property
    def table(self) -> str:
        """A line for each verdict, as `maeday watch` writes them."""
        return csv_text([COLUMNS]) + "".join(self.lines)

    @property
    def told(self) -> str:
        """How it goes, in a sentence."""
        if not self.judged:
            return ""
        told = (
            "Frames judged: {judged}, dropped meanwhile: {dropped}. Alarms: {alarms}. A verdict takes {seconds:.1f} s."
        )
        seconds = self.latency / self.judged
        return say(told, judged=self.judged, alarms=self.count, dropped=self.dropped, seconds=seconds)
