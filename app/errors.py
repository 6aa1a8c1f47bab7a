"""Errors as a visitor may read them."""

from __future__ import annotations

import logging

import gradio as gr

from maeday_core import MaedayError
from maeday_core.serving.sentences import storage_sentence, without_folders
from maeday_core.texts import retold, say

_logger = logging.getLogger(__name__)


def sentence(error: Exception, instead: str) -> str:
    """What was wrong with the input, or, for a mistake of the program, where to read on and what to try.

    It is in the visitor's language; the engine says it in English.

    Args:
        error: the one that was caught; if it is none of the engine's, it is logged.
        instead: what to try, as in `another photo`.
    """
    if isinstance(error, gr.Error):
        return str(error.message)
    if told := reason(error):
        return told
    _logger.error("The page failed", exc_info=error)
    return say("The program made a mistake; its log says more. Try again, or {instead}.", instead=say(instead))


def reason(error: BaseException) -> str | None:
    """What was wrong with the input or with the disk, in the visitor's language; None for a mistake of the program."""
    if isinstance(error, MaedayError):
        return retold(without_folders(str(error)))
    if told := storage_sentence(error):
        _logger.error("%s %s", told, error)
    return told
