"""The sentences that people read, in their language: English in the code, each other language in one file beside this.

A sentence is its own key, whole, with the names of what is filled in: `say("{count} masks so far.", count=4)`. One that
was made in English, as an error is, is found by its shape: the key of `f"{name} is empty."` is "{name} is empty.".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import Any, NamedTuple

LANGUAGES = ("en", "de")
FIELD = re.compile(r"\{[^{}]+\}")
"""Where something is filled in."""
LANGUAGE: ContextVar[str] = ContextVar("language", default="en")
"""One of `LANGUAGES`: that of who reads what is made now."""
NUMBER = re.compile(r"([-+]?\d+)(?:\.(\d+))?(%?)")
"""A number or a percentage, and nothing else."""
PERCENT = "\u202f%"
"""With the narrow space before it that German has."""


@cache
def catalogue(language: str) -> MappingProxyType[str, str]:
    """Every sentence that is translated, by its English; none for English."""
    if language == "en":
        return MappingProxyType({})
    text = files(__package__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    return MappingProxyType(json.loads(text))


class _Shape(NamedTuple):
    """A sentence in which something is filled in."""

    pattern: re.Pattern[str]
    fields: tuple[str, ...]
    translation: str


@cache
def _shapes(language: str) -> tuple[_Shape, ...]:
    """The sentences in which something is filled in, those with the most words first."""
    words = {english: FIELD.split(english) for english in catalogue(language) if FIELD.search(english)}
    return tuple(
        _Shape(
            re.compile("(.+?)".join(map(re.escape, words[english])), re.DOTALL),
            tuple(FIELD.findall(english)),
            catalogue(language)[english],
        )
        for english in sorted(words, key=lambda english: -sum(map(len, words[english])))
    )


def retold(sentence: str) -> str:
    """A sentence that was made in English, in the reader's language; as it is where it is not translated."""
    known = catalogue(LANGUAGE.get())
    if sentence in known:
        return known[sentence]
    for shape in _shapes(LANGUAGE.get()):
        if found := shape.pattern.fullmatch(sentence):
            return _filled(shape, [known.get(value, value) for value in found.groups()])
    return sentence


def _filled(shape: _Shape, values: Sequence[str]) -> str:
    named = dict(zip(shape.fields, values, strict=True))
    return FIELD.sub(lambda field: decimal(named[field[0]]), shape.translation)


def decimal(text: str) -> str:
    """A number as the reader's language writes it; any other text, as a file's name, stays as it is."""
    found = NUMBER.fullmatch(text) if LANGUAGE.get() == "de" else None
    if found is None:
        return text
    whole, fraction, percent = found.groups()
    return (f"{whole},{fraction}" if fraction else whole) + (PERCENT if percent else "")


class _Told(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return decimal(super().format_field(value, format_spec))


def say(sentence: str, **values: Any) -> str:
    """A sentence in the reader's language, in English where it is not translated, with values for its `{names}`."""
    told = catalogue(LANGUAGE.get()).get(sentence, sentence)
    return _Told().vformat(told, (), values) if values else told
