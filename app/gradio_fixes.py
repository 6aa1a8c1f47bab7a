"""Habits of Gradio 6.31 that a visitor or an operator would notice, mended here and nowhere else."""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.blocks
import gradio.utils
from gradio import processing_utils
from gradio.blocks import Block
from gradio.components.base import server
from gradio.components.image_editor import AcceptBlobs, EditorData, EditorDataBlobs
from gradio.data_classes import FileData
from gradio.events import EventData
from gradio.exceptions import InvalidPathError
from gradio.helpers import special_args
from gradio.mcp import GradioMCPServer
from gradio.processing_utils import client_utils
from gradio.queueing import Event, Queue
from gradio.state_holder import StateHolder
from gradio.utils import get_upload_folder
from PIL import Image

from app.callers import CALLS, next_events
from app.errors import reason
from app.given import NOT_HERE, fetched
from app.sessions import in_use
from app.temporary import HOME
from maeday_core.texts import retold, say

CLAMPED = "clamped"
"""The class (`elem_classes`) of a slider whose range may be another by the time that its value arrives."""
OFFERED = "offered"
"""The class of a choice that may be offered no more by the time that it arrives; its handler says so."""
MAX_LAYERS = 4
"""An editor on this page sends one."""
MAX_BLOBS = 32
MAX_BLOB_BYTES = 20_000_000
"""A painted layer of 1280 px is far smaller."""
LONGEST_SESSION = 100
"""Letters; a browser's has ten or so."""
OUT_OF_RANGE = "{value} is out of range; choose {low} to {high}."
ODD = "This request holds a value that the page does not send; reload the page and try again."
_number, _slider = gr.Number.preprocess, gr.Slider.preprocess
_example, _arguments, _session, _push = gr.Dataset.preprocess, special_args, StateHolder.__getitem__, Queue.push
_config = gr.Image.get_config
_preprocess_data, _postprocess_data = gr.Blocks.preprocess_data, gr.Blocks.postprocess_data
_call_function, _difference = gr.Blocks.call_function, gradio.utils.diff
_content = GradioMCPServer.postprocess_output_data


def apply() -> None:
    """Put the functions below in place of Gradio's own: in its classes, since each visitor has copies of components."""
    for place, name, function in (
        (processing_utils, "save_pil_to_cache", save_whole),
        (processing_utils, "async_ssrf_protected_download", fetched),
        (gr.Image, "preprocess", as_sent),
        (gr.Image, "get_config", as_often),
        (gr.UploadButton, "preprocess", as_sent),
        (gr.ImageEditor, "preprocess", layers_as_sent),
        (gr.ImageEditor, "accept_blobs", accept_few_blobs),
        (gr.Slider, "preprocess", in_range),
        (gr.Number, "preprocess", number),
        (gr.Radio, "preprocess", choice),
        (gr.Dropdown, "preprocess", choice),
        (gr.Checkbox, "preprocess", yes_or_no),
        (gr.Dataset, "preprocess", example),
        (gr.EventData, "__init__", what_happened),
        (gr.SelectData, "__init__", place_selected),
        (gradio.blocks, "special_args", arguments),
        (gradio.utils, "diff", difference),
        (StateHolder, "__getitem__", session),
        (StateHolder, "update", in_use),
        (Queue, "push", push),
        (Event, "data", counted),
        (Queue, "get_events", next_events),
        (GradioMCPServer, "convert_strings_to_filedata", arguments_as_sent),
        (GradioMCPServer, "postprocess_output_data", content),
        (gradio.blocks.Block, "page", ""),  # a component that an answer changed has lost its own
        (gr.Blocks, "preprocess_data", values_of_a_request),
        (gr.Blocks, "call_function", saying_why(_call_function)),
        (gr.Blocks, "postprocess_data", saying_why(_postprocess_data)),
    ):
        setattr(place, name, function)


def save_whole(picture: Image.Image, cache_dir: str, name: str = "image", format: str = "webp") -> str:
    """Keep a picture for browsers to fetch. Gradio would write an equal one again while a browser reads it."""
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        file = Path(folder) / f"{name}.{format}"
        file.write_bytes(processing_utils.encode_pil_to_bytes(picture, format))  # type: ignore[no-untyped-call]
        return str(processing_utils.save_file_to_cache(file, cache_dir))


def as_sent(component: gr.Image | gr.UploadButton, payload: Any) -> str | list[str] | None:
    """The path of the file as it was sent, or the data URL of a camera's frame. Gradio would decode it and fail; the
    engine says what is wrong with it."""
    if getattr(component, "streaming", False):
        return payload.url if payload else None
    if getattr(component, "file_count", "single") == "multiple":
        return [uploaded(one.path) for one in payload or ()]
    return uploaded(payload.path) if payload else None


def as_often(component: gr.Image, cls: type[Block] | None = None) -> dict[str, Any]:
    """What is sent of a picture, with how often a camera sends one. Gradio would leave that out of contents that are
    sent later than the page, and a browser takes it for once a second."""
    every = getattr(component, "stream_every", None)
    return {**_config(component, cls), **({"stream_every": every} if every else {})}


def layers_as_sent(component: gr.ImageEditor, payload: EditorData | None) -> list[Path | bytes]:
    """What was painted, a file or its bytes for each layer. Gradio would decode them whatever their size."""
    if payload is None:
        return []
    kept = component.blob_storage.pop(payload.id, None) if payload.id is not None else payload
    layers = [layer for layer in (kept.layers if kept else ()) if layer is not None]
    if len(layers) > MAX_LAYERS:
        raise gr.Error(ODD, print_exception=False)
    return [Path(uploaded(layer.path)) if isinstance(layer, FileData) else layer for layer in layers]


@server
def accept_few_blobs(component: gr.ImageEditor, data: AcceptBlobs) -> None:
    """Keep a painted layer until an event uses it; the oldest of many go. Gradio would keep whatever is sent."""
    sent, (_, content), kept = data.data, data.files[0], component.blob_storage
    if sent["type"] != "layer":  # the page's own picture, which is not needed
        return
    index, key = int(sent["index"]), str(sent["id"])
    if not 0 <= index < MAX_LAYERS or len(content) > MAX_BLOB_BYTES or len(key) > MAX_BLOBS:
        raise gr.Error(ODD, print_exception=False)
    layers = kept.pop(key).layers if key in kept else []
    layers += [None] * (index + 1 - len(layers))
    layers[index] = content
    while len(kept) >= MAX_BLOBS:
        del kept[next(iter(kept))]
    kept[key] = EditorDataBlobs(background=None, layers=layers, composite=None)


def number(component: gr.Number, payload: float | None) -> float | int | None:
    """The value, None where the field is empty. Gradio lets pass what is no number."""
    return _number(component, payload if payload is None else within(component, finite(payload)))


def in_range(component: gr.Slider, payload: float) -> float:
    """The value. One out of range is refused; that of a `CLAMPED` slider is moved to the end of the range."""
    value = finite(payload)
    if CLAMPED in (component.elem_classes or ()):
        return min(max(value, component.minimum), component.maximum)
    return _slider(component, within(component, value))


def within(component: gr.Number | gr.Slider, value: float) -> float:
    """The value, which is in the component's range. Gradio says in English that it is not."""
    low, high = component.minimum, component.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise gr.Error(say(OUT_OF_RANGE, value=value, low=low, high=high), print_exception=False)
    return value


def choice(component: gr.Radio | gr.Dropdown, payload: str | float | None) -> str | float:
    """The choice. Gradio lets pass that there is none, which the page never sends."""
    offered = [value for _, value in component.choices]
    if payload not in offered and not (OFFERED in (component.elem_classes or ()) and isinstance(payload, str)):
        raise gr.Error(f"{component.label}: {ODD}", print_exception=False)
    return payload  # type: ignore[return-value]


def yes_or_no(component: gr.Checkbox, payload: bool) -> bool:
    """The value. Gradio lets pass anything."""
    if not isinstance(payload, bool):
        raise gr.Error(ODD, print_exception=False)
    return payload


def example(component: gr.Dataset, payload: int | None) -> Any:
    """The example of that number. Gradio lets pass that there is none."""
    if payload is None:
        raise gr.Error(ODD, print_exception=False)
    return _example(component, payload)


def finite(value: Any) -> float:
    """A number.

    Raises:
        gradio.Error: it is none, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        raise gr.Error(ODD, print_exception=False)
    return value


def what_happened(event: gr.EventData, target: Any, data: Any) -> None:
    """What a visitor did, as a page says it. Gradio would fail on a request that says nothing."""
    event.target, event._data = target, data if isinstance(data, dict) else {}


def place_selected(event: gr.SelectData, target: Any, data: Any) -> None:
    """What was clicked; None for what a request leaves out, where Gradio would fail."""
    EventData.__init__(event, target, data)
    given = data if isinstance(data, dict) else {}
    event.index, event.value, event.row_value = (given.get(name) for name in ("index", "value", "row_value"))


def arguments(*given: Any, **options: Any) -> Any:
    """What a handler receives beside values; event data that cannot be is refused with a sentence."""
    try:
        return _arguments(*given, **options)
    except Exception:
        raise gr.Error(ODD, print_exception=False) from None


def session(holder: StateHolder, name: str) -> Any:
    """What is kept of a visit. Gradio keeps names of any length."""
    if len(name) > LONGEST_SESSION:
        raise gr.Error(ODD, print_exception=False)
    return _session(holder, name)


async def push(queue: Queue, body: Any, request: Any, username: str | None) -> Any:
    """Put an event into the queue. Gradio would fail on one of a visit without a name; a call needs none."""
    event = queue.blocks.fns.get(body.fn_index)
    named = body.session_hash or (body.session_hash is None and event and event.concurrency_id == CALLS)
    return await _push(queue, body, request, username) if named else (False, ODD, "error")


def _count(event: Event, body: Any) -> None:
    """A camera's event takes a frame. Gradio hands on the newest and does not tell how many came before."""
    if body is not None and event.streaming:
        event.sent = getattr(event, "sent", 0) + 1  # type: ignore[attr-defined]
        body.event_data = {"number": event.sent}  # type: ignore[attr-defined]
    vars(event)["data"] = body


counted = property(lambda event: vars(event)["data"], _count)
"""The values of a request, with the number of the frame."""


async def values_of_a_request(blocks: gr.Blocks, event: Any, *given: Any, **options: Any) -> list[Any]:
    """The values as handlers receive them; what cannot be one is refused with a sentence, not with a traceback."""
    if event.fn is None:  # what happens in the browser alone
        raise gr.Error(ODD, print_exception=False)
    try:
        return await _preprocess_data(blocks, event, *given, **options)
    except gr.Error as error:
        raise gr.Error(retold(error.message), print_exception=False) from None
    except InvalidPathError:
        raise gr.Error(NOT_HERE, print_exception=False) from None
    except Exception:
        raise gr.Error(say(ODD), print_exception=False) from None


def arguments_as_sent(server: GradioMCPServer, values: Any, positions: Any) -> Any:
    """The arguments of a tool. Gradio would make files of some of the texts, and of those in lists not."""
    return values


def content(server: GradioMCPServer, answer: Any, root_url: str) -> Any:
    """The answer of a tool, each part by itself: files as URLs, those to look at as pictures too, the rest as JSON.

    Gradio would write several parts as one text, and in Python's words.
    """
    parts = answer[0] if len(answer) == 1 and isinstance(answer[0], (list, tuple)) else answer
    answer = processing_utils.add_root_url(list(parts), root_url, None)
    texts = [
        json.dumps(client_utils.traverse(one, lambda file: file["url"], client_utils.is_file_obj_with_meta))
        for one in answer
    ]
    given = [one if client_utils.is_file_obj_with_meta(one) else text for one, text in zip(answer, texts, strict=True)]
    return _content(server, given, root_url)


def difference(old: Any, new: Any) -> list[Any]:
    """What to change in what a browser was sent last. Gradio would have it change an answer that waits to be shown.

    When two answers arrive at once, what the first says of a component and the second does not would be lost.
    """
    if isinstance(old, str) and isinstance(new, str):
        return _difference(old, new)  # type: ignore[no-any-return,no-untyped-call]
    return [] if old == new else [["replace", [], new]]


def saying_why(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A step of Gradio's, where what is wrong with a request or the disk is told with a sentence, wherever it shows."""

    @functools.wraps(step)
    async def named(*given: Any, **options: Any) -> Any:
        try:
            return await step(*given, **options)
        except Exception as error:
            if told := reason(error.__cause__ or error):
                raise gr.Error(told, print_exception=False) from None
            raise

    return named


def uploaded(path: str | None) -> str:
    """The path of a file that came through this page. A request made by hand may name any file of the server.

    Raises:
        gradio.Error: it did not.
    """
    if not path or not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("This file was not uploaded here; add it on the page.", print_exception=False)
    return path
