"""Models as the page offers them: a short list, loaded once in the background, shared by everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from app.events import Answer
from maeday_core import MaskedAutoencoder, load_model
from maeday_core.methods.base import default_backbone
from maeday_core.model.backbone import Backbone, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import best_device, best_dtype, default_model

KEPT_MODELS = 2
LOCAL = "local"
"""The page's name for a model that the environment names by its path, which visitors need not know."""
POLL = 0.4
"""Seconds between two answers while something loads."""
FIRST_TIME = "This can take a minute the first time."
Item = TypeVar("Item")
Busy = Callable[[str, str], Answer]
"""Makes an answer that shows a card with a title and a text."""
_computing = threading.Lock()
_loader = ThreadPoolExecutor(2, thread_name_prefix="load-model")
_lock = threading.Lock()
_models: dict[str, Future[MaskedAutoencoder]] = {}
_downloaded: dict[str, tuple[int, int]] = {}


def model_choices() -> list[tuple[str, str]]:
    """Labels and names, the default first. Names come from the program and its environment, never from a visitor."""
    labels = {"bundled": "bundled (small, works offline)"}
    labels |= {name: f"{name} ({model.size} download)" for name, model in HUB_MODELS.items()}
    first = default_model()
    if first not in labels:
        first = LOCAL
        labels[LOCAL] = Path(default_model()).name
    return [(label, name) for name, label in sorted(labels.items(), key=lambda item: item[0] != first)]


def device_label() -> str:
    """The hardware in use and its number format, as in `CPU bfloat16`."""
    device = best_device()
    label = f"{device.type.upper()} {str(best_dtype(device)).removeprefix('torch.')}"
    if device.type == "cuda":
        label += "; with a GPU, try the model base or large in the settings"
    return label


def request_model(name: str) -> Future[MaskedAutoencoder]:
    """The model, or the promise of it; a load that failed is tried again. The last two models are kept."""
    with _lock:
        promise = _models.pop(name, None)
        if promise is None or (promise.done() and promise.exception()):
            promise = _loader.submit(
                load_model,
                default_model() if name == LOCAL else name,
                progress=lambda done, total: _downloaded.update({name: (done, total)}),
            )
        _models[name] = promise
        for oldest in [key for key, value in _models.items() if value.done()][:-KEPT_MODELS]:
            del _models[oldest]
        return promise


def download_progress(name: str) -> str:
    """How far the download of a model is, in words."""
    done, total = _downloaded.get(name, (0, 0))
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else FIRST_TIME


def loading(name: str) -> Iterator[str | MaskedAutoencoder]:
    """Wait for a model, saying how far its download is; the model comes last."""
    promise = request_model(name)
    while wait([promise], timeout=0.4).not_done:
        yield download_progress(name)
    yield promise.result()


def loading_backbone(model_name: str) -> Iterator[str | Backbone]:
    """Wait for the backbone that goes with a model, loaded outside everybody's turn; it comes last."""
    promise = _loader.submit(load_backbone, default_backbone(model_name))
    while wait([promise], timeout=0.4).not_done:
        yield "this can take a minute the first time"
    yield promise.result()


def load_model_for(name: str, busy: Busy) -> Generator[Answer, None, MaskedAutoencoder]:
    """Wait for a model, answering meanwhile how far its download is."""
    promise = request_model(name)
    while wait([promise], timeout=POLL).not_done:
        yield busy(f"Loading the model {name}", download_progress(name))
    return promise.result()


def load_backbone_for(name: str, busy: Busy) -> Generator[Answer, None, Backbone]:
    """Wait for the network that compares patches, the one that goes with a model."""
    promise = _loader.submit(load_backbone, default_backbone(name))
    while wait([promise], timeout=POLL).not_done:
        yield busy("Loading the network that compares patches", FIRST_TIME)
    return promise.result()


def in_turns(steps: Iterable[Item]) -> Iterator[Item]:
    """One step of one visitor at a time: nobody waits for another's whole run, or for a download."""
    left = iter(steps)
    while True:
        with _computing:
            item = next(left, None)
        if item is None:
            return
        yield item
