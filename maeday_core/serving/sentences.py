"""Sentences for those who ask a server: what was wrong, without what the server keeps to itself."""

from __future__ import annotations

import errno
import os
import re

from maeday_core.texts import say

FOLDERS = re.compile(r"(?<![\w:/])(/[^\s/]+)+/")
"""The folders of an absolute path: they say nothing to a visitor, and much about the server."""
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
FULL = re.compile(r"No space left|\d+ requested and \d+ written")
SHORT_OF_MEMORY = re.compile("out of memory|n.t allocate memory|insufficient memory", re.IGNORECASE)
"""How torch and OpenCV tell it."""


def without_folders(text: str) -> str:
    """A text in which absolute paths are file names."""
    return FOLDERS.sub("", text)


def storage_sentence(error: BaseException | None) -> str | None:
    """What to say where a file could not be written; None for an error of another kind."""
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        reason = os.strerror(error.errno)
    elif FULL.search(str(error)):  # safetensors and numpy tell it in their own words
        reason = os.strerror(errno.ENOSPC)
    else:
        return None
    return say("This server cannot write its files ({reason}); try again later, or tell who runs it.", reason=reason)


def is_short_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory."""
    return isinstance(error, MemoryError) or bool(SHORT_OF_MEMORY.search(str(error)))
