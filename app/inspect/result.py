"""What a detection gives, and what stands where of it."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.events import mark
from app.gradio_fixes import CLAMPED, OFFERED
from app.inspect.maps import lay_out_maps
from app.inspect.said import SaidPanel, lay_out_said
from app.inspect.settings import MASKS
from maeday_core.detection.decision import ALARM_RATE

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""The shares of false alarms to choose from."""
COPY = """element.addEventListener("click", event => {
    if (!event.target.closest("button")) return;
    const line = element.querySelector("code");
    getSelection().selectAllChildren(line);
    const done = () => { event.target.textContent = event.target.dataset.done; };
    navigator.clipboard?.writeText(line.textContent).then(done);
});"""
"""A page that comes by plain http from elsewhere may not write to the clipboard; there the line is selected."""


@dataclass(frozen=True)
class MasksPanel:
    """What the model saw: one mask by its number, and all of them, which are made once `every` is opened."""

    column: gr.Column
    index: gr.Slider
    saw: gr.HTML
    every: gr.Accordion
    opened: gr.Checkbox
    gallery: gr.HTML


@dataclass(frozen=True)
class ResultPanel:
    """What a detection gives, and how it is shown; `column` holds all but what it belongs to and the verdict."""

    subject: gr.HTML
    verdict: gr.HTML
    column: gr.Column
    overlay: gr.HTML
    heat: gr.HTML
    threshold: gr.Slider
    auto: gr.Checkbox
    for_all: gr.Button
    alarm_rate: gr.Radio
    own_scale: gr.Radio
    figure: gr.DownloadButton
    error_map: gr.DownloadButton
    report: gr.DownloadButton
    coco: gr.DownloadButton
    before_and_after: gr.HTML
    evidence: gr.HTML
    places: gr.Radio
    why: gr.HTML
    masks: MasksPanel
    command: gr.HTML

    @property
    def judged_by(self) -> set[Block]:
        """What decides the verdict on a result, beside the result."""
        return {self.threshold, self.auto, self.alarm_rate}


def lay_out_result(subject: gr.HTML, verdict: gr.HTML, lifetime: int) -> tuple[ResultPanel, SaidPanel]:
    """Lay out what is beneath the verdict, and what is said of it; nothing of it is there before the first run."""
    opened, marked = mark(), mark()
    with gr.Column(visible=False, elem_id="result") as column:
        overlay, heat = lay_out_maps()
        with gr.Row(equal_height=True):
            figure = _download("Heat map (PNG)", "get-png")
            error_map = _download("Anomaly map (.npy)", "get-npy")
            report = _download("Report on this photo (HTML)", "get-report")
            coco = _download("Boxes and outlines (COCO)", "get-coco")
        command = gr.HTML("", js_on_load=COPY, elem_id="command")
        places = gr.Radio([], label="Places", elem_id="places", elem_classes=OFFERED)
        why = gr.HTML("", elem_id="why")
        said = lay_out_said(lifetime, marked)
        threshold, auto, for_all, alarm_rate, own_scale = _judging()
        before_and_after = gr.HTML("", visible=False, elem_id="before-and-after")
        evidence = gr.HTML("", visible=False, elem_id="evidence")
        masks = _masks(opened)
    panel = ResultPanel(
        subject,
        verdict,
        column,
        overlay,
        heat,
        threshold,
        auto,
        for_all,
        alarm_rate,
        own_scale,
        figure,
        error_map,
        report,
        coco,
        before_and_after,
        evidence,
        places,
        why,
        masks,
        command,
    )
    return panel, said


def _judging() -> tuple[gr.Slider, gr.Checkbox, gr.Button, gr.Radio, gr.Radio]:
    with gr.Row():
        with gr.Column(scale=3, min_width=260):
            threshold = gr.Slider(
                0,
                1,
                0.1,
                step=0.005,
                label="Limit",
                buttons=[],
                info="Move it freely: the model does not run again.",
                elem_id="threshold",
                elem_classes=CLAMPED,
            )
            auto = gr.Checkbox(
                True,
                label="automatic: what few good parts reach; without any, few clean pictures as rough as this one",
                container=False,
                elem_id="auto-threshold",
            )
            for_all = gr.Button("This limit for all inspected photos", size="sm", elem_id="limit-for-all")
        with gr.Column(scale=2, min_width=260):
            alarm_rate = gr.Radio(
                [(f"{rate:.0%}", rate) for rate in RATES],
                value=ALARM_RATE,
                label="False alarms",
                info="Good parts that may be called anomalous; moves the automatic threshold.",
                elem_id="false-alarms",
            )
            own_scale = gr.Radio(
                [("fixed", False), ("this picture", True)],
                value=False,
                label="Colour scale",
                info="Fixed keeps a good part calm.",
                elem_id="colour-scale",
            )
    return threshold, auto, for_all, alarm_rate, own_scale


def _download(label: str, elem_id: str) -> gr.DownloadButton:
    return gr.DownloadButton(label, interactive=False, size="sm", elem_id=elem_id, min_width=120)


def _masks(opened: gr.Checkbox) -> MasksPanel:
    with gr.Column(elem_id="what-the-model-saw") as column:
        gr.HTML("<h3>What the model saw</h3>")
        index = gr.Slider(1, MASKS, 1, step=1, label="Mask", elem_id="mask-index")
        saw = gr.HTML("", elem_id="saw")
        with gr.Accordion("All masks: input, reconstruction, difference", open=False, elem_id="every-mask") as every:
            gallery = gr.HTML("", elem_id="all-masks")
    return MasksPanel(column, index, saw, every, opened, gallery)
