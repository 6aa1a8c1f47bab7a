"""What a detection gives, and what stands where of it."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from app.gradio_fixes import CLAMPED, OFFERED
from app.inspect.settings import MASKS
from maeday_core.detection.decision import ALARM_RATE

RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""The shares of false alarms to choose from."""
HEIGHT = 400
"""Pixels of the maps, so that nothing moves when they come."""


@dataclass(frozen=True)
class MasksPanel:
    """What the model saw: one mask by its number, and all of them."""

    column: gr.Column
    index: gr.Slider
    masked: gr.Image
    reconstruction: gr.Image
    difference: gr.Image
    gallery: gr.Gallery


@dataclass(frozen=True)
class ResultPanel:
    """What a detection gives, and how it is shown; `column` holds all but what it belongs to and the verdict."""

    subject: gr.HTML
    verdict: gr.HTML
    column: gr.Column
    overlay: gr.ImageSlider
    heat: gr.Image
    threshold: gr.Slider
    auto: gr.Checkbox
    alarm_rate: gr.Radio
    own_scale: gr.Radio
    figure: gr.DownloadButton
    error_map: gr.DownloadButton
    report: gr.DownloadButton
    before_and_after: gr.HTML
    evidence: gr.HTML
    places: gr.Radio
    why: gr.HTML
    masks: MasksPanel

    @property
    def judged_by(self) -> set[Block]:
        """What decides the verdict on a result, beside the result."""
        return {self.threshold, self.auto, self.alarm_rate}


def lay_out_result(subject: gr.HTML, verdict: gr.HTML) -> ResultPanel:
    """Lay out what is beneath the verdict; nothing of it is there before the first run."""
    with gr.Column(visible=False, elem_id="result") as column:
        with gr.Row():
            overlay, heat = _maps()
        places = gr.Radio([], label="Places", elem_id="places", elem_classes=OFFERED)
        why = gr.HTML("", elem_id="why")
        threshold, auto, alarm_rate, own_scale = _judging()
        before_and_after = gr.HTML("", visible=False, elem_id="before-and-after")
        evidence = gr.HTML("", visible=False, elem_id="evidence")
        masks = _masks()
        with gr.Row():
            figure = _download("Heat map (PNG)", "get-png")
            error_map = _download("Error map (.npy)", "get-npy")
            report = _download("Report (HTML)", "get-report")
    return ResultPanel(
        subject,
        verdict,
        column,
        overlay,
        heat,
        threshold,
        auto,
        alarm_rate,
        own_scale,
        figure,
        error_map,
        report,
        before_and_after,
        evidence,
        places,
        why,
        masks,
    )


def _maps() -> tuple[gr.ImageSlider, gr.Image]:
    overlay = gr.ImageSlider(
        label="Photo | how unusual",
        type="numpy",
        format="png",
        interactive=False,
        slider_position=4,
        height=HEIGHT,
        max_height=HEIGHT,
        min_width=300,
        elem_id="overlay",
    )
    heat = gr.Image(
        label="Error map E",
        format="png",
        interactive=False,
        height=HEIGHT,
        min_width=300,
        elem_id="heat",
        alt_text="The map: bright where the photo is unusual; the list of places leads to the worst ones",
        buttons=["fullscreen"],
    )
    return overlay, heat


def _judging() -> tuple[gr.Slider, gr.Checkbox, gr.Radio, gr.Radio]:
    with gr.Row():
        with gr.Column(scale=3, min_width=260):
            threshold = gr.Slider(
                0,
                1,
                0.1,
                step=0.005,
                label="Threshold",
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
    return threshold, auto, alarm_rate, own_scale


def _download(label: str, elem_id: str) -> gr.DownloadButton:
    return gr.DownloadButton(label, interactive=False, size="sm", elem_id=elem_id)


def _masks() -> MasksPanel:
    with gr.Column(elem_id="what-the-model-saw") as column:
        gr.Markdown("### What the model saw")
        index = gr.Slider(1, MASKS, 1, step=1, label="Mask", elem_id="mask-index")
        with gr.Row(elem_id="saw"):
            masked = _one_mask("Masked input", "masked")
            reconstruction = _one_mask("Reconstruction", "reconstruction")
            difference = _one_mask("Difference", "difference")
        with gr.Accordion("All masks: input, reconstruction, difference", open=False):
            gallery = gr.Gallery(
                show_label=False, columns=2, format="jpeg", height=640, object_fit="contain", elem_id="all-masks"
            )
    return MasksPanel(column, index, masked, reconstruction, difference, gallery)


def _one_mask(label: str, elem_id: str) -> gr.Image:
    return gr.Image(
        label=label,
        format="png",
        interactive=False,
        height=250,
        min_width=90,
        elem_id=elem_id,
        alt_text=f"{label} of the chosen mask",
        buttons=[],
    )
