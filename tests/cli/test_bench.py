"""`maeday bench`: a row a figure from a checkout, a sentence elsewhere."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

from maeday_core.cli.bench import BENCHMARKS

ROWS = [{"what": "bundled: 32 masks", "value": 80.5, "unit": "ms"}]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_there(name):
    assert callable(import_module(f"benchmarks.{name}").run)


def test_rows_are_printed_as_they_are(run, monkeypatch):
    benchmark = ModuleType("benchmarks.detect")
    benchmark.run = lambda: iter(ROWS)
    monkeypatch.setitem(sys.modules, "benchmarks.detect", benchmark)
    assert run("bench", "--json") == (0, ROWS, "")


def test_where_there_is_no_checkout_it_is_a_sentence(run, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" in entry])
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    status, rows, errors = run("bench", "tiling")
    assert (status, rows) == (2, [])
    assert "come with the source" in errors
    assert len(errors.splitlines()) == 1
