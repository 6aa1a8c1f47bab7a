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
from app.language import IN_HTML, TEXT_VALUES, TEXTS, language_of, translated
from maeday_core import MaedayError, Settings, load_image, load_reference
from maeday_core.texts import LANGUAGE, LANGUAGES, catalogue, decimal, retold, say
from tests.conftest import ROOT, parsed

SOURCES = [*(ROOT / "maeday_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]
TEMPLATES = [*(ROOT / "maeday_core").rglob("*.html"), *(ROOT / "app").rglob("*.html")]
SPEAKING = {"say": 1, "message": 2}
"""The functions that speak, and how many of their first arguments are sentences."""
SAME = re.compile(r"[\W\d_]*|MAEDAY|(2 x )?PatchCore|Ensemble|Stop|en|(CPU|CUDA|MPS).*")
"""What needs no translation: marks, numbers and names."""


def said() -> Iterator[str]:
    """Every sentence that the code hands to `say` or puts on a card, by itself or by a name of the same file."""
    for path in SOURCES:
        tree = parsed(path.read_text())
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
    """Every text of the layout; what stands for the values of programs is on no page."""
    page = build_demo()
    wholes = [text for texts in page.wholes.values() for text in texts]
    for one in [one for one in page.get_config_file()["components"] if one["type"] != "api"]:
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


def in_german(english: str, **values: str) -> str:
    """A translation with something filled in for each field, by the last word of its name."""
    told = catalogue("de")[english]
    for name, value in values.items():
        told = re.sub(rf"\{{[^{{}}]*\b{name}\b[^{{}}]*\}}", lambda _, value=value: value, told)
    return told


@pytest.mark.usefixtures("german")
def test_what_the_engine_said_in_english_is_told_in_german(tmp_path: Path) -> None:
    name = "notes {a}.jpg"
    (tmp_path / name).write_text("no picture")
    for make, english, values in (
        (
            lambda: load_image(tmp_path / name),
            "{name} is not a picture this program can read; "
            "save it as 8- or 16-bit PNG, or JPEG, WebP, AVIF, BMP, GIF or PPM.",
            {"name": name},
        ),
        (
            lambda: load_reference(tmp_path / name),
            "{path.name} holds nothing that this program has learned, or is damaged; learn from the good parts again.",
            {"name": name},
        ),
        (
            lambda: Settings(masks=999),
            "The number of masks is {self.masks}; choose 1 to {MAX_MASKS}.",
            {"masks": "999", "MAX_MASKS": "512"},
        ),
        (
            lambda: checked(["a.png"] * 9),
            "{len(shots)} photos of good parts were given; keep 1 to {MAX_SHOTS}.",
            {"shots": "9", "MAX_SHOTS": "8"},
        ),
    ):
        with pytest.raises(MaedayError) as found:
            make()
        assert sentence(found.value, "another photo") == in_german(english, **values) != str(found.value)
    mistake = sentence(RuntimeError(), "another photo")
    assert mistake.endswith(f"{say('another photo')}.")
    assert say("picture, zip archive or video") in retold("x.txt is no picture, zip archive or video by its name.")
    assert retold("Nothing of the kind, x.") == "Nothing of the kind, x."


@pytest.mark.usefixtures("german")
def test_numbers_have_a_comma_in_german_and_names_are_left_alone() -> None:
    assert say("{a:.2f}, {b}, {name}", a=1.5, b="3.7%", name="1.5.jpg") == "1,50, 3,7\u202f%, 1.5.jpg"
    assert say("{share:.0%}, {count}", share=0.05, count=20) == "5\u202f%, 20"
    assert decimal("0.1.0") == "0.1.0"
    layout = {"components": [{"type": "radio", "props": {"choices": [("5%", 0.05)]}}]}
    assert translated(layout, catalogue("de"))["components"][0]["props"]["choices"] == [["5\u202f%", 0.05]]
    told = retold("The limit rests on 4 good parts, which score 1.79 to 3.53 when each is judged by the others.")
    assert "1,79" in told
    assert "3,53" in told


def test_numbers_have_a_point_in_english() -> None:
    assert say("{a:.2f}", a=1.5) == "1.50"


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_nothing_is_translated_that_nobody_reads(language: str) -> None:
    sources = "".join(path.read_text() for path in (*SOURCES, *TEMPLATES)) + "".join(fixed())
    sources = re.sub(r'"\s*\n\s*f?"', "", sources)
    unread = {text for text in catalogue(language) if text not in sources and repr(text)[1:-1] not in sources}
    assert not unread


def test_the_catalogue_is_one_file_a_language() -> None:
    kept = {path.stem for path in Path(ROOT / "maeday_core" / "texts").glob("*.json")}
    assert kept == {*LANGUAGES} - {"en"}
