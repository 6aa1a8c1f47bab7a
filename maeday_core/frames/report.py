"""What a run leaves to look at: pictures of the frames to look at first, and one self-contained HTML page."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from maeday_core import __version__
from maeday_core.drawing.html import jpeg_bytes, render
from maeday_core.frames.names import labels
from maeday_core.frames.pictures import annotated
from maeday_core.frames.timeline import TIMELINE_CSS, timeline
from maeday_core.frames.triage import (
    NOT_JUDGED,
    Judgements,
    first,
    headline,
    ranks,
    sentences,
    times_the_limit,
    to_judge,
)
from maeday_core.frames.verdict import Judgement, Verdict, objects_text
from maeday_core.io.files import make_folder, replacing, writing
from maeday_core.io.folders import LeftOut
from maeday_core.texts import LANGUAGE, say

ANOMALOUS, LOOK = "anomalous", "look_first"
"""Folders of pictures: of the anomalous frames, and of the others that are worth a look first."""
REPORT = "report.html"
WORST = 24
"""The report shows so many frames."""
WRITTEN = "Written on {date} by MAEDAY {version}."
JUDGED = "{count} of {total} frames to look at were judged by a person."


def write_report(
    folder: Path, judgement: Judgement, left_out: Sequence[LeftOut] = (), judged: Judgements = NOT_JUDGED
) -> Path:
    """Write `report.html`, and each frame to look at first, annotated, into a folder, in place of those before.

    Returns:
        The path of the report.
    """
    _clear(folder)
    places = ranks(judgement)
    figures: list[tuple[Verdict, str]] = []
    for verdict in first(judgement):
        jpeg = jpeg_bytes(annotated(judgement, verdict))
        name = f"{places[verdict.record.number]:03}-{verdict.record.safe_name}.jpg"
        with writing(path := folder / (ANOMALOUS if verdict.anomalous else LOOK) / name):
            path.write_bytes(jpeg)
        if len(figures) < WORST:
            figures.append((verdict, "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()))
    page = _page(judgement, figures, left_out, judged)
    with replacing(folder / REPORT) as path:
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return folder / REPORT


def _page(
    judgement: Judgement, figures: Sequence[tuple[Verdict, str]], left_out: Sequence[LeftOut], judged: Judgements
) -> Markup:
    """The page, with the pictures of some frames as addresses that hold them."""
    numbers = [verdict.record.number for verdict in judgement.verdicts]
    pictured = {verdict.record.number for verdict, _ in figures}
    links = {number: f"#{'frame' if number in pictured else 'row'}-{number}" for number in numbers}
    return render(
        "frames_report",
        judgement=judgement,
        title=headline(judgement, judged),
        sentences=sentences(judgement, judged),
        said=say(JUDGED, count=len(judged), total=to_judge(judgement, judged)) if judged else "",
        timeline=timeline(judgement, judged, links=links),
        timeline_css=TIMELINE_CSS,
        figures=figures,
        pictured=pictured,
        ranks=ranks(judgement),
        labels=labels([verdict.record for verdict in judgement.verdicts]),
        judged=judged,
        left_out=left_out,
        settings=judgement.verdicts[0].record.settings if judgement.verdicts else {},
        written=say(WRITTEN, date=time.strftime("%Y-%m-%d %H:%M"), version=__version__),
        language=LANGUAGE.get(),
        objects_text=objects_text,
        times_the_limit=times_the_limit,
    )


def _clear(folder: Path) -> None:
    """Make the folders of pictures, and remove the pictures of before."""
    for name in (ANOMALOUS, LOOK):
        make_folder(folder / name)
        for old in (folder / name).glob("*.jpg"):
            old.unlink()
