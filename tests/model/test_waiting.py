"""Threads wait briefly: it is said before PyTorch is there to read it, and what was said otherwise holds."""

import os
import subprocess
import sys

import pytest

from maeday_core.model import waiting
from tests.conftest import ROOT

TOLD = """
import sys
first = [name for name in sys.modules if name in ("torch", "maeday_core.model.waiting")]
print(os.environ.get("GOMP_SPINCOUNT"), *first)"""


def told(module: str, **environment: str) -> list[str]:
    """The rounds, and which came first, after a program imported a module."""
    clean = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    run = [sys.executable, "-c", f"import os; os.cpu_count = lambda: 2; import {module}\n{TOLD}"]
    return subprocess.run(
        run, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("module", ["maeday_core.__main__, maeday_core.model.mae", "app"])
def test_it_is_said_before_pytorch_is_there(module: str) -> None:
    assert told(module) == [waiting.SPINS, "maeday_core.model.waiting", "torch"]


def test_what_was_said_otherwise_holds() -> None:
    assert told("maeday_core.__main__", OMP_WAIT_POLICY="ACTIVE")[0] == "None"
    assert told("maeday_core.__main__", GOMP_SPINCOUNT="7")[0] == "7"
