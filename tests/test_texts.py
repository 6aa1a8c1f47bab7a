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
from app.errors import sentence
from app.inspect.learning import checked
from app.language import IN_HTML, TEXT_VALUES, TEXTS, language_of
from maeday_core import ImageError, Settings, SettingsError, WeightsError, load_image, load_reference
from maeday_core.texts import LANGUAGE, LANGUAGES, catalogue, retold, say
from tests.conftest import ROOT

SOURCES = [*(ROOT / "maeday_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]
TEMPLATES = [*(ROOT / "maeday_core").rglob("*.html"), *(ROOT / "app").rglob("*.html")]
SPEAKING = {"say": 1, "message": 2}
"""The functions that speak, and how many of their first arguments are sentences."""
SAME = re.compile(r"[\W\d_]*|MAEDAY|(2 x )?PatchCore|Ensemble|Stop|en|(CPU|CUDA|MPS).*")
"""What needs no translation: marks, numbers and names."""


def said() -> Iterator[str]:
    """Every sentence that the code hands to `say` or puts on a card, by itself or by a name of the same file."""
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := getattr(node.func, "id", "")) in SPEAKING:
                for argument in node.args[: SPEAKING[name]]:
                    yield from _constants(argument, named)
    for path in TEMPLATES:
        yield from re.findall(r'\bsay\("([^"]+)"', path.read_text())


def _constants(node: ast.AST, named: dict[str, ast.expr], deep: bool = True) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.Name(id=name) if deep and name in named:
            yield from _constants(named[name], named, deep=False)
        case ast.IfExp(body=body, orelse=other):
            yield from (text for one in (body, other) for text in _constants(one, named, deep))
        case ast.Dict(values=values) | ast.Tuple(elts=values):
            yield from (text for one in values for text in _constants(one, named, deep))
        case ast.Subscript(value=value) | ast.Starred(value=value):
            yield from _constants(value, named, deep)


def fixed() -> Iterator[str]:
    """Every text of the layout."""
    page = build_demo()
    wholes = [text for texts in page.wholes.values() for text in texts]
    for one in page.get_config_file()["components"]:
        for name, value in (*one["props"].items(), *(one["props"].get("props") or {}).items()):
            if value not in wholes and name in TEXTS and (name != "value" or one["type"] in TEXT_VALUES):
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


@pytest.fixture
def german() -> Iterator[None]:
    token = LANGUAGE.set("de")
    yield
    LANGUAGE.reset(token)


@pytest.mark.usefixtures("german")
def test_what_the_engine_said_in_english_is_told_in_german(tmp_path: Path) -> None:
    (tmp_path / "notes {a}.jpg").write_text("no picture")
    with pytest.raises(ImageError) as unreadable:
        load_image(tmp_path / "notes {a}.jpg")
    assert sentence(unreadable.value, "another photo").startswith("notes {a}.jpg ist kein Bild, das")
    with pytest.raises(SettingsError) as masks:
        Settings(masks=999)
    assert sentence(masks.value, "another photo") == "Die Zahl der Masken ist 999; bitte 1 bis 512 wählen."
    with pytest.raises(SettingsError) as many:
        checked(["a.png"] * 9)
    assert sentence(many.value, "other photos") == "Es sind 9 Fotos von Gutteilen; bitte nur 1 bis 8 behalten."
    with pytest.raises(WeightsError) as adapter:
        load_reference(tmp_path / "notes {a}.jpg")
    assert sentence(adapter.value, "other photos").startswith("notes {a}.jpg enthält nichts, was")
    assert "oder ein anderes Foto." in sentence(RuntimeError(), "another photo")
    assert retold("x.txt is no picture, zip archive or video by its name.").endswith(
        "kein Bild, Zip-Archiv oder Video."
    )
    assert retold("Nothing of the kind, x.") == "Nothing of the kind, x."


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_nothing_is_translated_that_nobody_reads(language: str) -> None:
    sources = "".join(path.read_text() for path in (*SOURCES, *TEMPLATES)) + "".join(fixed())
    sources = re.sub(r'"\s*\n\s*f?"', "", sources)
    unread = {text for text in catalogue(language) if text not in sources and repr(text)[1:-1] not in sources}
    assert not unread


def test_the_catalogue_is_one_file_a_language() -> None:
    kept = {path.stem for path in Path(ROOT / "maeday_core" / "texts").glob("*.json")}
    assert kept == {*LANGUAGES} - {"en"}
