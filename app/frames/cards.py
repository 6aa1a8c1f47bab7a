"""What the Frames tab shows of a batch: cards, table rows and thumbnails, drawn from values alone."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from markupsafe import Markup

from app.cards import Kind, message
from app.errors import without_folders
from app.figure import figure
from app.frames.batch import Batch, State
from app.gpu import DURATIONS, ZERO_GPU
from app.html import render
from maeday_core.drawing.html import jpeg_uri
from maeday_core.drawing.pictures import reduced
from maeday_core.frames import Verdict
from maeday_core.frames.names import labels
from maeday_core.frames.pictures import annotated, close_up
from maeday_core.frames.triage import (
    confirmed,
    first,
    has_reference,
    headline,
    left,
    sentences,
    times_the_limit,
    to_judge,
)
from maeday_core.frames.verdict import objects_text
from maeday_core.io.images import RGBImage
from maeday_core.texts import decimal, retold, say

WORST = 24
"""The gallery shows so many frames."""
TILE = 480
"""The longer side of a picture in the gallery, in pixels."""
CLOSE_UP = 240
NAMED = 20
"""The card names so many of those left out."""
LEAST_LEFT = 5
"""Seconds; less is not told as a number, nor is the last frame's, after which all are compared."""
BOXES = 8
"""The facts on a frame list so many objects."""
ABOVE, BELOW = "above", "below"

FAILED = "This did not work"
KEPT = "{problem} What was done is kept."
STARTING, NONE_READ = "Starting", "No frame could be read"
LOOKED_AT = "{done} of {total} looked at"
LEFT = "About {time} left; what to look at first may still change."
LENT = "A GPU is lent for {seconds} s at a time; the run goes on over as many as it takes."
NEARLY = "A moment left; what to look at first may still change."
ALL_LOOKED_AT = "All are looked at; now they are compared."
PAUSED = "Paused after {done} of {total} frames; Resume goes on."
STOPPED = "Stopped after {done} of {total} frames."
ELSEWHERE = "Corrections of pictures that are not here: {count}; they stay in the file."
JUDGED = "{done} of {total} judged by you"
CAPTION, CAPTION_JUDGED = "{name} · {factor}", "{name} · {factor} · {judged}"
SECONDS, MINUTES = "{count:.0f} s", "{count:.0f} min"


def status(batch: Batch, problem: str = "") -> Markup:
    """The card on a batch: what was found, how far the run is, and what was left out."""
    reasons = [retold(without_folders(one.reason)) for one in batch.left_out]
    beneath = render("frames_left_out", count=len(reasons), reasons=reasons[:NAMED]) if reasons else Markup()
    told = _progress(batch)
    if problem:
        return message(FAILED, " ".join([say(KEPT, problem=problem), *told]), "problem", beneath)
    if batch.state is not State.RUNNING:
        told += sentences(batch.judgement, batch.said)
        if elsewhere := len(batch.told.loaded):
            told.append(say(ELSEWHERE, count=elsewhere))
    elif ZERO_GPU:
        told.append(say(LENT, seconds=DURATIONS.watch))
    return message(title(batch), " ".join(told), _kind(batch), beneath)


def title(batch: Batch) -> str:
    """What was found, or how far the run is: what it finds may still change."""
    done = len(batch.judgement.verdicts)
    if batch.state is State.RUNNING:
        return say(LOOKED_AT, done=done, total=max(batch.total, done)) if done else STARTING
    return headline(batch.judgement, batch.said) if done else NONE_READ


def facts(batch: Batch, verdict: Verdict) -> Markup:
    """One frame: its numbers, its objects, and its most unusual place from near by."""
    near = close_up(batch.judgement, verdict)
    return render(
        "frames_facts",
        verdict=verdict,
        factor=times_the_limit(verdict),
        boxes=verdict.boxes[:BOXES],
        objects=objects_text,
        near=None if near is None else jpeg_uri(reduced(near, CLOSE_UP)),
        judged=batch.said.get(verdict.record.number),
    )


def compared(batch: Batch, verdict: Verdict) -> Markup:
    """A frame and, over it, the frame under its map; the slider between them stands at the left."""
    covered = annotated(batch.judgement, verdict, heat=True)
    pictures = [(verdict.record.picture(), say("The frame")), (covered, say("The frame under its map"))]
    return figure(say("Frame | how unusual"), pictures, say("How much of the frame lies bare"))


def judged(batch: Batch) -> Markup:
    """How many of the frames to look at first the visitor has judged."""
    done, total = len(batch.said), to_judge(batch.judgement, batch.said)
    return render("frames_judged", text=say(JUDGED, done=done, total=total), all=done == total)


def table(batch: Batch) -> list[list[Any]]:
    """A row for each frame, the worst first; no verdict as long as it may change."""
    final = batch.state is not State.RUNNING
    return [
        [
            rank,
            verdict.record.name,
            decimal(f"{verdict.image_score / verdict.threshold:.2f}") if verdict.threshold else "",
            decimal(f"{verdict.image_score:.3f}"),
            say(ABOVE if verdict.anomalous else BELOW) if final else "",
            len(verdict.boxes) if final else "",
            say(batch.said.get(verdict.record.number, "")),
        ]
        for rank, verdict in enumerate(batch.judgement.worst, 1)
    ]


def thumbnails(batch: Batch) -> list[tuple[RGBImage, str]]:
    """The frames to look at first, with their objects, or their most unusual place ringed."""
    judgement = batch.judgement
    names = labels([verdict.record for verdict in judgement.verdicts])

    def caption(verdict: Verdict) -> str:
        number, factor = verdict.record.number, times_the_limit(verdict)
        judged = batch.said.get(number, "")
        return say(CAPTION_JUDGED if judged else CAPTION, name=names[number], factor=factor, judged=say(judged))

    shown = first(judgement)[:WORST]
    return [(annotated(judgement, verdict, labels=False, side=TILE), caption(verdict)) for verdict in shown]


def duration(seconds: float) -> str:
    """A time in words."""
    return say(SECONDS, count=seconds) if seconds < 90 else say(MINUTES, count=seconds / 60)


def _kind(batch: Batch) -> Kind:
    if batch.state is State.RUNNING:
        return "busy"
    if not batch.judgement.verdicts:
        return "problem"
    if batch.said and not left(batch.judgement, batch.said):
        return "anomalous" if confirmed(batch.said) else "hint"
    if batch.judgement.anomalous or confirmed(batch.said):
        return "anomalous"
    return "calm" if has_reference(batch.judgement) else "look"


def _remaining(frames: int, each: float) -> str:
    """How long a run takes from here on, in words: a guess of few seconds is none."""
    if not frames:
        return say(ALL_LOOKED_AT)
    seconds = frames * each
    return say(NEARLY) if frames == 1 or seconds < LEAST_LEFT else say(LEFT, time=duration(seconds))


def _progress(batch: Batch) -> list[str]:
    verdicts = batch.judgement.verdicts
    done, total = len(verdicts), max(batch.total, len(verdicts))
    if batch.state is State.RUNNING:
        each = [verdict.record.seconds for verdict in verdicts]
        return [_remaining(total - done, fmean(each))] if each else []
    words = {State.PAUSED: PAUSED, State.STOPPED: STOPPED}.get(batch.state)
    return [say(words, done=done, total=total)] if words else []
