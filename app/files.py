"""Files to download, kept for a while where browsers and programs can fetch them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from app.temporary import HOME
from maeday_core.model.device import give_memory_back


def kept(path: Path) -> str:
    """The path of a copy of a file that goes with the other files of the page, an hour later."""
    return str(save_file_to_cache(path, get_upload_folder()))


def written(name: str, write: Callable[[Path], object]) -> str:
    """The path of a file that `write` writes, kept for a while."""
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        path = Path(folder) / name
        write(path)
        give_memory_back()  # a figure takes 100 MB
        return kept(path)


def offered(path: str) -> gr.DownloadButton:
    """A button's update for a file that is kept."""
    return gr.DownloadButton(value=path, interactive=True)


def downloadable(name: str, write: Callable[[Path], object]) -> gr.DownloadButton:
    """A button's update for a file that `write` writes."""
    return offered(written(name, write))


def nothing_to_download() -> gr.DownloadButton:
    """A button's update while there is no file."""
    return gr.DownloadButton(interactive=False)
