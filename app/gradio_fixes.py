"""Three habits of Gradio 6.31 that a visitor would notice, mended here and nowhere else."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder
from PIL import Image

_refusing = gr.Slider.preprocess


def apply() -> None:
    """Put the functions below in place of Gradio's own."""
    processing_utils.save_pil_to_cache = save_once
    for component in (gr.Image, gr.UploadButton):
        component.preprocess = as_sent  # of the class: a visitor's page may work with a copy of the component
    gr.Slider.preprocess = in_range


def save_once(picture: Image.Image, cache_dir: str, name: str = "image", format: str = "webp") -> str:
    """Keep a picture for browsers to fetch, at once whole: Gradio rewrites an equal one in place while it is sent."""
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        file = Path(folder) / f"{name}.{format}"
        file.write_bytes(processing_utils.encode_pil_to_bytes(picture, format))
        return processing_utils.save_file_to_cache(file, cache_dir)


def as_sent(component: gr.Image | gr.UploadButton, payload: Any) -> str | None:
    """The file as it was sent: Gradio itself fails on a bad one, where the engine says what is wrong with it."""
    return uploaded(payload.path) if payload else None


def in_range(component: gr.Slider, payload: float) -> float:
    """The value; of a threshold the nearest that its scale has, which may be another by the time a click comes."""
    if component.elem_id in ("threshold", "frames-threshold"):
        return min(max(payload, component.minimum), component.maximum)
    return _refusing(component, payload)


def uploaded(path: str | None) -> str:
    """A file that came through this page; a request made by hand may name any file of the server."""
    if not path or not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("This file was not uploaded here; add it on the page.", print_exception=False)
    return path
