"""Files to download, kept for a while where browsers can fetch them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from app.temporary import HOME


def downloadable(name: str, write: Callable[[Path], object]) -> gr.DownloadButton:
    """A button's update for a file that `write` writes; it goes with the other files of the page, an hour later."""
    with tempfile.TemporaryDirectory(dir=HOME) as folder:
        path = Path(folder) / name
        write(path)
        return gr.DownloadButton(value=save_file_to_cache(path, get_upload_folder()), interactive=True)


def nothing_to_download() -> gr.DownloadButton:
    """A button's update while there is no file."""
    return gr.DownloadButton(interactive=False)
