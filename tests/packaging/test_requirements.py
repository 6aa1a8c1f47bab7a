"""What pyproject.toml allows and what requirements*.txt pin belong together."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT, parsed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
SERVER, EXPORT = "maeday_core/serving/rest", "maeday_core/export"
ON_A_SPACE = Requirement("spaces")
"""Hugging Face installs it where it is of use."""
NOT_DECLARED = {"torchvision"}  # timm requires it; pinned beside the torch that it fits


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / name).read_text(encoding="utf-8"), re.M))


def declared(*groups: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for group in groups for line in group]
    return {requirement.name: requirement for requirement in requirements if requirement.name != PROJECT["name"]}


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("requirements.txt", declared(PROJECT["dependencies"], EXTRAS["app"], EXTRAS["mcp"], EXTRAS["serve"])),
        ("requirements-dev.txt", declared(EXTRAS["dev"], EXTRAS["cluster"], EXTRAS["export"], EXTRAS["mqtt"])),
    ],
)
def test_pins_are_within_the_declared_ranges(file: str, requirements: dict[str, Requirement]) -> None:
    pinned = pins(file)
    assert pinned.keys() - NOT_DECLARED == requirements.keys()
    for name, requirement in requirements.items():
        assert requirement.specifier.contains(pinned[name]), f"{name}=={pinned[name]} is outside of {requirement}"


def test_space_installs_the_pinned_gradio() -> None:
    front_matter = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert f"sdk_version: {pins('requirements.txt')['gradio']}\n" in front_matter


def test_pins_fit_gradio_with_mcp_which_a_space_installs() -> None:
    pinned = pins("requirements.txt")
    asked = [one for one in map(Requirement, requires("gradio") or ()) if one.name in pinned]
    of_mcp = [one for one in asked if not one.marker or one.marker.evaluate({"extra": "mcp"})]
    assert {"mcp", "pydantic"} <= {one.name for one in of_mcp if one.marker}
    for one in of_mcp:
        assert one.specifier.contains(pinned[one.name]), f"{one.name}=={pinned[one.name]} is outside of {one}"


@pytest.mark.parametrize(
    ("folder", "requirements"),
    [
        ("maeday_core", declared(PROJECT["dependencies"], EXTRAS["cluster"], EXTRAS["mqtt"])),
        (SERVER, declared(PROJECT["dependencies"], EXTRAS["serve"])),
        (EXPORT, declared(PROJECT["dependencies"], EXTRAS["export"])),
        ("app", declared(PROJECT["dependencies"], EXTRAS["app"]) | {ON_A_SPACE.name: ON_A_SPACE}),
    ],
)
def test_what_is_imported_is_declared(folder: str, requirements: dict[str, Requirement]) -> None:
    own = {"maeday_core", "app", "benchmarks"}
    distributions = packages_distributions()
    apart = {ROOT / SERVER, ROOT / EXPORT} - {ROOT / folder}
    paths = [path for path in (ROOT / folder).rglob("*.py") if not apart & set(path.parents)]
    names = {name for path in paths for name in imported(path)}
    assert len(names) > 5
    for name in names - own - sys.stdlib_module_names:
        found = {canonicalize_name(distribution) for distribution in distributions[name]}
        assert found & requirements.keys(), f"{folder} imports {name}, which no requirement brings"


def imported(path: Path) -> set[str]:
    """The first names of all absolute imports of a file."""
    names: set[str] = set()
    for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
