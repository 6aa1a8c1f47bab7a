"""COCO: one JSON file (https://cocodataset.org/#format-data), masks as polygons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maeday_core import __version__
from maeday_core.annotations.picture import CLASS, Annotated, Region


def coco(pictures: Sequence[Annotated]) -> dict[str, Any]:
    """Pictures and what was found in them, ready for JSON.

    The `score` of an annotation is the peak of its region; a picture has its own score, threshold and verdict beside
    what COCO asks for.
    """
    found = [(number, region) for number, picture in enumerate(pictures, 1) for region in picture.regions]
    return {
        "info": {"description": f"MAEDAY {__version__}"},
        "licenses": [],
        "categories": [{"id": 1, "name": CLASS, "supercategory": CLASS}],
        "images": [_image(number, picture) for number, picture in enumerate(pictures, 1)],
        "annotations": [_annotation(number, image, region) for number, (image, region) in enumerate(found, 1)],
    }


def _image(number: int, picture: Annotated) -> dict[str, Any]:
    height, width = picture.size
    judged = {"path": picture.path, "score": picture.image_score, "threshold": picture.threshold}
    sizes = {"file_name": picture.name, "width": width, "height": height}
    return {"id": number, **sizes, **judged, "verdict": picture.verdict}


def _annotation(number: int, image: int, region: Region) -> dict[str, Any]:
    box = region.box
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [box.x, box.y, box.width, box.height],
        "area": box.area,
        "segmentation": [ring.ravel().tolist() for ring in region.rings],
        "iscrowd": 0,
        "score": box.peak,
    }
