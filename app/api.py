"""What programs ask of the page's server: four endpoints, which are the tools of MCP clients, too.

Gradio makes the documentation of both from the types and docstrings here; it needs the types themselves, so that
annotations are not postponed.
"""

import contextlib
import functools
import importlib.util
import inspect
import logging
import os
import re
import reprlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypedDict, TypeVar

import gradio as gr
from gradio.data_classes import FileData
from PIL import Image

from app.callers import CALLS, MAX_CALLS, caller
from app.errors import sentence
from app.files import kept
from app.given import given
from app.gpu import computed
from app.models import loaded_tools, model_choices
from app.temporary import HOME, check_space
from maeday_core import METHODS, Settings, SettingsError, find
from maeday_core.detection.region import Region, load_region
from maeday_core.detection.windows import Tile
from maeday_core.serving import calls
from maeday_core.serving.answers import Adapted, Detected, Offered, Watched, offered
from maeday_core.serving.calls import AS_FRAMES, MAX_FRAMES, Asked
from maeday_core.serving.jobs import Given, Job

Method = Literal[tuple(one.name for one in METHODS.values() if one.offered)]  # type: ignore[misc,valid-type]
PAGE = Asked()
WHOLE = "masks", "seed"
FOLD = re.compile(r"\n {8,}")
MCP = "MAEDAY_MCP"
"""The environment variable by which the endpoints are tools of MCP clients, too: 1 or 0; on a Space they are."""
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
_logger = logging.getLogger(__name__)


class DetectFiles(TypedDict):
    """Files of an answer on one picture: .npy with float32 (height, width), and a PNG, 255 where something does not
    belong."""

    error_map: FileData
    mask: FileData


def told(call: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """A call that says what was wrong in a sentence; its docstring has no folded lines, which Gradio would cut."""

    @functools.wraps(call)
    def with_sentence(*args: Parameters.args, **options: Parameters.kwargs) -> Answer:
        try:
            check_space()
            return call(*args, **options)
        except Exception as error:
            raise gr.Error(sentence(error, "another file"), print_exception=False) from None

    with_sentence.__doc__ = FOLD.sub(" ", inspect.cleandoc(call.__doc__ or ""))
    return with_sentence


@told
def detect(
    request: gr.Request,
    picture: FileData,
    method: Method = PAGE.method,
    good_parts: list[FileData] | None = None,
    adapter: FileData | None = None,
    threshold: float | None = None,
    masks: int = PAGE.masks,
    mask_ratio: float = PAGE.mask_ratio,
    seed: int | None = None,
    tile: Tile = PAGE.tile,
    alarm_rate: float = PAGE.alarm_rate,
    model: str | None = None,
    ignore: FileData | None = None,
    roi: FileData | None = None,
) -> tuple[Detected, FileData, DetectFiles]:
    """Look for what does not belong in one photo of a surface or a part: a scratch, a stain, a foreign object. Needs no
    text. Without good parts only what differs from the rest of the picture is found; photos of one to eight good parts,
    or an adapter made of them by the tool adapt, make it much more reliable. Takes seconds.

    Args:
        picture: The photo, at most 50 megapixels: an https URL, a data URI or an upload.
        method: ensemble is the most reliable. maeday reconstructs hidden patches; self compares the picture with itself
            and uses no good parts; patchcore compares it with good parts and needs them.
        good_parts: Photos of one to eight good parts, of the same kind and from the same view; not with adapter.
        adapter: The file that the tool adapt gave, made with the same method and model.
        threshold: The image score above which the picture is anomalous. Leave it out for the automatic one.
        masks: How many random masks maeday and ensemble use, 1 to 512; more are steadier and slower.
        mask_ratio: The share of the patches that each mask hides, 0.05 to 0.95.
        seed: Of everything random; the same gives the same answer. 0 if left out.
        tile: on looks through overlapping windows for what is small in a large picture, off at the whole, auto decides
            by the size.
        alarm_rate: The share of good pictures that may be called anomalous, above 0 and below 1; it sets the automatic
            threshold.
        model: A name from the tool models. Leave it out for the server's own.
        ignore: A mask, a picture of the same shape that is bright where nothing counts, such as a label or a clamp.
        roi: The opposite: a mask that is bright where alone something counts.

    Returns:
        First the answer. verdict is normal or anomalous, and sentence says it in words; the state "look here" marks a
            normal picture with one place to look at. image_score is the highest value of the map, in unit; the picture
            is anomalous where it is above threshold. boxes are the places in pixels of the photo; doubt says why not to
            trust the verdict. is_anomalous, anomaly_score and anomaly_threshold repeat verdict, image_score and
            threshold. Then the photo under its heat map, the places outlined. Last two files: error_map, the map as
            .npy, and mask, a picture that is white where something does not belong.
    """
    numbers = _numbers(threshold=threshold, masks=masks, mask_ratio=mask_ratio, seed=seed, alarm_rate=alarm_rate)
    asked = Asked(str(method), _offered(model), tile=tile, **numbers)
    good = [given(one) for one in _listed(good_parts)]
    saved, who = _file_given(adapter), _who(request)
    with _folder() as out:
        answer, files = calls.detect(_compute, given(picture), asked, out, good, saved, who, _region(ignore, roi))
        heat_map = out / "heat-map.jpg"
        Image.open(files.heat_map).save(heat_map, quality=90)  # clients of models take no more than a megabyte
        return answer, _file(heat_map), {"error_map": _file(files.error_map), "mask": _file(files.mask)}


@told
def adapt(
    request: gr.Request,
    good_parts: list[FileData],
    method: Method = PAGE.method,
    name: str | None = None,
    masks: int = PAGE.masks,
    mask_ratio: float = PAGE.mask_ratio,
    seed: int | None = None,
    tile: Tile = PAGE.tile,
    model: str | None = None,
    ignore: FileData | None = None,
    roi: FileData | None = None,
) -> tuple[Adapted, FileData]:
    """Learn from photos of one to eight good parts what is normal. The file given back is the adapter of later calls of
    detect and frames, so that the photos are learned once. Takes up to a minute.

    Args:
        good_parts: Photos of good parts, of the same kind and from the same view: https URLs, data URIs or uploads.
        method: The method that will judge with it: ensemble, maeday or patchcore.
        name: What these parts are called; it is kept in the file.
        masks: As it will be in detect.
        mask_ratio: As it will be in detect.
        seed: Of everything random; the same gives the same file. 0 if left out.
        tile: As it will be in detect.
        model: A name from the tool models; the file is good for this model alone. Leave it out for the server's own.
        ignore: As in detect; it is kept in the file, and ignored in what is judged by it, too.
        roi: As in detect.

    Returns:
        First what was learned: a summary in words, facts, and doubts, such as a good part that looks defective. Then
            the adapter, a file.
    """
    asked = Asked(str(method), _offered(model), tile=tile, **_numbers(masks=masks, mask_ratio=mask_ratio, seed=seed))
    good = [given(one) for one in _listed(good_parts)]
    with _folder() as out:
        answer, path = calls.adapt(_compute, good, asked, out, str(name or ""), _who(request), _region(ignore, roi))
        return answer, _file(path)


@told
def frames(
    request: gr.Request,
    files: list[FileData],
    every: float = 1.0,
    method: Method = AS_FRAMES.method,
    adapter: FileData | None = None,
    threshold: float | None = None,
    masks: int = AS_FRAMES.masks,
    tile: Tile = AS_FRAMES.tile,
    alarm_rate: float = AS_FRAMES.alarm_rate,
    model: str | None = None,
    ignore: FileData | None = None,
    roi: FileData | None = None,
) -> tuple[Watched, FileData]:
    """Look for foreign objects in many frames of the same kind, such as a floor or a belt, and judge them against each
    other. At most 500 frames; one takes about a second, and some 500 letters of the answer.

    Args:
        files: Pictures, zip archives of pictures, and videos: https URLs, data URIs or uploads.
        every: Seconds between two frames that are taken from a video.
        method: As in detect, but patchcore needs an adapter.
        adapter: The file that the tool adapt gave, made of clean frames with the same method, model and windows.
        threshold: The image score above which a frame is anomalous. Leave it out for the automatic one.
        masks: How many random masks maeday and ensemble use for each frame, 1 to 512.
        tile: on looks through overlapping windows, off at each frame as a whole, auto decides by the size.
        alarm_rate: The share of good frames that may be called anomalous, above 0 and below 1; it sets the automatic
            threshold.
        model: A name from the tool models. Leave it out for the server's own.
        ignore: As in detect; for all frames.
        roi: As in detect.

    Returns:
        First the answer: a headline, the threshold and its reason, a row for each frame in their order, with its name,
            time in a video, rank by score, image_score, verdict and boxes, and what could not be looked at. Then a zip
            archive: tables, a report to open in a browser, and the pictures of what was found.
    """
    numbers = _numbers(threshold=threshold, masks=masks, alarm_rate=alarm_rate)
    asked = Asked(str(method), _offered(model), tile=tile, **numbers)
    paths = [given(one) for one in _listed(files)]
    if not 1 <= len(paths) <= MAX_FRAMES:
        raise SettingsError(f"{len(paths)} files were given; give 1 to {MAX_FRAMES}.")
    saved, who = _file_given(adapter), _who(request)
    with _folder() as out:
        region = _region(ignore, roi)
        answer, archive = calls.frames(
            _compute, paths, asked, out, **_numbers(every=every), adapter=saved, who=who, region=region
        )
        answer["rows"] = [_named(row) for row in answer["rows"]]
        answer["left_out"] = [_named(one) for one in answer["left_out"]]
        return answer, _file(archive)


@told
def models() -> Offered:
    """The models and methods that the other tools may be asked for, and which are used where nothing is said.

    Returns:
        Names with what they are; good_parts says whether a method uses photos of good parts.
    """
    names = [name for _, name in model_choices()]
    return offered(names, default=names[0])


def add_endpoints() -> None:
    """The page has the endpoints."""
    for call in (detect, adapt, frames, models):
        gr.api(call, api_name=call.__name__, concurrency_id=CALLS, concurrency_limit=MAX_CALLS)


def with_mcp() -> bool:
    """Whether the endpoints are tools of MCP clients, too."""
    wanted = os.environ.get(MCP, "1" if os.environ.get("SPACE_ID") else "0") not in ("", "0")
    if wanted and not importlib.util.find_spec("mcp"):
        _logger.warning("There are no MCP tools, because the package mcp is missing: pip install 'mcp>=1.21,<2'.")
        return False
    return wanted


def _compute(job: Job[Given], model: str, settings: Settings, who: str) -> Iterator[Given]:
    method = find(job.method)  # type: ignore[attr-defined]
    return computed(job, loaded_tools(model or model_choices()[0][1], settings, method), who)


def _offered(model: str | None) -> str:
    """A model of the page's, empty for its own; no path and no repository comes from a caller."""
    names = [name for _, name in model_choices()]
    if model is not None and model not in names:
        raise SettingsError(f"There is no model {reprlib.repr(model)} here; choose {' or '.join(names)}.")
    return model or ""


def _numbers(**given: Any) -> dict[str, Any]:
    """What was given, each of it a number; what was left out is not in it."""
    for name, value in given.items():
        kinds = (int,) if name in WHOLE else (int, float)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            whole = "whole " if name in WHOLE else ""
            raise SettingsError(f"{name} is {reprlib.repr(value)}; give a {whole}number.")
    return {name: value for name, value in given.items() if value is not None}


def _listed(files: Any) -> list[Any]:
    return list(files) if isinstance(files, list) else [files] if files else []


def _file_given(file: FileData | None) -> Path | None:
    return given(file) if file else None


def _region(ignore: FileData | None, interest: FileData | None) -> Region | None:
    return load_region(_file_given(ignore), _file_given(interest))


def _who(request: gr.Request) -> str:
    return caller(request.session_hash, request.headers)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the files of an answer, until they are kept where callers can fetch them."""
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        yield Path(folder)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose `path` is its `name`: Gradio's clients would download whatever has a path."""
    return {"name" if name == "path" else name: value for name, value in row.items()}


def _file(path: Path) -> Any:
    """A file of an answer, a `FileData`."""
    file = FileData(path=kept(path), orig_name=path.name, size=path.stat().st_size)
    return file.model_dump()  # Gradio looks for files in dictionaries and in nothing else
