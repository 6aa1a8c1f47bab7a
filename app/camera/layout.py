"""What stands where on the Camera tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from markupsafe import Markup

from app.camera.seen import Seen
from app.cards import message
from app.figure import ENLARGE
from app.html import render

EVERY = 0.25
"""Seconds between two frames that a browser sends; the newest is judged."""
# 4:3, so that a frame is judged whole: longer or larger ones would be seen through windows, several times as slowly.
TAKEN = {"video": {"width": {"ideal": 1024}, "height": {"ideal": 768}, "facingMode": {"ideal": "environment"}}}
NOTHING_YET = (
    "No frame yet",
    "Allow the camera and press Record; the first verdict takes some seconds. The method, the settings, the limit, "
    "what is ignored and the good parts are those of Inspect: learn what is normal there first, and the verdicts are "
    "surer.",
)
CLICKED = """
const local = () => element.querySelectorAll("time").forEach(time =>
    time.textContent = new Date(time.dateTime).toLocaleTimeString());
element.addEventListener("click", event => {
    const one = event.target.closest("[data-number]");
    if (one) trigger("click", {number: Number(one.dataset.number)});
});
watch("value", local);"""
SAVE = """() => document.querySelector("#camera-file").click()"""


@dataclass(frozen=True)
class CameraTab:
    """The whole tab; `seen` is what the visit saw."""

    seen: gr.State
    camera: gr.Image
    judged_by: gr.HTML
    card: gr.HTML
    picture: gr.HTML
    progress: gr.HTML
    alarms: gr.HTML
    again: gr.Button
    csv: gr.Button
    file: gr.DownloadButton


def lay_out(lifetime: int, judged_by: gr.HTML) -> CameraTab:
    """Lay out the tab beneath `judged_by`; what was seen is forgotten after `lifetime` seconds without a frame."""
    seen = gr.State(Seen(), time_to_live=lifetime)
    with gr.Row(elem_id="camera-tab"):
        with gr.Column(scale=4, min_width=300):
            camera = gr.Image(
                label="Camera",
                sources=["webcam"],
                streaming=True,
                webcam_options=gr.WebcamOptions(mirror=False, constraints=TAKEN),
                buttons=[],
                elem_id="camera",
            )
            camera.stream_every = EVERY  # type: ignore[attr-defined]
            progress = gr.HTML("", elem_id="camera-progress")
            with gr.Row():
                csv = gr.Button("Table of all (CSV)", size="sm", elem_id="camera-csv", min_width=120)
                again = gr.Button("Start over", size="sm", elem_id="camera-again", min_width=120)
            file = gr.DownloadButton(elem_id="camera-file")
        with gr.Column(scale=7, min_width=300):
            card = gr.HTML(message(*NOTHING_YET), elem_id="camera-card")
            picture = gr.HTML("", js_on_load=ENLARGE, elem_id="camera-picture")
            alarmed = gr.HTML(alarms(Seen()), js_on_load=CLICKED, elem_id="camera-alarms")
    return CameraTab(seen, camera, judged_by, card, picture, progress, alarmed, again, csv, file)


def alarms(seen: Seen) -> Markup:
    """The alarms, the newest first, as buttons; the newest is read aloud."""
    return render("alarms", alarms=seen.alarms[::-1], count=seen.count)
