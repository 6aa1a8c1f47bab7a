"""The sentences that people read, in their language: English in the code, each other language in one file beside this.

A sentence is its own key, whole, with the names of what is filled in: `say("{count} masks so far.", count=4)`.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

LANGUAGES = ("en", "de")
LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""One of `LANGUAGES`: that of who reads what is made now."""


@cache
def catalogue(language: str) -> MappingProxyType[str, str]:
    """Every sentence that is translated, by its English; none for English."""
    if language == "en":
        return MappingProxyType({})
    text = files(__package__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    return MappingProxyType(json.loads(text))


def say(sentence: str, **values: Any) -> str:
    """A sentence in the reader's language, in English where it is not translated, with values for its `{names}`."""
    told = catalogue(LANGUAGE.get()).get(sentence, sentence)
    return told.format(**values) if values else told
