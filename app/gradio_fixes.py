"""Three habits of Gradio 6.31 that a visitor would notice, mended here and nowhere else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder
from PIL import Image

CLAMPED = "clamped"
"""The class (`elem_classes`) of a slider whose range may be another by the time that its value arrives."""
_checked = gr.Slider.preprocess


def apply() -> None:
    """Put the functions below in place of Gradio's own: in its classes, since each visitor has copies of components."""
    for place, name, function in (
        (processing_utils, "save_pil_to_cache", save_whole),
        (gr.Image, "preprocess", as_sent),
        (gr.UploadButton, "preprocess", as_sent),
        (gr.Slider, "preprocess", in_range),
    ):
        setattr(place, name, function)


def save_whole(picture: Image.Image, cache_dir: str, name: str = "image", format: str = "webp") -> str:
    """Keep a picture for browsers to fetch. Gradio would write an equal one again while a browser reads it."""
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        file = Path(folder) / f"{name}.{format}"
        file.write_bytes(processing_utils.encode_pil_to_bytes(picture, format))  # type: ignore[no-untyped-call]
        return str(processing_utils.save_file_to_cache(file, cache_dir))


def as_sent(component: gr.Image | gr.UploadButton, payload: Any) -> str | None:
    """The path of the file as it was sent. Gradio would decode it and fail; the engine says what is wrong with it."""
    return uploaded(payload.path) if payload else None


def in_range(component: gr.Slider, payload: float) -> float:
    """The value. Gradio refuses one out of range; that of a `CLAMPED` slider is moved to the end of the range."""
    if CLAMPED in (component.elem_classes or ()):
        return min(max(payload, component.minimum), component.maximum)
    return _checked(component, payload)


def uploaded(path: str | None) -> str:
    """The path of a file that came through this page. A request made by hand may name any file of the server.

    Raises:
        gradio.Error: it did not.
    """
    if not path or not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("This file was not uploaded here; add it on the page.", print_exception=False)
    return path
