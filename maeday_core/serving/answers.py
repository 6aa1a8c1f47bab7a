"""Answers: what programs read of what a server found, learned and offers, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from maeday_core.methods import METHODS, Reference, Shots
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import default_model


class Box(TypedDict):
    """Where something does not belong, in pixels of the picture; `peak` is the highest value of the map in it."""

    x: int
    y: int
    width: int
    height: int
    area: int
    peak: float
    centre: tuple[int, int]


class Detected(TypedDict):
    """The answer on one picture: the row of `maeday detect --json`, and what clients of other servers look for.

    `is_anomalous`, `anomaly_score` and `anomaly_threshold` repeat `verdict`, `image_score` and `threshold`.
    """

    name: str
    verdict: Literal["normal", "anomalous"]
    state: Literal["normal", "look here", "anomalous"]
    sentence: str
    image_score: float
    threshold: float
    unit: str
    is_anomalous: bool
    anomaly_score: float
    anomaly_threshold: float
    share_above: float
    boxes: list[Box]
    doubt: str | None
    seconds: float
    settings: dict[str, Any]


class Adapted(TypedDict):
    """What was learned of good parts: their number, a phrase for people, doubts about the photos, and facts."""

    method: str
    shots: int
    summary: str
    doubts: list[str]
    facts: dict[str, Any]


class Watched(TypedDict):
    """The answer on frames: a headline, a row for each as in `frames.jsonl`, and what could not be looked at."""

    headline: str
    threshold: float
    reason: str
    rows: list[dict[str, Any]]
    left_out: list[dict[str, str]]


class ModelInfo(TypedDict):
    """A model that may be asked for."""

    name: str
    default: bool
    about: str


class MethodInfo(TypedDict):
    """A method that may be asked for; `good_parts` says whether it uses photos of good parts."""

    name: str
    title: str
    about: str
    good_parts: str


class Offered(TypedDict):
    """What a server offers."""

    models: list[ModelInfo]
    methods: list[MethodInfo]


def described(reference: Reference) -> Adapted:
    """What is said of good parts."""
    facts: dict[str, Any] = {}
    for one in reference.learned.values():
        facts |= one.describe()
    return Adapted(
        method=reference.method,
        shots=reference.shots,
        summary=", ".join(one.summary for one in reference.learned.values()),
        doubts=list(reference.doubts),
        facts=facts,
    )


def offered(models: Sequence[str] = ("bundled", *HUB_MODELS), default: str = "") -> Offered:
    """The models and methods that may be asked for.

    Args:
        models: their names.
        default: the one that is used where none is named; by default `default_model`.
    """
    about = {"bundled": "small, in the program, works without a network"}
    about |= {name: f"{model.repo} on the Hub, {model.size}" for name, model in HUB_MODELS.items()}
    kinds = {Shots.NONE: "not used", Shots.OPTIONAL: "optional", Shots.REQUIRED: "required"}
    default = default or default_model()
    return Offered(
        models=[ModelInfo(name=one, default=one == default, about=about.get(one, "")) for one in models],
        methods=[
            MethodInfo(name=one.name, title=one.title, about=one.about, good_parts=kinds[one.shots])
            for one in METHODS.values()
        ],
    )
