"""Models as the page offers them: a short list, loaded once, shared by everybody."""

from __future__ import annotations

import threading

from maeday_core import MaskedAutoencoder, load_model
from maeday_core.weights import HUB_MODELS, Progress, best_device, best_dtype, default_model

KEPT_MODELS = 2
_lock = threading.Lock()
_loaded: dict[str, MaskedAutoencoder] = {}


def model_choices() -> list[tuple[str, str]]:
    """Labels and names, the default first. Names come from the program and its environment, never from a visitor."""
    labels = {"bundled": "bundled (small, works offline)"}
    labels |= {name: f"{name} (downloads {model.size}, {model.licence})" for name, model in HUB_MODELS.items()}
    labels.setdefault(default_model(), default_model())
    return [(label, name) for name, label in sorted(labels.items(), key=lambda item: item[0] != default_model())]


def device_label() -> str:
    """The hardware in use and its number format, as in `CPU bfloat16`."""
    device = best_device()
    return f"{device.type.upper()} {str(best_dtype(device)).removeprefix('torch.')}"


def get_model(name: str, progress: Progress | None = None) -> MaskedAutoencoder:
    """Load a model, or return it if it is one of the last used."""
    with _lock:
        _loaded[name] = _loaded.pop(name, None) or load_model(name, progress=progress)
        for oldest in list(_loaded)[:-KEPT_MODELS]:
            del _loaded[oldest]
        return _loaded[name]
