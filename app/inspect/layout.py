"""What stands where on the Inspect tab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.blocks import Block
from gradio.helpers import Examples

from app.cards import message
from app.events import mark
from app.gradio_fixes import CLAMPED, OFFERED
from app.inspect.good_parts import GoodPartsPanel, lay_out_good_parts
from app.inspect.settings import MASKS, SettingsPanel, lay_out_settings
from app.models import device_label
from maeday_core import METHODS
from maeday_core.detection.decision import ALARM_RATE

_APP = Path(__file__).resolve().parents[1]
EXAMPLES = next(path for path in (_APP / "examples", _APP.parent / "assets" / "examples") if path.is_dir())
"""The example pictures: in an installed package within it, in the repository beside the model card."""
RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""The shares of false alarms to choose from."""
HINT = message("Is there something here that does not belong?", "Add a photo and press Detect, or click an example.")


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
    """What a detection gives, and how it is shown."""

    verdict: gr.HTML
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
    nearest: gr.HTML
    masks: MasksPanel

    @property
    def judged_by(self) -> set[Block]:
        """What decides the verdict on a result, beside the result."""
        return {self.threshold, self.auto, self.alarm_rate}


@dataclass(frozen=True)
class InspectTab:
    """The whole tab.

    Attributes:
        incoming: where another tab puts what to inspect.
        shown: the visitor's result.
        showing: marks that there is one.
    """

    incoming: gr.State
    shown: gr.State
    showing: gr.Checkbox
    photo: gr.Image
    detect: gr.Button
    stop: gr.Button
    method: gr.Radio
    good_parts: GoodPartsPanel
    examples: Examples
    settings: SettingsPanel
    result: ResultPanel


def lay_out(lifetime: int, methods: list[tuple[str, str]]) -> InspectTab:
    """Lay out the tab.

    Args:
        lifetime: seconds after which a visitor's result is forgotten.
        methods: labels and names of the methods that need no good parts, the default first.
    """
    incoming, shown, showing = gr.State(None), gr.State(None, time_to_live=lifetime), mark()
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            photo = gr.Image(
                label="Query",
                placeholder="One photo of a surface or a part: drop it here",
                type="filepath",
                image_mode=None,
                height=300,
                sources=["upload", "clipboard", "webcam"],
                elem_id="query",
                buttons=["fullscreen"],
            )
            with gr.Row():
                detect = gr.Button("Detect", variant="primary", elem_id="detect", min_width=100)
                stop = gr.Button("Stop", variant="stop", elem_id="stop", interactive=False, min_width=100)
            about = " ".join(method.about for method in METHODS.values() if method.offered)
            method = gr.Radio(
                methods, value=methods[0][1], label="Method", info=about, elem_id="method", elem_classes=OFFERED
            )
            good_parts = lay_out_good_parts(lifetime)
            examples = gr.Examples(
                [[str(path)] for path in sorted(EXAMPLES.glob("*.jpg"))],
                inputs=[photo],
                label="Examples: click one to inspect it",
                elem_id="examples",
                examples_per_page=12,
                cache_examples=False,
            )
            settings = lay_out_settings()
            gr.Markdown(f"Running on {device_label()}", elem_id="device")
        with gr.Column(scale=7, min_width=340):
            result = _result()
    return InspectTab(incoming, shown, showing, photo, detect, stop, method, good_parts, examples, settings, result)


def _result() -> ResultPanel:
    verdict = gr.HTML(HINT, elem_id="verdict")
    with gr.Row():
        overlay, heat = _maps()
    with gr.Row():
        with gr.Column(scale=3, min_width=260):
            threshold, auto = _threshold()
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
            )
    with gr.Row():
        figure = _download("Heat map (PNG)", "get-png")
        error_map = _download("Error map (.npy)", "get-npy")
        report = _download("Report (HTML)", "get-report")
    return ResultPanel(
        verdict,
        overlay,
        heat,
        threshold,
        auto,
        alarm_rate,
        own_scale,
        figure,
        error_map,
        report,
        before_and_after=gr.HTML("", elem_id="before-and-after"),
        evidence=gr.HTML("", elem_id="evidence"),
        nearest=gr.HTML("", elem_id="nearest"),
        masks=_masks(),
    )


def _maps() -> tuple[gr.ImageSlider, gr.Image]:
    overlay = gr.ImageSlider(
        label="Photo | heat map",
        type="numpy",
        format="png",
        interactive=False,
        slider_position=35,
        max_height=400,
        min_width=300,
        elem_id="overlay",
    )
    heat = gr.Image(
        label="Error map E",
        format="png",
        interactive=False,
        min_width=300,
        elem_id="heat",
        alt_text="The error map: bright where the reconstructions disagree with the photo",
        buttons=["fullscreen"],
    )
    return overlay, heat


def _threshold() -> tuple[gr.Slider, gr.Checkbox]:
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
    return threshold, auto


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
