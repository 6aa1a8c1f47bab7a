"""Label Studio: tasks with pre-annotations (https://labelstud.io/guide/predictions), and the interface for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from maeday_core import __version__
from maeday_core.annotations.picture import CLASS, Annotated
from maeday_core.detection.objects import Box

INTERFACE = f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <RectangleLabels name="label" toName="image">
    <Label value="{CLASS}"/>
  </RectangleLabels>
</View>
"""
LOCAL = "/data/local-files/?d="
"""How Label Studio addresses a file below the folder that it serves (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)."""


def task(picture: Annotated, folder: str) -> dict[str, Any]:
    """The task of a picture that lies in a folder, ready for JSON; boxes in per cent of the picture."""
    results = [_result(number, region.box, picture.size) for number, region in enumerate(picture.regions, 1)]
    return {
        "data": {"image": LOCAL + quote(f"{folder}/{picture.name}"), "path": picture.path},
        "predictions": [
            {"model_version": f"maeday-{__version__}", "score": picture.image_score, "result": results},
        ],
    }


def _result(number: int, box: Box, size: tuple[int, int]) -> dict[str, Any]:
    height, width = size
    percent = {
        "x": 100 * box.x / width,
        "y": 100 * box.y / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
    }
    return {
        "id": str(number),
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "score": box.peak,
        "value": {**percent, "rotation": 0, "rectanglelabels": [CLASS]},
    }
