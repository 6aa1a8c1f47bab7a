"""The fields of a request, as its description tells them. What a value may be, the engine checks and says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast, get_args

from fastapi import File, Form, UploadFile
from pydantic.json_schema import SkipJsonSchema

from maeday_core.detection.settings import LEAST_RATE, MAX_MASKS, MAX_SEED, MOST_RATE
from maeday_core.detection.windows import Tile
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.methods import METHODS
from maeday_core.model.sampling import Sampling
from maeday_core.serving.calls import MAX_THRESHOLD, Asked


def _field(description: str, **schema: Any) -> Any:
    return Form(description=description, json_schema_extra=schema)


def _file(description: str, **schema: Any) -> Any:
    return File(description=description, json_schema_extra=schema)


METHOD = _field("How anomalies are found; `GET /v1/models` tells the methods.", enum=list(METHODS))
MODEL = _field("The name of the server's model, where a caller wants to be sure of it.")
MASKS = _field("Masks a picture.", minimum=1, maximum=MAX_MASKS, examples=[16])
RATIO = _field("Share of the patches that a mask hides.", minimum=0.05, maximum=0.95, examples=[0.75])
SEED = _field("Of all that is random: the same seed gives the same answer.", minimum=0, maximum=MAX_SEED)
SAMPLING = _field("`balanced`: every patch is shown equally often; `random` as in the paper.", enum=get_args(Sampling))
TILE = _field("Look through overlapping windows; `auto`: where a picture is large or long.", enum=get_args(Tile))
RATE = _field(
    "Share of good pictures that may be called anomalous; it decides the threshold.",
    minimum=LEAST_RATE,
    maximum=MOST_RATE,
    examples=[0.05],
)
THRESHOLD = _field(
    "Instead of the automatic one: the score above which a picture is anomalous.", minimum=0, maximum=MAX_THRESHOLD
)
EVERY = _field("Seconds between two frames that are taken from a video.", exclusiveMinimum=0)
NAME = _field("What the good parts are called.", maxLength=100)

PICTURE = _file("The picture: JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF or PPM, at most 50 megapixels.")
GOOD = _file("Photos of good parts to learn from first; not together with `adapter`.", maxItems=MAX_SHOTS)
SHOTS = _file("Photos of good parts.", minItems=1, maxItems=MAX_SHOTS)
ADAPTER = _file("What `POST /v1/adapt` made of good parts.")
IGNORE = _file("A mask of the picture's shape, bright where nothing counts.")
ROI = _file("A mask of the picture's shape, bright where alone something counts.")
FRAMES = _file("Pictures, zip archives of pictures, and videos.", minItems=1)

_PICTURES = "image/png, image/jpeg, image/*"
_ENCODING = {
    "picture": {"contentType": _PICTURES},
    "good": {"contentType": _PICTURES},
    "ignore": {"contentType": _PICTURES},
    "roi": {"contentType": _PICTURES},
    "files": {"contentType": f"{_PICTURES}, application/zip, video/*"},
    "adapter": {"contentType": "application/octet-stream"},
}
KINDS = {"requestBody": {"content": {"multipart/form-data": {"encoding": _ENCODING}}}}
"""What the files of a form are, as the description tells it; those that a form does not have say nothing."""

Upload = Annotated[UploadFile, PICTURE]
OptionalGood = Annotated[list[UploadFile], GOOD]
GoodParts = Annotated[list[UploadFile], SHOTS]
Frames = Annotated[list[UploadFile], FRAMES]
Adapter = Annotated[UploadFile | SkipJsonSchema[None], ADAPTER]
Ignore = Annotated[UploadFile | SkipJsonSchema[None], IGNORE]
Interest = Annotated[UploadFile | SkipJsonSchema[None], ROI]
Every = Annotated[float, EVERY]
Name = Annotated[str, NAME]


def asked_by(default: Asked) -> Callable[..., Asked]:
    """What reads the settings from a form, with defaults."""

    def asked(
        method: Annotated[str, METHOD] = default.method,
        model: Annotated[str, MODEL] = default.model,
        masks: Annotated[int, MASKS] = default.masks,
        mask_ratio: Annotated[float, RATIO] = default.mask_ratio,
        seed: Annotated[int, SEED] = default.seed,
        sampling: Annotated[str, SAMPLING] = default.sampling,
        tile: Annotated[str, TILE] = default.tile,
        alarm_rate: Annotated[float, RATE] = default.alarm_rate,
        threshold: Annotated[float | SkipJsonSchema[None], THRESHOLD] = default.threshold,
    ) -> Asked:
        given = Asked(
            method=method,
            model=model,
            masks=masks,
            mask_ratio=mask_ratio,
            seed=seed,
            sampling=cast(Sampling, sampling),
            tile=cast(Tile, tile),
            alarm_rate=alarm_rate,
            threshold=threshold,
        )
        assert given.settings  # which checks them
        return given

    return asked
