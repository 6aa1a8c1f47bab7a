"""labelme: a JSON file a picture, the outline of each region as a polygon that can be edited."""

from __future__ import annotations

from typing import Any

from maeday_core.annotations.picture import CLASS, Annotated

VERSION = "5.5.0"
"""Of labelme, whose format this is."""


def labelme(picture: Annotated, folder: str) -> dict[str, Any]:
    """The file of a picture that lies in a folder, ready for JSON; pieces of one region are a group."""
    height, width = picture.size
    shapes = [
        {
            "label": CLASS,
            "points": ring.astype(float).tolist(),
            "group_id": number,
            "description": f"peak {region.box.peak:.4g}",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for number, region in enumerate(picture.regions, 1)
        for ring in region.rings
    ]
    return {
        "version": VERSION,
        "flags": {picture.verdict: True},
        "shapes": shapes,
        "imagePath": f"{folder}/{picture.name}",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
