"""What there is to paint on: the chosen frame, or the first one of the visitor's files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.events import Answer, unchanged
from app.frames.answers import not_lost
from app.frames.batch import Batch
from app.frames.layout import FramesTab
from app.gradio_fixes import uploaded
from app.ignoring import Taking, on_canvas
from maeday_core import ImageError
from maeday_core.detection.region import SIDE
from maeday_core.drawing.pictures import reduced
from maeday_core.frames import Frame, Sources
from maeday_core.io.images import RGBImage

TRIED = 20
"""So many files are tried for a frame to paint on."""
NO_FRAME = "There is no frame to paint on yet: add photos, a zip archive or a video first."


@dataclass(frozen=True)
class Ignoring:
    """The handlers of what there is to paint on."""

    tab: FramesTab

    @property
    def taking(self) -> Taking:
        """The handlers of what is painted."""
        return Taking(self.tab.ignore)

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

    def clear(self, opened: bool, files: Sequence[str] | None, every: float) -> Answer:
        """Ignore nothing; the canvas is clean."""
        return self.taking.clear() | (self._canvas(first_frame(files or (), every)) if opened else {})

    def _canvas(self, picture: RGBImage | None) -> Answer:
        return on_canvas(self.tab.ignore, picture, NO_FRAME)


def first_frame(files: Sequence[str], every: float) -> RGBImage | None:
    """The first frame of a visitor's files, its longer side at most 1280 px; None where there is none.

    Raises:
        gradio.Error: a file was not uploaded here.
    """
    paths = [uploaded(path) for path in files]
    with suppress(ImageError, OSError):
        for found in Sources(paths, every or 1.0, limit=TRIED).frames():
            if isinstance(found, Frame):
                return reduced(found.picture, SIDE)
    return None
