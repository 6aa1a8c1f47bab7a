"""The files that `maeday detect` writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag
from PIL.PngImagePlugin import PngInfo

from maeday_core.io.files import check_folder, replacing, shortened, unique

if TYPE_CHECKING:
    from maeday_core.detection.result import Detection
    from maeday_core.drawing.shown import Shown
    from maeday_core.io.images import RGBImage

START_OF_PAGE = 1000
"""Bytes of a page in which its header names the program."""
MAP, FIGURE, MASK, REPORT = "-error-map.npy", "-maeday.png", "-mask.png", "-report.html"
LEVELS, FLOATS = "-error-map.png", "-error-map.tiff"
OVERLAY, OUTLINED = "-overlay.png", "-outlined.png"
ENDINGS = (FIGURE, MASK, REPORT, LEVELS, FLOATS, OVERLAY, OUTLINED)
MAP_FORMATS = ("png", "tiff")


@dataclass(frozen=True)
class Wanted:
    """What is written beside maps, masks and figures: pages, overlays, maps as pictures, and a data set."""

    report: bool = False
    overlays: bool = False
    maps: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()


class Folder:
    """Where the files of a run are written; a picture of its own from an earlier run is replaced, no other one.

    The pictures and pages that this program writes name it in their header.
    """

    def __init__(self, path: Path, wanted: Wanted):
        from maeday_core.annotations.dataset import Dataset, pictures_in
        from maeday_core.frames.run import DATASET

        check_folder(path)
        self._path = path.resolve()
        files = [file for ending in ("*.png", f"*{FLOATS}", f"*{REPORT}") for file in self._path.glob(ending)]
        self._own = {file for file in files if _is_own(file)} | pictures_in(self._path / DATASET)
        self._taken = {stem.casefold() for file in files if file not in self._own for stem in _stems(file)}
        self.path, self._wanted = path, wanted
        self._dataset = Dataset(path / DATASET, wanted.formats) if wanted.formats else None

    def close(self) -> None:
        """Write what is written once for all pictures."""
        if self._dataset:
            self._dataset.write()

    def wrote(self, path: Path) -> bool:
        """Whether a picture is one that an earlier run wrote here."""
        return path.resolve() in self._own

    def write(self, path: Path, query: RGBImage, result: Detection, view: Shown) -> dict[str, Any]:
        """Write the map of a query, the mask of what is outlined, a figure, and what else is wanted.

        Returns:
            The paths of map, mask and report by their names in a row.
        """
        from maeday_core.drawing.figure import save_figure
        from maeday_core.drawing.report import report_page
        from maeday_core.methods.use import outlined

        stem = unique(shortened(path.stem, MAP), self._taken)
        error_map, mask, figure = (self.path / f"{stem}{ending}" for ending in (MAP, MASK, FIGURE))
        with replacing(error_map) as temporary:
            result.save_map(temporary)
        mask_of = outlined(result).astype(np.uint8) * np.uint8(255)
        height, width = result.picture_size
        with replacing(mask) as temporary:
            picture = Image.fromarray(mask_of).resize((width, height), Image.Resampling.NEAREST)
            picture.save(temporary, pnginfo=_header())
        with replacing(figure) as temporary:
            save_figure(view, temporary)
        written: dict[str, Any] = {"error_map": str(error_map), "mask": str(mask)}
        if self._wanted.report:
            page = self.path / f"{stem}{REPORT}"
            with replacing(page) as temporary:
                temporary.write_text(report_page(view), encoding="utf-8")
            written["report"] = str(page)
        if self._wanted.maps:
            written |= self._maps(stem, result)
        if self._wanted.overlays:
            from maeday_core.drawing.shown import at_own_size

            written |= self._overlays(stem, at_own_size(view, query, result))
        if self._dataset:
            from maeday_core.annotations.found import of_result

            self._dataset.add(of_result(result, f"{stem}.jpg", str(path)), query)
        return written

    def _maps(self, stem: str, result: Detection) -> dict[str, Any]:
        """Write the map as pictures; the unit of a level of the 16-bit one is `error_map_step`."""
        from maeday_core.drawing.figure import SOFTWARE
        from maeday_core.drawing.levels import save_floats, save_levels

        error_map, written = np.concatenate([*result.strips()]), dict[str, Any]()
        if "png" in self._wanted.maps:
            with replacing(self.path / f"{stem}{LEVELS}") as path:
                written["error_map_step"] = save_levels(error_map, path, _header())
            written["error_map_png"] = str(self.path / f"{stem}{LEVELS}")
        if "tiff" in self._wanted.maps:
            with replacing(self.path / f"{stem}{FLOATS}") as path:
                save_floats(error_map, path, SOFTWARE)
            written["error_map_tiff"] = str(self.path / f"{stem}{FLOATS}")
        return written

    def _overlays(self, stem: str, view: Shown) -> dict[str, Any]:
        """Write the picture with what is outlined, without and with the heat map."""
        from maeday_core.drawing.shown import overlay_pair

        plain, covered = overlay_pair(view, own_scale=False)
        for ending, picture in ((OUTLINED, plain), (OVERLAY, covered)):
            with replacing(self.path / f"{stem}{ending}") as path:
                Image.fromarray(picture).save(path, pnginfo=_header())
        return {"outlined": str(self.path / f"{stem}{OUTLINED}"), "overlay": str(self.path / f"{stem}{OVERLAY}")}


def _header() -> PngInfo:
    from maeday_core.drawing.figure import SOFTWARE

    header = PngInfo()
    header.add_text("Software", SOFTWARE)
    return header


def _stems(file: Path) -> Iterator[str]:
    return (file.name.removesuffix(ending) for ending in ENDINGS if file.name.endswith(ending))


def _is_own(file: Path) -> bool:
    from maeday_core.drawing.figure import SOFTWARE

    try:
        if file.suffix == ".html":
            with file.open("rb") as page:
                return f'name="generator" content="{SOFTWARE} '.encode() in page.read(START_OF_PAGE)
        with Image.open(file) as opened:
            told = opened.getexif().get(Tag.Software) if opened.format == "TIFF" else opened.info.get("Software")
            return bool(told == SOFTWARE)
    except Exception:  # what is no picture is not ours
        return False
