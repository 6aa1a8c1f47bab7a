"""The evaluation page is made from results: its introduction stays, its tables and figures are new."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from maeday_core.evaluation.records import append
from tests.conftest import ROOT
from tests.evaluation.plates import made_up


def test_the_page_is_written_again_from_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_evaluation", ROOT / "docs" / "make_evaluation.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    introduction = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8").partition(script.MARK)[0]
    monkeypatch.setattr(script, "DOCS", tmp_path)
    (tmp_path / "evaluation.md").write_text(introduction + script.MARK + "what was measured before", encoding="utf-8")
    results = [made_up(shots=shots, image_auroc=80.0, pixel_auroc=70.0) for shots in (0, 1)]
    append(tmp_path / "results.jsonl", results)
    script.main(tmp_path)
    page = (tmp_path / "evaluation.md").read_text(encoding="utf-8")
    assert page.startswith(introduction)
    assert "measured before" not in page
    assert "| plate | 80.0 | 80.0 |" in page
    figures = re.findall(r"!\[.+?\]\((.+?)\)", page)
    assert figures == ["figure-2.png", "figure-4.png", "figure-5.png", "figure-6.png"]
    assert all((tmp_path / figure).is_file() for figure in figures)
