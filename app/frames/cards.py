"""What the Frames tab shows of a batch: cards, table rows and thumbnails, drawn from values alone."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from markupsafe import Markup

from app.cards import Kind, message
from app.errors import without_folders
from app.frames.batch import Batch, State
from app.html import render
from maeday_core.frames import Judgement, Verdict
from maeday_core.frames.report import annotated
from maeday_core.frames.verdict import objects_text
from maeday_core.io.files import printable
from maeday_core.io.images import RGBImage

WORST = 12
"""The gallery shows so many frames."""
NAMED = 20
"""The card names so many of those left out."""
BOXES = 8
"""The facts on a frame list so many objects."""


def status(batch: Batch, problem: str = "") -> Markup:
    """The card on a batch: what was found, how far the run is, and what was left out."""
    reasons = [without_folders(one.reason) for one in batch.left_out]
    beneath = render("frames_left_out", count=len(reasons), reasons=reasons[:NAMED]) if reasons else Markup()
    if problem:
        text = f"{problem} What was done is kept. {_progress(batch)}"
        return message("This did not work", text, "problem", beneath)
    return message(_title(batch), _progress(batch) + _findings(batch.judgement), _kind(batch), beneath)


def facts(verdict: Verdict) -> Markup:
    """The numbers of one frame and its objects."""
    return render("frames_facts", verdict=verdict, boxes=verdict.boxes[:BOXES], objects=objects_text)


def table(judgement: Judgement) -> list[list[Any]]:
    """A row for each frame, the worst first."""
    return [
        [
            verdict.record.number + 1,
            f"{verdict.image_score:.3f}",
            verdict.verdict,
            printable(verdict.record.path),
            "" if verdict.record.time is None else f"{verdict.record.time:g}",
            len(verdict.boxes),
        ]
        for verdict in judgement.worst
    ]


def thumbnails(judgement: Judgement) -> list[tuple[RGBImage, str]]:
    """The worst frames with their objects."""
    return [
        (annotated(judgement, verdict, labels=False), f"{verdict.image_score:.2f} · {verdict.record.name}")
        for verdict in judgement.worst[:WORST]
    ]


def duration(seconds: float) -> str:
    """A time in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _title(batch: Batch) -> str:
    count = len(batch.judgement.verdicts)
    if not count:
        return "Starting" if batch.state is State.RUNNING else "No frame could be read"
    if batch.judgement.anomalous:
        return batch.judgement.title
    return f"Nothing unusual in {count} frame{'s' * (count > 1)}"


def _kind(batch: Batch) -> Kind:
    if batch.state is State.RUNNING:
        return "busy"
    if batch.judgement.anomalous:
        return "anomalous"
    return "calm" if batch.judgement.verdicts else "problem"


def _progress(batch: Batch) -> str:
    verdicts = batch.judgement.verdicts
    done, total = len(verdicts), max(batch.total, len(verdicts))
    if batch.state is State.RUNNING:
        left = fmean([verdict.record.seconds for verdict in verdicts] or [0]) * (total - done)
        return f"{done} of {total} frames so far, about {duration(left)} left. "
    if batch.state is State.PAUSED:
        return f"Paused after {done} of {total} frames; Resume goes on. "
    return f"Stopped after {done} of {total} frames. " if batch.state is State.STOPPED else ""


def _findings(judgement: Judgement) -> str:
    count = sum(len(verdict.boxes) for verdict in judgement.anomalous)
    found = f"{objects_text(count)} above the threshold {judgement.threshold:.2f}. " if count else ""
    ignored = " What was painted is ignored." if judgement.baseline.ignore is not None else ""
    return found + judgement.reason + ignored
