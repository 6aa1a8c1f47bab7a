"""What the Frames tab answers: a batch as it is judged now, one frame of it, its files, or why there is none."""

from __future__ import annotations

import gradio as gr

from app.cards import Kind, message
from app.events import Answer, components
from app.files import nothing_to_download
from app.frames import cards
from app.frames.batch import SAID, Batch, State
from app.frames.layout import FramesTab
from app.frames.result_panel import HEADERS
from app.html import render
from maeday_core.frames.files import ROWS, TABLE
from maeday_core.frames.timeline import timeline
from maeday_core.texts import retold, say

FORGOTTEN = "The frames of this visit were forgotten; press Start to look at them again."
FORGOTTEN_TITLE = "Forgotten"


def shown(tab: FramesTab, batch: Batch, automatic: bool, problem: str = "", chosen: int | None = None) -> Answer:
    """The batch as it is judged now; its files are written anew before they can be downloaded.

    Args:
        tab: its components.
        batch: what is shown.
        automatic: whether the limit follows the frames.
        problem: what went wrong.
        chosen: the number of the frame that is shown at full width.
    """
    result, run, running = tab.result, tab.run, batch.state is State.RUNNING
    answer: Answer = {
        tab.batch: batch,
        tab.begun: True,
        **said(tab, batch, chosen),
        **working(tab, running),
        result.card: cards.status(batch, problem),
        run.start: gr.Button(say("Resume" if batch.state is State.PAUSED else "Start"), interactive=not running),
        run.stop: gr.Button(interactive=running or batch.state is State.PAUSED),
    }
    if not running:
        answer[result.spoken] = render("spoken", text=cards.FAILED if problem else cards.title(batch))
    if batch.judgement.verdicts:
        answer[result.limit] = limit_slider(batch, automatic)
    return answer


def said(tab: FramesTab, batch: Batch, chosen: int | None) -> Answer:
    """What changes with what the visitor says of a frame: the card, its picture, dot and row, and the files."""
    result = tab.result
    return {
        result.card: cards.status(batch),
        result.worst: cards.thumbnails(batch),
        result.timeline: timeline(batch.judgement, batch.said, chosen),
        result.table: {"headers": [say(header) for header in HEADERS], "data": cards.table(batch)},
        result.chosen.judged: cards.judged(batch),
        **{button: gr.Button(interactive=batch.idle) for button in result.chosen.judging},
        result.chosen.back: gr.Button(interactive=batch.idle and bool(batch.told.told)),
        **{button: nothing_to_download() for button in components(result.files)},
    }


def chosen(tab: FramesTab, batch: Batch, number: int | None) -> Answer:
    """One frame at full width, with its objects; nothing where the batch has none of that number."""
    verdict, panel = batch.verdict(number), tab.result.chosen
    if verdict is None:
        return {}
    return {
        panel.number: number,
        panel.column: gr.Column(visible=True),
        panel.facts: cards.facts(batch, verdict),
        panel.slider: cards.compared(batch, verdict),
        tab.result.timeline: timeline(batch.judgement, batch.said, number),
    }


def none_chosen(tab: FramesTab) -> Answer:
    """No frame is chosen."""
    return {tab.result.chosen.number: None, tab.result.chosen.column: gr.Column(visible=False)}


def files(tab: FramesTab, batch: Batch) -> Answer:
    """The files to download; none without frames."""
    if not batch.idle or not batch.judgement.verdicts:
        return {}
    report, coco, archive = batch.written()
    panel, folder = tab.result.files, batch.run.folder
    made = {panel.report: report, panel.coco: coco, panel.archive: archive}
    paths = {panel.table: folder / TABLE, panel.rows: folder / ROWS, panel.said: folder / SAID, **made}
    offered = {button: gr.DownloadButton(value=str(path), interactive=True) for button, path in paths.items()}
    return offered if (folder / SAID).stat().st_size else offered | {panel.said: nothing_to_download()}


def forgotten(tab: FramesTab) -> Answer:
    """The batch that the page shows is lost: the page says so, and shows none."""
    result = tab.result
    return {
        tab.batch: None,
        tab.begun: False,
        result.card: message(FORGOTTEN_TITLE, FORGOTTEN, "problem"),
        result.spoken: render("spoken", text=FORGOTTEN),
        result.timeline: "",
        result.table: [],
        result.worst: None,
        **none_chosen(tab),
        **working(tab, False),
        tab.run.start: gr.Button(say("Start"), interactive=True),
        **{button: nothing_to_download() for button in components(result.files)},
    }


def note(tab: FramesTab, title: str, text: str) -> Answer:
    """A run is going on."""
    return {tab.result.card: message(title, text, "busy"), **working(tab, True)}


def problem(tab: FramesTab, text: str) -> Answer:
    """A run did not begin: something is wrong."""
    return ended(tab, cards.FAILED, text, "problem")


def ended(tab: FramesTab, title: str, text: str, kind: Kind = "hint") -> Answer:
    """A run did not begin, and nothing goes on."""
    spoken = render("spoken", text=retold(title))
    return {tab.result.card: message(title, text, kind), tab.result.spoken: spoken, **working(tab, False)}


def working(tab: FramesTab, running: bool) -> Answer:
    """The buttons while a run is going on, or not."""
    run = tab.run
    enabled = {run.start: not running, run.example: not running, run.pause: running, run.stop: running}
    return {button: gr.Button(interactive=on) for button, on in enabled.items()}


def limit_slider(batch: Batch, automatic: bool) -> gr.Slider:
    """The limit's slider, reaching beyond all scores; where a visitor has put it by hand it stays."""
    judgement = batch.judgement
    top = max(judgement.threshold, *(verdict.image_score for verdict in judgement.verdicts))
    maximum = round(max(1.5 * top, 0.1), 2)
    return gr.Slider(maximum=maximum, value=round(judgement.threshold, 3)) if automatic else gr.Slider(maximum=maximum)


def lost(batch: Batch | None, begun: bool) -> bool:
    """Whether the batch that the page shows, or its files, are lost."""
    return begun and (batch is None or not batch.kept)


def not_lost(batch: Batch | None, begun: bool) -> None:
    """Go on only where the batch that the page shows is there.

    Raises:
        gradio.Error: it was forgotten.
    """
    if lost(batch, begun):
        raise gr.Error(say(FORGOTTEN), print_exception=False)
