"""What a run gives, and where it stands: the timeline, what to look at first, one frame, all frames, the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.cards import message
from app.figure import COMPARE
from app.gradio_fixes import CLAMPED
from app.html import render

HINT = (
    "Which of these frames should you look at first?",
    "Add photos, a zip of them or a video, and press Start. They are judged against each other, with no reference.",
)
HEADERS = {"Rank": 60, "Frame": 150, "x limit": 85, "Score": 80, "Verdict": 85, "Objects": 85, "You": 85}
"""Columns of the table, and their widths in pixels."""
TIMELINE_JS = Path(__file__).with_name("frames.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class ChosenPanel:
    """One frame at full width, and what the visitor says of it; `number` is the frame's."""

    number: gr.State
    column: gr.Column
    facts: gr.HTML
    judged: gr.HTML
    object: gr.Button
    fine: gr.Button
    ignore: gr.Button
    back: gr.Button
    load: gr.UploadButton
    slider: gr.HTML
    inspect: gr.Button

    @property
    def judging(self) -> tuple[gr.Button, gr.Button, gr.Button]:
        """The buttons that judge the frame."""
        return self.object, self.fine, self.ignore


@dataclass(frozen=True)
class FilesPanel:
    """Files to download."""

    table: gr.DownloadButton
    rows: gr.DownloadButton
    report: gr.DownloadButton
    coco: gr.DownloadButton
    said: gr.DownloadButton
    archive: gr.DownloadButton


@dataclass(frozen=True)
class ResultPanel:
    """What a run gives so far."""

    card: gr.HTML
    spoken: gr.HTML
    timeline: gr.HTML
    limit: gr.Slider
    auto: gr.Checkbox
    follow: gr.Checkbox
    worst: gr.Gallery
    chosen: ChosenPanel
    table: gr.Dataframe
    files: FilesPanel


def result_panel() -> ResultPanel:
    """Lay out what a run gives."""
    return ResultPanel(
        card=gr.HTML(message(*HINT), elem_id="frames-card"),
        spoken=gr.HTML(render("spoken", text=""), elem_id="frames-spoken"),
        timeline=gr.HTML("", js_on_load=TIMELINE_JS, elem_id="frames-timeline"),
        worst=gr.Gallery(
            label="Look at these first: click one",
            columns=5,
            height=220,
            object_fit="contain",
            format="jpeg",
            interactive=False,
            allow_preview=False,
            buttons=[],
            elem_id="frames-worst",
        ),
        chosen=_chosen(),
        limit=gr.Slider(
            0,
            3,
            1,
            step=0.01,
            label="Limit",
            buttons=[],
            info="Drag the line above, or move it here: the model does not run again.",
            elem_id="frames-threshold",
            elem_classes=CLAMPED,
        ),
        auto=gr.Checkbox(
            True,
            label="automatic: what is unusual among these or the clean frames",
            container=False,
            elem_id="frames-auto",
        ),
        follow=gr.Checkbox(
            False,
            label="moved by what you say: above what is fine, below a missed object",
            container=False,
            elem_id="frames-follow",
        ),
        table=_table(),
        files=_files(),
    )


def _table() -> gr.Dataframe:
    return gr.Dataframe(
        headers=list(HEADERS),
        datatype="str",
        type="array",
        interactive=False,
        label="All frames, the worst first: click one",
        max_height=420,
        wrap=True,
        column_widths=[f"{width}px" for width in HEADERS.values()],
        elem_id="frames-table",
    )


def _chosen() -> ChosenPanel:
    number = gr.State(None)
    with gr.Column(visible=False, elem_id="frames-chosen") as column:
        facts = gr.HTML("", elem_id="frames-facts")
        with gr.Row(equal_height=True, elem_id="frames-judging"):
            objects = gr.Button("Object (y)", size="md", elem_id="frames-object", min_width=90)
            fine = gr.Button("Fine (n)", size="md", elem_id="frames-fine", min_width=90)
            ignore = gr.Button("Ignore here in all (i)", size="md", elem_id="frames-ignore-here", min_width=90)
        judged = gr.HTML("", elem_id="frames-judged")
        with gr.Row(equal_height=True):
            back = gr.Button("Take the last one back (u)", size="sm", interactive=False, elem_id="frames-back")
            load = gr.UploadButton("Load corrections", file_types=[".jsonl"], size="sm", elem_id="frames-load-said")
        slider = gr.HTML("", js_on_load=COMPARE, elem_id="frames-slider")
        inspect = gr.Button("Open in Inspect, with its masks", size="sm", elem_id="frames-inspect")
    return ChosenPanel(number, column, facts, judged, objects, fine, ignore, back, load, slider, inspect)


def _files() -> FilesPanel:
    with gr.Row():
        return FilesPanel(
            _download("Table (CSV)", "frames-csv"),
            _download("JSON Lines", "frames-jsonl"),
            _download("Report (HTML)", "frames-report"),
            _download("COCO (JSON)", "frames-coco"),
            _download("Corrections", "frames-said"),
            _download("Everything (zip)", "frames-zip"),
        )


def _download(label: str, elem_id: str) -> gr.DownloadButton:
    return gr.DownloadButton(label, interactive=False, size="sm", elem_id=elem_id, min_width=90)
