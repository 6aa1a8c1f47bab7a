"""`maeday bench`: a row a figure from a checkout, a sentence elsewhere."""

import json
import sys
from importlib import import_module
from types import ModuleType

import pytest
from PIL import Image

from benchmarks.scaling import slope
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


def test_figures_are_written_as_json_markdown_and_a_plot(run, monkeypatch, tmp_path):
    line = [{"what": f"{x} masks", "value": x / 100, "unit": "s", "line": "masks", "x": x} for x in (8, 16, 32)]
    benchmark = ModuleType("benchmarks.scaling")
    benchmark.run = lambda: iter(ROWS + line)
    monkeypatch.setitem(sys.modules, "benchmarks.scaling", benchmark)
    status, printed, _ = run("bench", "scaling", "--json", "--out", str(tmp_path / "out"))
    assert status == 0
    facts = json.loads((tmp_path / "out" / "scaling.json").read_text())
    assert facts["rows"] == printed == ROWS + line
    assert facts["processor"]
    table = (tmp_path / "out" / "scaling.md").read_text().splitlines()
    assert table[0] == facts["processor"]
    assert table[-1] == "| 32 masks | 0.32 s |"
    with Image.open(tmp_path / "out" / "scaling.png") as picture:
        assert picture.size == (510, 510)


def test_a_cost_in_proportion_has_slope_1_and_a_square_2():
    assert slope([1, 2, 4], [3.0, 6.0, 12.0]) == pytest.approx(1)
    assert slope([1, 2, 4], [1.0, 4.0, 16.0]) == pytest.approx(2)


def test_where_there_is_no_checkout_it_is_a_sentence(run, monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" in entry])
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    status, rows, errors = run("bench", "tiling")
    assert (status, rows) == (2, [])
    assert "come with the source" in errors
    assert len(errors.splitlines()) == 1
