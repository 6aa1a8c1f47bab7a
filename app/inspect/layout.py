"""What stands where on the Inspect tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from app.events import mark
from app.ignoring import IgnorePanel, lay_out_ignoring
from app.inspect.examples import lay_out_examples
from app.inspect.first import FIRST, lay_out_first
from app.inspect.good_parts import GoodPartsPanel, lay_out_good_parts
from app.inspect.result import ResultPanel, lay_out_result
from app.inspect.said import SaidPanel
from app.inspect.settings import SettingsPanel, lay_out_settings
from app.inspect.strip import StripPanel, lay_out_strip
from app.models import device_label
from maeday_core.io.images import SUFFIXES

ABOUT_IGNORING = (
    "Paint over a label, a clamp or the background once: it counts neither in the score nor in the limit, here and in "
    "the good parts. If you learn with it, it is saved with what is learned."
)


@dataclass(frozen=True)
class InspectTab:
    """The whole tab.

    Attributes:
        incoming: where another tab puts what to inspect.
        shown: the visitor's result.
        showing: marks that there is one.
        first: the pictures of the finished example, until there is a result.
    """

    incoming: gr.State
    shown: gr.State
    showing: gr.Checkbox
    examples: gr.HTML
    photo: gr.Image
    detect: gr.Button
    stop: gr.Button
    at_once: gr.Checkbox
    several: gr.UploadButton
    good_parts: GoodPartsPanel
    settings: SettingsPanel
    first: gr.HTML
    result: ResultPanel
    strip: StripPanel
    ignore: IgnorePanel
    said: SaidPanel

    @property
    def buttons(self) -> tuple[Component, ...]:
        """Those that begin or end a run."""
        return self.detect, self.stop, self.several, self.good_parts.tune

    @property
    def asked(self) -> set[Component]:
        """What a question about a photo is made of, the photo apart."""
        made_of = {self.good_parts.reference, self.good_parts.adapted, self.said.said}
        return made_of | {self.ignore.mask, self.ignore.painted} | self.result.judged_by | self.settings.inputs


def lay_out(lifetime: int, methods: list[tuple[str, str]]) -> InspectTab:
    """Lay out the tab.

    Args:
        lifetime: seconds after which a visitor's result is forgotten.
        methods: labels and names of the methods that need no good parts.
    """
    incoming, shown, showing = gr.State(None), gr.State(None, time_to_live=lifetime), mark()
    examples = lay_out_examples()
    with gr.Row(elem_id="inspecting"):
        with gr.Column(scale=4, min_width=300):
            photo, detect, stop, at_once, several = _asking()
            good_parts = lay_out_good_parts(lifetime, photo)
            ignore = lay_out_ignoring("inspect", lifetime, ABOUT_IGNORING, "Paint on the photo again")
            settings = lay_out_settings(methods)
            strip = lay_out_strip(lifetime)
            gr.HTML(f"<p><span>Running on</span> {device_label()}</p>", elem_id="device")
        with gr.Column(scale=7, min_width=300):
            strip.compared.render()
            subject = gr.HTML(FIRST.subject, elem_id="subject")
            verdict = gr.HTML(FIRST.card, elem_id="verdict")
            first = lay_out_first()
            result, said = lay_out_result(subject, verdict, lifetime)
    return InspectTab(
        incoming,
        shown,
        showing,
        examples,
        photo,
        detect,
        stop,
        at_once,
        several,
        good_parts,
        settings,
        first,
        result,
        strip,
        ignore,
        said,
    )


def _asking() -> tuple[gr.Image, gr.Button, gr.Button, gr.Checkbox, gr.UploadButton]:
    photo = gr.Image(
        label="Photo",
        placeholder="Drop a photo of a surface or a part here, or several",
        type="filepath",
        image_mode=None,
        height=260,
        sources=["upload", "clipboard", "webcam"],
        elem_id="query",
        buttons=["fullscreen"],
    )
    with gr.Row():
        detect = gr.Button("Detect", variant="primary", elem_id="detect", min_width=100)
        stop = gr.Button("Stop", variant="stop", elem_id="stop", interactive=False, min_width=80)
        several = gr.UploadButton(
            "Several…",
            file_count="multiple",
            file_types=list(SUFFIXES),
            elem_id="several",
            min_width=120,
        )
    at_once = gr.Checkbox(True, label="inspect a photo as soon as it is there", container=False, elem_id="at-once")
    return photo, detect, stop, at_once, several
