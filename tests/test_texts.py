"""The page speaks English and German: everything that a visitor reads is translated, and nothing else is kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import build_demo
from app.language import IN_HTML, TEXT_VALUES, TEXTS, language_of
from maeday_core.texts import LANGUAGE, LANGUAGES, catalogue, say
from tests.conftest import ROOT

SOURCES = [*(ROOT / "maeday_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]
TEMPLATES = [*(ROOT / "maeday_core").rglob("*.html"), *(ROOT / "app").rglob("*.html")]
SAME = re.compile(r"[\W\d_]*|MAEDAY|PatchCore|2 x PatchCore|Ensemble|Stop|JSON Lines.*|.*\d x \d.*|metal|[A-Z]\w*[.(].*")
"""What needs no translation: marks, numbers and names."""


def said() -> Iterator[str]:
    """Every sentence that the code hands to `say`, by itself or as one of several."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                yield from (one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant))
    for path in TEMPLATES:
        yield from re.findall(r'say\("([^"]+)"', path.read_text())


def fixed() -> Iterator[str]:
    """Every text of the layout."""
    for one in build_demo().get_config_file()["components"]:
        for name, value in one["props"].items():
            if name in TEXTS and (name != "value" or one["type"] in TEXT_VALUES):
                yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str() if value.lstrip().startswith("<"):
            yield from (found[1] for found in IN_HTML.findall(value))
        case str():
            yield value
        case [str() as label, _] | (str() as label, _):
            yield label
        case list() | tuple():
            for one in value:
                yield from _texts(one)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_everything_a_visitor_reads_is_translated(language: str) -> None:
    read = {text.strip() for text in (*said(), *fixed())}
    missing = {text for text in read if text not in catalogue(language) and not SAME.fullmatch(text)}
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_translation_fills_in_the_same_values(language: str) -> None:
    for english, other in catalogue(language).items():
        fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, other)]
        assert fields[0] == fields[1], english


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("fr,de;q=0.5,en;q=0.4", "de"),
        ("de;q=0", "en"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_the_browser_chooses_the_language(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@given(st.text(alphabet="de-,;=q.01 EN*\x00ü"))
def test_any_header_names_a_language(accepted: str) -> None:
    assert language_of(accepted) in LANGUAGES


def test_a_sentence_without_a_translation_is_english() -> None:
    token = LANGUAGE.set("de")
    try:
        assert say("Nothing of the kind, {name}.", name="x") == "Nothing of the kind, x."
    finally:
        LANGUAGE.reset(token)


def test_the_catalogue_is_one_file_a_language() -> None:
    kept = {path.stem for path in Path(ROOT / "maeday_core" / "texts").glob("*.json")}
    assert kept == {*LANGUAGES} - {"en"}
