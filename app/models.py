"""Models as the page offers them: a short list, loaded once in the background, shared by everybody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from app.events import Answer
from app.gpu import ZERO_GPU
from maeday_core import (
    MaedayError,
    MaskedAutoencoder,
    Method,
    Settings,
    Tools,
    load_model,
)
from maeday_core.methods.tools import default_backbone
from maeday_core.model.backbone import load_backbone
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.load import default_model

AT_START = "bundled", "base", "large"
"""Models of a ZeroGPU Space: there they are loaded at the start, by the main thread, or not at all."""
KEPT_MODELS = 2
LOCAL = "local"
"""The page's name for a model that the environment names by its path, which visitors need not know."""
POLL = 0.4
"""Seconds between two answers while something loads."""
FIRST_TIME = "This can take a minute the first time."
Busy = Callable[[str, str], Answer]
"""Makes an answer that shows a card with a title and a text."""
_logger = logging.getLogger(__name__)
_loader = ThreadPoolExecutor(2, thread_name_prefix="load-model")
_lock = threading.Lock()
_models: dict[str, Future[MaskedAutoencoder]] = {}
_downloaded: dict[str, tuple[int, int]] = {}
_preloaded: dict[str, MaskedAutoencoder] = {}


def preload() -> None:
    """Load the models of a ZeroGPU Space, each with the network that goes with it; those that cannot be had are not
    offered."""
    for name in dict.fromkeys((default_model(), *AT_START)):
        try:
            load_backbone(default_backbone(name))
            _preloaded[name if name in AT_START else LOCAL] = load_model(name)
        except MaedayError as error:
            _logger.warning("The model %s is not offered: %s", name, error)


def preloaded(name: str) -> MaskedAutoencoder:
    """A model that was loaded at the start."""
    return _preloaded[name]


def model_choices() -> list[tuple[str, str]]:
    """Labels and names, the default first. Names come from the program and its environment, never from a visitor."""
    labels = {"bundled": "bundled (small, works offline)"}
    labels |= {name: f"{name} ({model.size} download)" for name, model in HUB_MODELS.items()}
    first = default_model()
    if first not in labels:
        first = LOCAL
        labels[LOCAL] = Path(default_model()).name
    offered = _preloaded or labels
    return [
        (label, name) for name, label in sorted(labels.items(), key=lambda item: item[0] != first) if name in offered
    ]


def device_label() -> str:
    """The hardware in use and its number format, as in `CPU bfloat16`."""
    device = best_device()
    label = "ZeroGPU" if ZERO_GPU else device.type.upper()
    label += f" {str(best_dtype(device)).removeprefix('torch.')}"
    if device.type == "cuda" and "large" in [name for _, name in model_choices()]:
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


def load_tools(model_name: str, settings: Settings, method: Method, busy: Busy) -> Generator[Answer, None, Tools]:
    """Load what a method needs, in nobody's turn, answering meanwhile how far it is."""
    if model_name in _preloaded:
        return Tools(settings, partial(preloaded, model_name), default_backbone(model_name))
    promise = request_model(model_name)
    while wait([promise], timeout=POLL).not_done:
        yield busy(f"Loading the model {model_name}", download_progress(model_name))
    tools = Tools(settings, promise.result, default_backbone(model_name))
    if method.depends_on(tools, shots=0).backbone:
        network = _loader.submit(tools.network)
        while wait([network], timeout=POLL).not_done:
            yield busy("Loading the network that compares patches", FIRST_TIME)
        network.result()
    return tools


def loaded_tools(model_name: str, settings: Settings, method: Method) -> Tools:
    """The same for who waits without being told anything."""
    loading = load_tools(model_name, settings, method, lambda *_: {})
    while True:
        try:
            next(loading)
        except StopIteration as end:
            tools: Tools = end.value
            return tools


if ZERO_GPU:
    preload()
