"""Errors as a visitor may read them."""

from __future__ import annotations

import errno
import logging
import os
import re

import gradio as gr

from maeday_core import MaedayError
from maeday_core.texts import retold, say

FOLDERS = re.compile(r"(?<![\w:/])(/[^\s/]+)+/")
"""The folders of an absolute path: they say nothing to a visitor, and much about the server."""
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
FULL = re.compile(r"No space left|\d+ requested and \d+ written")
_logger = logging.getLogger(__name__)


def without_folders(text: str) -> str:
    """A text in which absolute paths are file names."""
    return FOLDERS.sub("", text)


def storage_sentence(error: BaseException) -> str | None:
    """What to say where a file could not be written; None for an error of another kind."""
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        reason = os.strerror(error.errno)
    elif FULL.search(str(error)):  # safetensors and numpy tell it in their own words
        reason = os.strerror(errno.ENOSPC)
    else:
        return None
    told = "This server cannot write its files ({reason}); try again later, or tell who runs it."
    return say(told, reason=reason)


def sentence(error: Exception, instead: str) -> str:
    """What was wrong with the input, or, for a mistake of the program, where to read on and what to try.

    It is in the visitor's language; the engine says it in English.

    Args:
        error: the one that was caught; if it is none of the engine's, it is logged.
        instead: what to try, as in `another photo`.
    """
    if isinstance(error, MaedayError):
        return retold(without_folders(str(error)))
    if isinstance(error, gr.Error):
        return str(error.message)
    if told := storage_sentence(error):
        _logger.error("%s %s", told, error)
        return told
    _logger.error("The page failed", exc_info=error)
    return say("The program made a mistake; its log says more. Try again, or {instead}.", instead=say(instead))
