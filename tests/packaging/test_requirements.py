"""What pyproject.toml allows and what requirements*.txt pin belong together."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_DECLARED = {"torchvision"}  # timm requires it; pinned beside the torch that it fits


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / name).read_text(encoding="utf-8"), re.M))


def declared(*groups: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(line) for group in groups for line in group]
    return {requirement.name: requirement for requirement in requirements if requirement.name != PROJECT["name"]}


@pytest.mark.parametrize(
    ("file", "requirements"),
    [
        ("requirements.txt", declared(PROJECT["dependencies"], EXTRAS["app"])),
        ("requirements-dev.txt", declared(EXTRAS["dev"])),
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
