"""The scores of a batch in the order of its frames, and the limit, as SVG: a control, or links in a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from markupsafe import Markup

from maeday_core.drawing.html import render
from maeday_core.frames.names import labels
from maeday_core.frames.triage import NOT_JUDGED, Judgements, first, times_the_limit
from maeday_core.frames.verdict import Judgement, Verdict
from maeday_core.texts import say

TIMELINE_CSS = (files("maeday_core.drawing") / "templates" / "frames_timeline.css").read_text(encoding="utf-8")
LABEL = "Scores of {count} frames from {low:.2f} to {high:.2f}; above the limit: {anomalous}"
DOT = "{name}: {factor}"
DOT_JUDGED = "{name}: {factor}; judged: {judged}"
LIMIT = "limit {limit}"
FRAMES = "Frames: arrow keys choose one"
DRAG = "Limit: drag it, or use the arrow keys"
LEGEND = {
    "anomalous": "above the limit",
    "normal": "below the limit",
    "object": "you: an object",
    "fine": "you: fine",
    "ignored": "you: ignored",
}
"""What the dots mean."""


def timeline(
    judgement: Judgement,
    judged: Judgements = NOT_JUDGED,
    chosen: int | None = None,
    links: Mapping[int, str] | None = None,
) -> Markup:
    """A dot for each frame, and the limit; nothing without frames.

    Args:
        judged: what a person said of them.
        chosen: the number of the frame that is shown.
        links: addresses by the frames' numbers, for a file in which nothing can be chosen; None for a control.
    """
    if not judgement.verdicts:
        return Markup()
    scores = [verdict.image_score for verdict in judgement.verdicts]
    plot = _Plot.of(scores, judgement.threshold)
    dots = _dots(judgement, judged, plot)
    return render(
        "frames_timeline",
        plot=plot,
        limit=judgement.threshold,
        dots=dots,
        chosen=next((dot for dot in dots if dot["number"] == chosen), None),
        links=links if links is not None else MappingProxyType({}),
        control=links is None,
        label=say(LABEL, count=len(scores), low=min(scores), high=max(scores), anomalous=len(judgement.anomalous)),
        limit_text=say(LIMIT),
        frames_text=say(FRAMES),
        drag_text=say(DRAG),
        legend=[(kind, say(meaning)) for kind, meaning in LEGEND.items() if kind in {dot["means"] for dot in dots}],
    )


def _dots(judgement: Judgement, judged: Judgements, plot: _Plot) -> list[dict[str, Any]]:
    names = labels([verdict.record for verdict in judgement.verdicts])
    ahead = {verdict.record.number for verdict in first(judgement)}
    return [
        _dot(verdict, names[verdict.record.number], judged.get(verdict.record.number, ""))
        | {
            "x": plot.x(index),
            "y": plot.y(verdict.image_score),
            "first": verdict.record.number in ahead,
        }
        for index, verdict in enumerate(judgement.verdicts)
    ]


def _dot(verdict: Verdict, name: str, judged: str) -> dict[str, Any]:
    said = say(DOT_JUDGED if judged else DOT, name=name, factor=times_the_limit(verdict), judged=say(judged))
    return {
        "number": verdict.record.number,
        "name": name,
        "label": said,
        "kind": f"{verdict.verdict} {judged}".strip(),
        "means": judged or verdict.verdict,
    }


@dataclass(frozen=True)
class _Plot:
    """The plane of the timeline: frames from left to right, scores from `low` to `top`, in units of the SVG."""

    count: int
    low: float
    top: float
    left: int = 52
    wide: int = 600
    head: int = 26
    high: int = 160

    @classmethod
    def of(cls, scores: Sequence[float], limit: float) -> _Plot:
        return cls(len(scores), min(*scores, limit), max(*scores, limit))

    @property
    def pad(self) -> float:
        """Room above and below, in units of the score."""
        return 0.14 * (self.top - self.low) or 1.0

    @property
    def ticks(self) -> list[float]:
        return [float(value) for value in np.linspace(self.low, self.top, 3)]

    @property
    def right(self) -> int:
        return self.left + self.wide

    @property
    def width(self) -> int:
        return self.right + 8

    @property
    def height(self) -> int:
        return self.head + self.high + 22

    @property
    def unit(self) -> float:
        """The height of a score of 1."""
        return self.high / (self.top - self.low + 2 * self.pad)

    @property
    def floor(self) -> float:
        """Where a score of 0 lies."""
        return self.y(0.0)

    def x(self, index: int) -> float:
        return self.left + self.wide * (index + 0.5) / self.count

    def y(self, score: float) -> float:
        return self.head + self.unit * (self.top + self.pad - score)
