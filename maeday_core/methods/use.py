"""Using a method: learn from good parts, then judge queries; everything is checked here, once for all methods."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from maeday_core.detection.objects import BlockMap
from maeday_core.detection.places import outline
from maeday_core.detection.region import ignored_in
from maeday_core.detection.result import Detection
from maeday_core.detection.windows import seen_as
from maeday_core.errors import SettingsError
from maeday_core.fewshot.fine_tuning import CALIBRATE
from maeday_core.fewshot.learned import Progress
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Detect, Method, Shots, find, last
from maeday_core.methods.reference import KEPT, GoodPart, Reference, kept
from maeday_core.methods.tools import Tools
from maeday_core.model.backbone import SIDE


def detector(method: Method, tools: Tools | None = None, reference: Reference | None = None) -> Detect:
    """The function that judges queries by a method, zero-shot or with what was learned from good parts.

    Raises:
        SettingsError: the method needs good parts and has none, or they were learned by another, or for other settings.
        WeightsError: they belong to another model.
    """
    tools, reference = tools or Tools(), reference or Reference()
    _check(method, reference)
    if reference.tile not in ("auto", tools.settings.tile):
        if tools.settings.tile != "auto":
            seen = "through windows" if reference.tile == "on" else "whole"
            raise SettingsError(f"The good parts were looked at {seen}: detect with tile {reference.tile}, or auto.")
        tools = tools.with_settings(tile=reference.tile)
    look, regions = method.detector(tools, reference), {one.id: one for one in (reference.region, tools.region) if one}
    if not regions:
        return look
    names = "+".join(regions)

    def detect(query: RGBImage) -> Iterator[Detection]:
        for result in look(query, ignored_in(query, regions.values())):
            yield replace(result, made_by=replace(result.made_by, ignored=names))

    return detect


def _check(method: Method, reference: Reference) -> None:
    if method.shots is Shots.NONE and reference:
        raise SettingsError(f"{method.title} uses no photos of good parts: leave them out, or choose another method.")
    if method.shots is Shots.REQUIRED and not reference:
        raise SettingsError(
            f"The method {method.name} compares with good parts and has none: give photos of them, or choose "
            f"{method.zero_shot.name}, which needs none."
        )
    missing = [part for part in method.parts(bool(reference)) if reference and part.name not in reference.learned]
    if missing:
        raise SettingsError(
            f"What was saved of the good parts comes from the method {reference.method} and holds nothing for "
            f"{missing[0].title}: learn from them again with the method {method.name}."
        )


def detect(method: Method, tools: Tools | None, query: RGBImage, reference: Reference | None = None) -> Detection:
    """Judge one picture, uint8 (H, W, 3) RGB of any size; raises what `detector` raises."""
    return last(detector(method, tools, reference)(query))


def learning(method: Method, tools: Tools | None, shots: Iterable[RGBImage]) -> Generator[Progress, None, Reference]:
    """Learn from photos of good parts: yields the progress and returns what was learned.

    Args:
        method: the one that will judge.
        tools: by `settings.tile` the shots are seen whole or through windows, for `auto` by the size of the first.
        shots: uint8 (H, W, 3); one to eight where the method fine-tunes, else any number. They are taken one at a time,
            as often as the method has parts.

    Raises:
        SettingsError: the method uses no good parts, or cannot use so many.
    """
    tools = tools or Tools()
    if method.shots is Shots.NONE:
        raise SettingsError(f"{method.title} uses no photos of good parts: leave them out, or choose another method.")
    if iter(shots) is shots:
        shots = list(shots)
    first = next(iter(shots), None)
    if first is not None:
        tools = tools.with_settings(tile=seen_as(first.shape, tools.settings.tile, SIDE))
    if any("backbone" in part.uses for part in method.parts(good=True)):
        tools.network()  # what may fail at once comes before the work
    reference = yield from method.learning(tools, shots)
    return replace(reference, photos=kept(shots), region=tools.region)


def learn(
    method: Method,
    tools: Tools | None,
    shots: Iterable[RGBImage],
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Reference:
    """What a method learns from photos of good parts; arguments and errors are those of `learning`."""
    steps = learning(method, tools, shots)
    while True:
        try:
            on_progress(next(steps))
        except StopIteration as end:
            reference: Reference = end.value
            return reference


def joined_by(
    method: Method, tools: Tools | None, reference: Reference, photo: RGBImage, name: str = "", content: str = ""
) -> Reference:
    """What is known about good parts, with one more; where none is known it is the first. Nothing is fine-tuned.

    Args:
        method: learns from the first one.
        tools, reference, photo, name, content: as in `join`.
    """
    if reference:
        return join(tools, reference, photo, name, content)
    tools = replace(tools or Tools(), preset=CALIBRATE)
    return learn(method, tools, [photo])


def join(tools: Tools | None, reference: Reference, photo: RGBImage, name: str = "", content: str = "") -> Reference:
    """What was learned, with one more good part: in a moment, for nothing is fine-tuned.

    Args:
        tools: what the methods use.
        reference: what was learned before; it is not changed.
        photo: uint8 (H, W, 3).
        name: of its file.
        content: what tells its content, its hash; a photo that has joined before does not again.

    Raises:
        SettingsError: a method cannot take another one.
        WeightsError: what was learned belongs to another model.
    """
    if content and content in reference.joined:
        return reference
    tools = replace(tools or Tools(), region=reference.region)
    parts = {part.name: part for part in find(reference.method).parts(good=True)}
    learned = {name: parts[name].join(tools, one, photo) for name, one in reference.learned.items()}
    photos = (*reference.photos, GoodPart.of(photo, name))[:KEPT]
    return replace(reference, learned=learned, photos=photos, joined=(*reference.joined, content))


def outlined(result: Detection, by_hand: float | None = None) -> npt.NDArray[np.bool_]:
    """What does not belong, of the shape of the error map: as far as its method reaches from a peak.

    Args:
        result: of a detection.
        by_hand: a threshold that a person set, above which everything is outlined; None for the automatic one.
    """
    if by_hand is not None:
        return outline(result.error_map, result.image_score, by_hand)
    height = find(result.made_by.method).height
    return outline(result.error_map, result.image_score, result.threshold.value, height, result.ignored)


def outlined_blocks(result: Detection, by_hand: float | None = None) -> BlockMap:
    """The map of a result where it is outlined, and nothing elsewhere."""
    return BlockMap.of(result.error_map, result.size).within(outlined(result, by_hand))
