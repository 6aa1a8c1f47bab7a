"""A data set in a folder: the pictures, and what was found in them in the wanted formats."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from maeday_core.annotations import label_studio
from maeday_core.annotations.coco import coco
from maeday_core.annotations.labelme import labelme
from maeday_core.annotations.picture import Annotated
from maeday_core.annotations.voc import voc
from maeday_core.annotations.yolo import CONFIGURATION, yolo
from maeday_core.errors import SettingsError
from maeday_core.io.files import replacing, writing
from maeday_core.io.images import RGBImage

IMAGES = "images"
QUALITY = 95
"""Of the pictures, JPEG without loss of colour detail: programs learn from them."""
MARK = "made-by-maeday.txt"
MARK_TEXT = "MAEDAY wrote this folder, and makes it anew when the command is run again: keep nothing else in it.\n"

Files = dict[str, str]
"""What a format writes: texts by their paths below the folder of the data set."""


def _stem(picture: Annotated) -> str:
    return Path(picture.name).stem


def _json(content: object) -> str:
    return json.dumps(content, indent=1) + "\n"


def _coco(pictures: Sequence[Annotated]) -> Files:
    return {"coco.json": _json(coco(pictures))}


def _yolo(pictures: Sequence[Annotated]) -> Files:
    return {"data.yaml": CONFIGURATION} | {f"labels/{_stem(picture)}.txt": yolo(picture) for picture in pictures}


def _voc(pictures: Sequence[Annotated]) -> Files:
    return {f"voc/{_stem(picture)}.xml": voc(picture, IMAGES) for picture in pictures}


def _labelme(pictures: Sequence[Annotated]) -> Files:
    return {f"labelme/{_stem(picture)}.json": _json(labelme(picture, f"../{IMAGES}")) for picture in pictures}


def _label_studio(pictures: Sequence[Annotated]) -> Files:
    tasks = [label_studio.task(picture, IMAGES) for picture in pictures]
    return {"label-studio.json": _json(tasks), "label-studio.xml": label_studio.INTERFACE}


FORMATS = MappingProxyType[str, Callable[[Sequence[Annotated]], Files]](
    {"coco": _coco, "yolo": _yolo, "voc": _voc, "labelme": _labelme, "label-studio": _label_studio}
)
"""What each format writes of all pictures."""


def pictures_in(folder: Path) -> set[Path]:
    """The pictures of a data set that was written into a folder; none where there is no such."""
    return set((folder / IMAGES).glob("*.jpg")) if (folder / MARK).is_file() else set()


class Dataset:
    """A data set that grows: pictures as they come, the files of the formats at the end.

    A data set of ours from before is removed when the first picture comes.
    """

    def __init__(self, folder: Path, formats: Collection[str]):
        """Nothing is written yet.

        Args:
            folder: where to.
            formats: names of `FORMATS`.

        Raises:
            SettingsError: the folder holds what is not ours.
        """
        if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
            raise SettingsError(
                f"{folder} holds other files, and the data set is made anew there: move them, or give another folder."
            )
        self.folder = folder
        self._formats = tuple(dict.fromkeys(formats))
        self._pictures = list[Annotated]()

    def add(self, annotated: Annotated, picture: RGBImage) -> None:
        """Write a picture, upright, as JPEG; what was found in it comes with `write`.

        Raises:
            OutputError: it cannot be written.
        """
        if not self._pictures:
            self._clear()
        with replacing(self.folder / IMAGES / annotated.name) as path:
            Image.fromarray(picture).save(path, "JPEG", quality=QUALITY, subsampling=0)
        self._pictures.append(annotated)

    def write(self) -> None:
        """Write the files of all formats; nothing where there is no picture.

        Raises:
            OutputError: they cannot be written.
        """
        for name in self._formats if self._pictures else ():
            for place, text in FORMATS[name](self._pictures).items():
                with replacing(self.folder / place) as path:
                    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")

    def _clear(self) -> None:
        with writing(self.folder):
            if self.folder.is_dir():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
            (self.folder / MARK).write_text(MARK_TEXT, encoding="utf-8")
