"""Errors as a visitor may read them."""

from __future__ import annotations

import logging
import re

import gradio as gr

from maeday_core import MaedayError

FOLDERS = re.compile(r"(?<![\w:/])(/[^\s/]+)+/")
"""The folders of an absolute path: they say nothing to a visitor, and much about the server."""
_logger = logging.getLogger(__name__)


def without_folders(text: str) -> str:
    """A text in which absolute paths are file names."""
    return FOLDERS.sub("", text)


def sentence(error: Exception, instead: str) -> str:
    """What was wrong with the input, or, for a mistake of the program, where to read on and what to try.

    Args:
        error: the one that was caught; if it is none of the engine's, it is logged.
        instead: what to try, as in `another photo`.
    """
    if isinstance(error, MaedayError):
        return without_folders(str(error))
    if isinstance(error, gr.Error):
        return str(error.message)
    _logger.error("The page failed", exc_info=error)
    return f"The program made a mistake; its log says more. Try again, or {instead}."
