"""Pascal VOC: an XML file a picture (VOC2012 development kit, section 8.2), boxes only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from xml.etree import ElementTree

from maeday_core import __version__
from maeday_core.annotations.picture import CLASS, Annotated


def voc(picture: Annotated, folder: str) -> str:
    """The file of a picture that lies in a folder; the first pixel has the number 1, the last one of a box counts."""
    height, width = picture.size
    root = ElementTree.Element("annotation")
    _add(root, {"folder": folder, "filename": PurePath(picture.name).name})
    _add(ElementTree.SubElement(root, "source"), {"database": f"MAEDAY {__version__}"})
    _add(ElementTree.SubElement(root, "size"), {"width": width, "height": height, "depth": 3})
    _add(root, {"segmented": 0})
    for region in picture.regions:
        box, found = region.box, ElementTree.SubElement(root, "object")
        _add(found, {"name": CLASS, "pose": "Unspecified", "truncated": 0, "difficult": 0, "score": box.peak})
        edges = {"xmin": box.x + 1, "ymin": box.y + 1, "xmax": box.x + box.width, "ymax": box.y + box.height}
        _add(ElementTree.SubElement(found, "bndbox"), edges)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)
