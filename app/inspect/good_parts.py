"""Good parts: photos of what is normal, and the reference that was learned from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import gradio as gr
from gradio.components import Component

from app.cards import message, reference_card
from app.errors import sentence
from app.events import Answer, mark, unchanged
from app.files import downloadable, nothing_to_download
from app.inspect.shots import ShotsPanel, lay_out_shots
from maeday_core import Reference, save_reference
from maeday_core.serving.calls import load_saved
from maeday_core.texts import say

UNNAMED = "good-parts"
LONGEST_NAME = 60
FIELD = f"""<label>{{{{title}}}} <small>{{{{info}}}}</small>
<input type="text" maxlength="{LONGEST_NAME}" placeholder="{{{{placeholder}}}}" value="{{{{value}}}}"></label>"""
TYPED = """element.addEventListener("change", event => {
    props.value = event.target.value;
    trigger("input", {});
});"""
HINT = (
    "Judged without a reference",
    "1. Add photos of good parts, taken like the photo to inspect. 2. Press Learn. 3. Inspect: they judge it.",
)
SAVED_NAME = re.compile(r"(.+)-\d+-good-(\d{4}-\d\d-\d\d)")
"""What `file_name` makes of a part and a day."""
FORGOTTEN = "The good parts of this visit were forgotten; load or learn them again."


@dataclass(frozen=True)
class GoodPartsPanel:
    """The reference in use, and the components that make, save, load and forget one.

    `adapted` marks that there is one.
    """

    reference: gr.State
    adapted: gr.Checkbox
    name: gr.HTML
    shots: ShotsPanel
    tune: gr.Button
    example: gr.Button
    card: gr.HTML
    download: gr.DownloadButton
    upload: gr.UploadButton
    forget: gr.Button

    @property
    def outputs(self) -> list[Component]:
        """What learning, loading and forgetting change."""
        return [self.reference, self.adapted, self.card, self.download, self.forget]


def lay_out_good_parts(lifetime: int, photo: gr.Image) -> GoodPartsPanel:
    """Lay out the panel; what was learned is forgotten after `lifetime` seconds. `photo` is what is inspected."""
    reference, adapted = gr.State(None, time_to_live=lifetime), mark()
    with gr.Accordion("Good parts: show it what is normal (optional)", open=False, elem_id="good-parts"):
        shots = lay_out_shots(lifetime, photo)
        name = gr.HTML(
            "",
            html_template=FIELD,
            js_on_load=TYPED,
            title="Name of the part",
            info="For the file that you save and for reports.",
            placeholder="transistor",
            elem_id="part-name",
        )
        with gr.Row(equal_height=True):
            tune = gr.Button("Learn", variant="primary", elem_id="tune", min_width=100)
            example = gr.Button("Try an example", elem_id="try-good-part", min_width=100)
        card = gr.HTML(message(*HINT), elem_id="adapter")
        with gr.Row():
            download = gr.DownloadButton("Save", interactive=False, size="sm", elem_id="get-adapter", min_width=80)
            upload = gr.UploadButton(
                "Load", file_types=[".safetensors"], size="sm", elem_id="load-adapter", min_width=80
            )
            forget = gr.Button("Forget", interactive=False, size="sm", elem_id="forget", min_width=80)
    return GoodPartsPanel(reference, adapted, name, shots, tune, example, card, download, upload, forget)


def file_name(name: str, shots: int) -> str:
    """How the file of good parts is called: after the part, their number and the day."""
    part = re.sub(r"[^\w-]+", "-", name.strip()[:LONGEST_NAME]).strip("-") or UNNAMED
    return f"{part}-{shots}-good-{date.today():%Y-%m-%d}.safetensors"


def in_use(
    panel: GoodPartsPanel, reference: Reference, left_out: Sequence[str] = (), name: str = "", loaded: str = ""
) -> Answer:
    """A reference is in use from now on, also where it cannot be saved.

    Args:
        panel: of the tab.
        reference: what was learned.
        left_out: sentences on the photos that could not be read.
        name: of the part.
        loaded: the file that it comes from; empty where it was learned now.
    """
    saved = (SAVED_NAME.fullmatch(Path(loaded).stem) or SAVED_NAME.fullmatch(reference.name)) if loaded else None
    name, day = saved.groups() if saved else (name, "")
    file = file_name(name, reference.shots)
    reference = replace(reference, name=reference.name or Path(file).stem)
    try:
        download, unsaved = downloadable(file, partial(save_reference, reference)), []
    except Exception as error:
        download = nothing_to_download()
        unsaved = [say("It is in use, but cannot be saved.") + " " + sentence(error, "learn again later")]
    return {
        panel.reference: reference,
        panel.adapted: True,
        **({panel.name: "" if name == UNNAMED else name} if saved else {}),
        panel.card: reference_card(reference, [*left_out, *unsaved], loaded, day),
        panel.download: download,
        panel.forget: gr.Button(interactive=True),
    }


def renamed(panel: GoodPartsPanel, reference: Reference | None, name: str | None) -> Answer:
    """The good parts in use are called otherwise from now on: in reports, and in the file that is saved."""
    if reference is None:
        return unchanged()
    file = file_name(name or "", reference.shots)
    reference = replace(reference, name=Path(file).stem)
    return {panel.reference: reference, panel.download: downloadable(file, partial(save_reference, reference))}


def not_used(panel: GoodPartsPanel, error: Exception, reference: Reference | None, adapted: bool) -> Answer:
    """Say what is wrong; good parts in use stay in use."""
    lost = adapted and reference is None
    then = " " + say("The good parts in use stay.") if reference else f" {say(FORGOTTEN)}" if lost else ""
    return (forget(panel) if lost else {}) | {
        panel.card: message("This did not work", sentence(error, "other photos") + then, "problem"),
        panel.download: gr.DownloadButton(interactive=reference is not None),
    }


def forget(panel: GoodPartsPanel) -> Answer:
    """Back to detection without a reference."""
    return {
        panel.reference: None,
        panel.adapted: False,
        panel.card: message(*HINT),
        panel.download: nothing_to_download(),
        panel.forget: gr.Button(interactive=False),
    }


def forgotten(panel: GoodPartsPanel) -> Answer:
    """The good parts that the panel says are in use are lost."""
    return forget(panel) | {panel.card: message("Judged without a reference", FORGOTTEN, "problem")}


def load(panel: GoodPartsPanel, path: str | None, reference: Reference | None, adapted: bool) -> Answer:
    """Use what was saved before, which may change the part's name, too; a bad file leaves what is in use."""
    try:
        return in_use(panel, load_saved(path or ""), loaded=Path(path or "").name)
    except Exception as error:
        return not_used(panel, error, reference, adapted)
