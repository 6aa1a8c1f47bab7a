"""What is ignored in pictures: a canvas to paint on, a mask to load, and what comes of them. Both tabs have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from app.errors import sentence
from app.events import PRIVATE, Answer, mark
from app.files import downloadable, nothing_to_download
from app.gradio_fixes import uploaded
from app.paint import painted_mask
from maeday_core import ImageError, SettingsError
from maeday_core.detection.region import Mask, Region, load_mask, united
from maeday_core.io.images import SUFFIXES, RGBImage
from maeday_core.texts import retold, say

FILE = "ignored.png"
UNPAINTED = "Nothing is painted yet: paint over what to ignore, then press Ignore what is painted."
FORGOTTEN = "What was painted to be ignored was forgotten; press Ignore what is painted again, or Ignore nothing."


@dataclass(frozen=True)
class IgnorePanel:
    """Painting over what to ignore.

    `mask` is what is ignored, `painted` marks that there is some, `opened` that there is, or was, a picture to paint
    on.
    """

    mask: gr.State
    painted: gr.Checkbox
    opened: gr.Checkbox
    accordion: gr.Accordion
    hint: gr.HTML
    paint: gr.ImageEditor
    canvas: gr.Button
    apply: gr.Button
    interest: gr.Button
    load: gr.UploadButton
    save: gr.DownloadButton
    clear: gr.Button

    @property
    def taken(self) -> set[Any]:
        """What changes with what is ignored."""
        return {self.mask, self.painted, self.save}

    @property
    def laid_out(self) -> set[Any]:
        """What changes with the picture to paint on."""
        return {self.opened, self.paint, self.hint, self.canvas, self.apply, self.interest}


def lay_out_ignoring(name: str, lifetime: int, about: str, canvas: str) -> IgnorePanel:
    """Lay out the panel.

    Args:
        name: of the tab, with which the names of the components begin.
        lifetime: seconds after which what is ignored is forgotten.
        about: a sentence on what it is good for.
        canvas: what the button says that lays a picture out.
    """
    mask, painted, opened = gr.State(None, time_to_live=lifetime), mark(), mark()
    with gr.Accordion("Ignore a region", open=False, elem_id=f"{name}-ignore") as accordion:
        gr.HTML(f"<p>{about}</p>")
        hint = gr.HTML(visible=False, elem_id=f"{name}-paint-hint")
        paint = gr.ImageEditor(
            label="Paint what to ignore",
            show_label=False,  # the editor's own buttons would lie on it
            sources=[],
            transforms=[],
            layers=False,
            brush=gr.Brush(colors=["#ff3ea5"], default_size=40, color_mode="fixed"),
            height=320,
            format="png",
            buttons=[],
            visible=False,
            elem_id=f"{name}-paint",
        )
        small: dict[str, Any] = {"size": "sm", "min_width": 120}
        with gr.Row(equal_height=True):
            apply = gr.Button("Ignore what is painted", interactive=False, elem_id=f"{name}-apply", **small)
            interest = gr.Button("Ignore all else", interactive=False, elem_id=f"{name}-interest", **small)
            clear = gr.Button("Ignore nothing", elem_id=f"{name}-clear", **small)
        with gr.Row(equal_height=True):
            again = gr.Button(canvas, interactive=False, elem_id=f"{name}-canvas", **small)
            load = gr.UploadButton("Load a mask", file_types=list(SUFFIXES), elem_id=f"{name}-load-mask", **small)
            save = gr.DownloadButton("Save the mask", interactive=False, elem_id=f"{name}-save-mask", **small)
    return IgnorePanel(mask, painted, opened, accordion, hint, paint, again, apply, interest, load, save, clear)


def on_canvas(panel: IgnorePanel, picture: RGBImage | None, none: str) -> Answer:
    """A picture is there to be painted on; where there is none, a sentence says so."""
    there = picture is not None
    buttons = {button: gr.Button(interactive=there) for button in (panel.canvas, panel.apply, panel.interest)}
    return {
        panel.opened: True,
        panel.paint: gr.ImageEditor(value=picture, visible=there),
        panel.hint: gr.HTML(f"<p>{say(none)}</p>", visible=not there),
        **buttons,
    }


@dataclass(frozen=True)
class Taking:
    """The handlers of what is ignored, whatever it was painted on."""

    panel: IgnorePanel

    def take_paint(self, layers: Sequence[Path | bytes], mask: Mask | None) -> Answer:
        """From now on, ignore what is painted, and what was ignored before."""
        return self._taken(united(mask, self._painted(layers)))

    def take_interest(self, layers: Sequence[Path | bytes], mask: Mask | None) -> Answer:
        """From now on, ignore all but what is painted, and what was ignored before."""
        painted = self._painted(layers)
        return self._taken(united(mask, None if painted is None else ~painted))

    def take_file(self, path: str | None, mask: Mask | None) -> Answer:
        """From now on, ignore what a picture marks, and what was ignored before."""
        try:
            loaded = load_mask(uploaded(path or ""))
        except Exception as error:
            raise gr.Error(sentence(error, "another mask"), print_exception=False) from None
        return {**self._taken(united(mask, loaded)), self.panel.load: None}

    def clear(self) -> Answer:
        """Ignore nothing."""
        return self._taken(None)

    def given(self, region: Region | None) -> Answer:
        """What was ignored for an earlier question."""
        return self._taken(region.ignored if region else None)

    def _painted(self, layers: Sequence[Path | bytes]) -> Mask | None:
        try:
            painted = painted_mask(layers)
        except ImageError as error:
            raise gr.Error(retold(str(error)), print_exception=False) from None
        if painted is None:
            gr.Warning(say(UNPAINTED))
        return painted

    def _taken(self, mask: Mask | None) -> Answer:
        return taken(self.panel, mask)


def ignored_anew(taking: Taking) -> list[Any]:
    """The events after which something else is ignored; what is judged by it follows each."""
    panel = taking.panel
    painted: dict[str, Any] = {"inputs": [panel.paint, panel.mask], "outputs": panel.taken, **PRIVATE}
    loaded: dict[str, Any] = {**painted, "inputs": [panel.load, panel.mask], "outputs": panel.taken | {panel.load}}
    return [
        panel.apply.click(taking.take_paint, **painted),
        panel.interest.click(taking.take_interest, **painted),
        panel.load.upload(taking.take_file, **loaded),
    ]


def taken(panel: IgnorePanel, mask: Mask | None) -> Answer:
    """From now on this is ignored."""
    return {panel.mask: mask, panel.painted: mask is not None, panel.save: saved(mask)}


def saved(mask: Mask | None) -> gr.DownloadButton:
    """The mask as a file: bright where nothing counts."""
    if mask is None:
        return nothing_to_download()
    picture = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return downloadable(FILE, lambda to: picture.save(to, "png"))


def not_forgotten(painted: bool, mask: Mask | None) -> None:
    """Go on only where what the page says is ignored is known.

    Raises:
        SettingsError: it was forgotten.
    """
    if painted and mask is None:
        raise SettingsError(FORGOTTEN)
