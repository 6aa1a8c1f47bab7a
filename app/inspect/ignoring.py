"""The photo is there to be painted on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from app.events import Answer, unchanged
from app.ignoring import Taking, on_canvas
from app.inspect.layout import InspectTab
from maeday_core import ImageError, load_image
from maeday_core.detection.region import SIDE
from maeday_core.drawing.pictures import reduced
from maeday_core.io.images import RGBImage

NO_PHOTO = "There is no photo to paint on yet: add one above."


@dataclass(frozen=True)
class Ignoring:
    """The handlers of what there is to paint on."""

    tab: InspectTab

    @property
    def taking(self) -> Taking:
        """The handlers of what is painted."""
        return Taking(self.tab.ignore)

    def open(self, opened: bool, photo: str | None) -> Answer:
        """The panel opens for the first time."""
        return unchanged() if opened else self.take_photo(photo)

    def change_photo(self, opened: bool, photo: str | None) -> Answer:
        """Another photo: if the panel was opened, it is there to be painted on."""
        return self.take_photo(photo) if opened else unchanged()

    def take_photo(self, photo: str | None) -> Answer:
        """The photo is there to be painted on, without paint."""
        return on_canvas(self.tab.ignore, _picture(photo), NO_PHOTO)

    def clear(self, opened: bool, photo: str | None) -> Answer:
        """Ignore nothing; the canvas is clean."""
        return self.taking.clear() | (self.take_photo(photo) if opened else {})


def _picture(photo: str | None) -> RGBImage | None:
    """The photo, its longer side at most 1280 px; None where there is none that can be read."""
    with suppress(ImageError):
        return reduced(load_image(photo), SIDE) if photo else None
    return None
