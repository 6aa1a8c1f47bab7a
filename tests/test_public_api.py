"""The public interface of `maeday_core`: these names and no others, each importable and documented."""

from __future__ import annotations

import ast
import importlib
import inspect
from itertools import pairwise

import pytest

import maeday_core
from maeday_core import Method
from tests.conftest import ROOT, parsed

NAMES = [
    "ENSEMBLE",
    "ENSEMBLE_RAW",
    "MAEDAY",
    "METHODS",
    "PATCHCORE",
    "SELF_REFERENCE",
    "TWO_PATCHCORES",
    "DatasetError",
    "Detection",
    "ImageError",
    "MAEConfig",
    "MaedayError",
    "MaskedAutoencoder",
    "Matches",
    "Method",
    "Ordinary",
    "OutputError",
    "Photos",
    "Provenance",
    "RGBImage",
    "Reconstructions",
    "Reference",
    "Settings",
    "SettingsError",
    "Shots",
    "Sum",
    "Threshold",
    "Tools",
    "Unit",
    "Verdict",
    "WeightsError",
    "detect",
    "detector",
    "find",
    "find_images",
    "learn",
    "learning",
    "load_image",
    "load_model",
    "load_reference",
    "register",
    "save_reference",
]
PLAIN = {"METHODS": "maeday_core.methods.base", "RGBImage": "maeday_core.io.images"}
"""Values that have no docstring of their own, and the module in which a string below them says what they are."""


def test_the_names_are_these() -> None:
    assert sorted(maeday_core.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(maeday_core))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_importable_and_documented(name: str) -> None:
    value = getattr(maeday_core, name)
    if name in PLAIN:
        assert string_below(name, PLAIN[name])
        assert getattr(importlib.import_module(PLAIN[name]), name) is value
        return
    documented = type(value) if isinstance(value, Method) else value
    own = inspect.cleandoc(vars(documented).get("__doc__") or "") if inspect.isclass(documented) else documented.__doc__
    assert own
    assert not own.startswith(f"{name}("), "the signature that a dataclass writes is no documentation"
    assert own.splitlines()[0].endswith((".", ":"))


def string_below(name: str, module: str) -> str:
    """The string literal that follows the definition of a value in a module."""
    body = parsed((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")).body
    for statement, following in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            return str(following.value.value)
    return ""


@pytest.mark.parametrize("name", ["detect", "learn", "load_image", "load_reference", "Settings", "Tools"])
def test_arguments_and_errors_are_documented(name: str) -> None:
    doc = getattr(maeday_core, name).__doc__
    assert any(section in doc for section in ("Args:", "Attributes:", "Raises:", "arguments and errors", "raises"))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="magic"):
        _ = maeday_core.magic


def test_the_version_is_a_version() -> None:
    assert maeday_core.__version__.count(".") == 2
