"""The answers of the server for other programs, and how its description tells them."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from maeday_core.serving.answers import Adapted, Detected, Watched
from maeday_core.serving.rest.refusals import Error


class DetectLinks(TypedDict):
    """Where the files of an answer are fetched, until they are let go.

    `heat_map`: PNG, the picture under its map, marked; `error_map`: .npy, float32 of the picture's height and width;
    `mask`: PNG of the same size, 255 where something does not belong.
    """

    heat_map: str
    error_map: str
    mask: str


class DetectAnswer(Detected):
    """The verdict on a picture, its places in pixels, and links to its files, which are kept for `kept_seconds`."""

    files: DetectLinks
    kept_seconds: float


class AdaptLinks(TypedDict):
    """Where what was learned is fetched: the `adapter` of `detect` and `frames`."""

    adapter: str


class AdaptAnswer(Adapted):
    """What was learned of good parts, and a link to it, which is kept for `kept_seconds`."""

    files: AdaptLinks
    kept_seconds: float


class FramesLinks(TypedDict):
    """Where a zip archive is fetched: the tables, the report, and the pictures of what was found."""

    archive: str


class FramesAnswer(Watched):
    """The verdicts on frames, judged together, and a link to the files, which are kept for `kept_seconds`."""

    files: FramesLinks
    kept_seconds: float


class Alive(TypedDict):
    """The server answers."""

    alive: bool


class Ready(TypedDict):
    """The server takes work, with a model."""

    ready: bool
    model: str


REASONS = {
    400: "The request is no form that can be read.",
    401: "The key is missing or wrong.",
    404: "There is no such file, or it was let go.",
    408: "The request stopped coming.",
    413: "The request is too large.",
    415: "The request is no form.",
    422: "A field, a picture or an adapter cannot be used; the sentence says which, and what to do.",
    429: "All places are taken; `Retry-After` says when to try again.",
    503: "The model is being loaded, the server is being shut down, or it lacks memory or disk space.",
}
OF_JOBS = (400, 408, 413, 415, 422, 429, 503)
DETECTED: dict[str, Any] = {
    "name": "part-0417.jpg",
    "verdict": "anomalous",
    "state": "anomalous",
    "sentence": "Something here does not belong: 1.2 times the limit.",
    "image_score": 1.7155,
    "threshold": 1.3948,
    "unit": "evidence",
    "is_anomalous": True,
    "anomaly_score": 1.7155,
    "anomaly_threshold": 1.3948,
    "share_above": 0.0002,
    "boxes": [{"x": 172, "y": 183, "width": 159, "height": 133, "area": 2750, "peak": 1.8484, "centre": [252, 249]}],
    "doubt": "This photo looks unlike the good parts.",
    "seconds": 0.42,
    "settings": {"method": "ensemble", "shots": 1, "model": "bundled", "masks": 16, "seed": 0},
    "files": {
        "heat_map": "/v1/files/TOKEN/heat-map.png",
        "error_map": "/v1/files/TOKEN/error-map.npy",
        "mask": "/v1/files/TOKEN/mask.png",
    },
    "kept_seconds": 600.0,
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How errors are described."""
    return {status: {"model": Error, "description": REASONS[status]} for status in sorted(statuses)}
