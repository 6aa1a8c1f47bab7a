"""The answers of the server for other programs, and how its description tells them."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from maeday_core.serving.calls import Adapted, Detected, Watched
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
BOX = {"x": 260, "y": 186, "width": 34, "height": 120, "area": 2210, "peak": 1.62, "centre": [277, 246]}
DETECTED: dict[str, Any] = {
    "name": "metal-scratch.jpg",
    "verdict": "anomalous",
    "state": "anomalous",
    "sentence": "Something does not belong: 1.5 x the limit.",
    "image_score": 1.35,
    "threshold": 0.92,
    "unit": "deviations",
    "is_anomalous": True,
    "anomaly_score": 1.35,
    "anomaly_threshold": 0.92,
    "share_above": 0.0004,
    "boxes": [BOX],
    "doubt": None,
    "seconds": 0.42,
    "settings": {"method": "ensemble", "model": "bundled", "masks": 16, "seed": 0},
    "files": {name: f"/v1/files/TOKEN/{name}" for name in ("heat-map.png", "error-map.npy", "mask.png")},
    "kept_seconds": 600.0,
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How errors are described."""
    return {status: {"model": Error, "description": REASONS[status]} for status in sorted(statuses)}
