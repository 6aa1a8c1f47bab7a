"""The rooms of the house: nothing imports from a room above its own, and a method's name is known in one file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from maeday_core import METHODS
from tests.conftest import ROOT, parsed

FLOORS = [
    {"errors", "texts"},
    {"io"},
    {"model"},
    {"detection"},
    {"fewshot"},
    {"methods"},
    {"drawing"},
    {"evaluation", "export", "frames", "pretraining"},
    {"annotations"},
    {"cluster"},
    {"serving"},
    {"watching"},
    {"cli"},
    {"app"},
]
"""From the ground up."""
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FRONT_DOOR = "maeday_core"
"""The package itself: it exports names of all rooms, so that only the page and what lies outside may import from it."""
SOURCES = sorted([*(ROOT / "maeday_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")])
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Import = tuple[str, str, bool]
"""The module imported, a name from it or "", and whether it is imported with the module."""


def room_of(module: str) -> str:
    """`io` of `maeday_core.io.images`, `app` of `app.page` and of gradio, the front door of `maeday_core`; else ""."""
    first, *rest = module.split(".")
    if first == "maeday_core":
        return rest[0] if rest and rest[0] in FLOOR else FRONT_DOOR
    return "app" if first in ("app", "gradio") else ""


def imports(code: str, module: str) -> Iterator[Import]:
    """All imports of a module, those in functions too; relative ones with their full names."""
    tree = parsed(code)
    within = {id(node) for one in ast.walk(tree) if isinstance(one, FUNCTIONS) for node in ast.walk(one)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, "", id(node) not in within
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            for alias in node.names:
                yield ".".join([*above, *filter(None, [node.module])]), alias.name, id(node) not in within


def faults(code: str, module: str) -> list[str]:
    """What a module imports that it may not."""
    own, found = room_of(module), []
    for source, name, with_module in imports(code, module):
        target = room_of(f"{source}.{name}" if source == "maeday_core" and name in FLOOR else source)
        if own in FLOOR and own != "app" and target == FRONT_DOOR and name not in ("", "__version__"):
            found.append(f"{module} imports {name} by the front door")
        if own in FLOOR and target in FLOOR and FLOOR[target] > FLOOR[own]:
            found.append(f"{module} imports {source} from above")
        if target and target != own and name.startswith("_") and not name.startswith("__") and with_module:
            found.append(f"{module} imports the private {name} of {source}")
    return found


def names_compared(code: str, names: frozenset[str]) -> list[int]:
    """The lines on which something is compared with the name of a method, or looked up in a collection of such."""
    lines = []
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.match_case):
            sides = [node.pattern]
        else:
            continue
        constants = {one.value for side in sides for one in ast.walk(side) if isinstance(one, ast.Constant)}
        if names & {constant for constant in constants if isinstance(constant, str)}:
            lines.append(sides[0].lineno)
    return lines


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCES, ids=map(module_of, SOURCES))
def test_nothing_is_imported_from_above(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8"), module_of(path)) == []


def test_every_file_lies_in_a_room() -> None:
    rooms = {room_of(module_of(path)) for path in SOURCES}
    assert rooms == set(FLOOR) | {FRONT_DOOR}
    outside = {module_of(path) for path in SOURCES if room_of(module_of(path)) == FRONT_DOOR}
    assert outside == {"maeday_core.__init__", "maeday_core.__main__"}


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("maeday_core.io.images", "from maeday_core.detection.maps import to_map"),
        ("maeday_core.io.images", "import maeday_core.model.mae"),
        ("maeday_core.io.images", "from ..model import mae"),
        ("maeday_core.io.images", "from maeday_core import model"),
        ("maeday_core.errors", "from maeday_core.io.images import load_image"),
        ("maeday_core.model.mae", "def late():\n    from maeday_core.methods import find"),
        ("maeday_core.cli.detect", "import gradio as gr"),
        ("maeday_core.cli.detect", "from app.page import page"),
        ("maeday_core.frames.run", "from maeday_core import detect"),
        ("maeday_core.methods.base", "from maeday_core.detection.windows import _starts"),
        ("app.page", "from maeday_core.methods.base import _registry"),
    ],
)
def test_the_check_of_imports_finds_a_planted_fault(module: str, planted: str) -> None:
    assert len(faults(planted, module)) == 1
    assert faults(ALLOWED, module) == []


ALLOWED = """
import numpy
import maeday_core
from maeday_core import __version__
from maeday_core.errors import ImageError
def late():
    from maeday_core.errors import _private
"""


def test_no_two_rooms_import_each_other() -> None:
    imported: dict[str, set[str]] = {room: set() for room in FLOOR}
    for path in SOURCES:
        own = room_of(module_of(path))
        targets = {room_of(source) for source, _, _ in imports(path.read_text(encoding="utf-8"), module_of(path))}
        if own in FLOOR:
            imported[own] |= targets & set(FLOOR) - {own}
    assert imported["methods"] >= {"detection", "fewshot", "io"}
    order = list(TopologicalSorter(imported).static_order())
    assert {*order[:2]} == {"errors", "texts"}
    with pytest.raises(CycleError):
        TopologicalSorter(imported | {"errors": {"app"}}).prepare()


@pytest.mark.parametrize("path", SOURCES, ids=map(module_of, SOURCES))
def test_no_method_is_treated_by_its_name(path: Path) -> None:
    lines = names_compared(path.read_text(encoding="utf-8"), frozenset(METHODS))
    assert room_of(module_of(path)) == "methods" or lines == []


@pytest.mark.parametrize(
    "planted",
    [
        'if method.name == "maeday": pass',
        'x = None if "ensemble" != method else 1',
        'y = method in ("maeday", "ensemble")',
        'z = [m for m in methods if m not in {"self"}]',
        'match name:\n    case "patchcore": pass',
    ],
)
def test_the_check_of_names_finds_a_planted_comparison(planted: str) -> None:
    assert len(names_compared(planted, frozenset(METHODS))) == 1
    assert names_compared('find("maeday")\nname == "masks"\nmethod is MAEDAY', frozenset(METHODS)) == []
