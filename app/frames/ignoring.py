"""What is ignored in all frames: a canvas to paint on, and what was painted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.events import Answer, unchanged
from app.frames.answers import not_lost
from app.frames.batch import Batch, Mask
from app.frames.layout import FramesTab
from app.frames.paint import painted_mask, united
from app.gradio_fixes import uploaded
from maeday_core import ImageError
from maeday_core.frames import Frame, Sources
from maeday_core.frames.pictures import reduced
from maeday_core.frames.run import PICTURE_SIDE
from maeday_core.io.images import RGBImage
from maeday_core.texts import retold, say

TRIED = 20
"""So many files are tried for a frame to paint on."""
UNPAINTED = "Nothing is painted yet: paint over what to ignore, then press Ignore what is painted."
NO_FRAME = "There is no frame to paint on yet: add photos, a zip archive or a video first."


@dataclass(frozen=True)
class Ignoring:
    """The handlers of what is ignored."""

    tab: FramesTab

    def open(
        self, opened: bool, files: Sequence[str] | None, every: float, batch: Batch | None, number: int | None
    ) -> Answer:
        """The panel opens, for the first time: the chosen frame is there to be painted on, or the first one.

        Who asks an editor for one picture while it takes another may be shown either.
        """
        if opened:
            return unchanged()
        verdict = batch.verdict(number) if batch else None
        return self._canvas(verdict.record.picture() if verdict else first_frame(files or (), every))

    def take_files(self, opened: bool, files: Sequence[str] | None, every: float) -> Answer:
        """Other files: if the panel was opened, their first frame is there to be painted on."""
        return self._canvas(first_frame(files or (), every)) if opened else unchanged()

    def take_chosen(self, batch: Batch | None, begun: bool, number: int | None) -> Answer:
        """The chosen frame is there to be painted on."""
        not_lost(batch, begun)
        verdict = batch.verdict(number) if batch else None
        return self._canvas(verdict.record.picture()) if verdict else unchanged()

    def take_paint(self, layers: Sequence[Path | bytes], mask: Mask) -> Answer:
        """From now on, ignore what is painted, and what was ignored before."""
        try:
            painted = painted_mask(layers)
        except ImageError as error:
            raise gr.Error(retold(str(error)), print_exception=False) from None
        if painted is None:
            gr.Warning(say(UNPAINTED))
        mask = united(mask, painted)
        return {self.tab.ignore.mask: mask, self.tab.ignore.painted: mask is not None}

    def clear(self, opened: bool, files: Sequence[str] | None, every: float) -> Answer:
        """Ignore nothing; the canvas is clean."""
        cleared: Answer = {self.tab.ignore.mask: None, self.tab.ignore.painted: False}
        return cleared | (self._canvas(first_frame(files or (), every)) if opened else {})

    def _canvas(self, picture: RGBImage | None) -> Answer:
        panel, there = self.tab.ignore, picture is not None
        buttons = {button: gr.Button(interactive=there) for button in (panel.canvas, panel.apply)}
        return {
            panel.opened: True,
            panel.paint: gr.ImageEditor(value=picture, visible=there),
            panel.hint: gr.Markdown(say(NO_FRAME), visible=not there),
            **buttons,
        }


def first_frame(files: Sequence[str], every: float) -> RGBImage | None:
    """The first frame of a visitor's files, its longer side at most 1280 px; None where there is none.

    Raises:
        gradio.Error: a file was not uploaded here.
    """
    paths = [uploaded(path) for path in files]
    with suppress(ImageError, OSError):
        for found in Sources(paths, every or 1.0, limit=TRIED).frames():
            if isinstance(found, Frame):
                return reduced(found.picture, PICTURE_SIDE)
    return None
