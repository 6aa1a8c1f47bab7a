"""Models as the page offers them: a short list, loaded once in the background, shared by everybody."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from maeday_core import MaskedAutoencoder, load_model
from maeday_core.methods.base import default_backbone
from maeday_core.model.backbone import Backbone, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import best_device, best_dtype, default_model

KEPT_MODELS = 2
LOCAL = "local"
"""How the page calls a model that only the environment names: its path is nobody's business."""
FOLDERS = re.compile(r"(?<![\w:/])(/[^\s/]+)+/")
"""The folders of an absolute path: they tell a visitor nothing, and are not for visitors."""
Result = TypeVar("Result")
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
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else "this can take a minute the first time"


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


def in_turns(steps: Iterator[Result]) -> Iterator[Result]:
    """One step of one visitor at a time: nobody waits for another's whole run, or for a download."""
    while True:
        with _computing:
            result = next(steps, None)
        if result is None:
            return
        yield result


def without_folders(sentence: str) -> str:
    """An error's sentence as a visitor may read it."""
    return FOLDERS.sub("", sentence)
