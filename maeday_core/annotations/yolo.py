"""YOLO: a text file a picture, boxes as shares of the picture, in the folders that Ultralytics' programs expect."""

from __future__ import annotations

import json

from maeday_core.annotations.picture import CLASS, Annotated

CONFIGURATION = f"train: images\nval: images\nnames:\n  0: {json.dumps(CLASS)}\n"
"""`data.yaml`; the data set has no division: `val` is for you to change."""


def yolo(picture: Annotated) -> str:
    """The file of a picture: class, centre across and down, width and height of each box, 0 to 1."""
    height, width = picture.size
    lines = []
    for region in picture.regions:
        box = region.box
        centre = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
        lines.append(f"0 {' '.join(f'{share:.8f}' for share in (*centre, box.width / width, box.height / height))}\n")
    return "".join(lines)
