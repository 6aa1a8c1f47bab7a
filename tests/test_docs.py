"""The documentation: pages are made from results, pointers lead somewhere, the tutorial runs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from maeday_core.evaluation.records import append
from maeday_core.io.corrections import Correction, Label, now, save_corrections
from maeday_core.io.files import sha256
from tests.conftest import ROOT, part
from tests.evaluation.plates import draw_category, made_up, save

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")]


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub and the site make them of its headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_pointers_of_the_code_lead_to_decisions() -> None:
    sources = [path for folder in ("maeday_core", "app") for path in (ROOT / folder).rglob("*.py")]
    anchors = headings(DOCS / "decisions.md")
    assert "eq-1" in anchors
    missing = {
        f"{path.relative_to(ROOT)}: {anchor}"
        for path in sources
        for anchor in re.findall(r"docs/decisions\.md#([\w-]+)", path.read_text(encoding="utf-8"))
        if anchor not in anchors
    }
    assert not missing


def test_readme_is_a_front_door() -> None:
    _, _, text = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert len(text.splitlines()) <= 130


def test_tutorial_is_kept_without_outputs() -> None:
    cells = nbformat.read(DOCS / "tutorial.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.slow
def test_tutorial_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(DOCS)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) > 10


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/guides/few-shot.md"])
def test_examples_of_the_library_run(page: str, tmp_path: Path) -> None:
    for seed, name in enumerate(("photo", "good1", "good2")):
        Image.fromarray(part(seed, defect=name == "photo")).save(tmp_path / f"{name}.jpg")
    run("\n".join(block for block in python_of(page) if "gradio_client" not in block), tmp_path)


@pytest.mark.slow
def test_recipes_do_what_they_say(tmp_path: Path) -> None:
    for seed in range(7):
        folder = tmp_path / ("good" if seed < 2 else "batch")
        save(folder / f"{seed}.png", part(seed, defect=seed == 4))
    rng = np.random.default_rng(0)
    for number in range(6):
        frame = (105 + 8 * cv2.GaussianBlur(rng.normal(0, 2, (160, 240, 3)), (0, 0), 1)).clip(0, 255).astype(np.uint8)
        if number == 3:
            frame[60:86, 100:126] = (240, 200, 40)
        save(tmp_path / "runway" / f"{number}.png", frame)
    draw_category(tmp_path / "mvtec" / "plate")
    said = Correction(sha256(tmp_path / "runway" / "3.png"), Label.DEFECT, now())
    save_corrections([said], tmp_path / "corrections.jsonl")
    page = (DOCS / "guides" / "recipes.md").read_text(encoding="utf-8")
    for much, little in ((" --model base", ""), (" --shots 0 1 --seeds 0 1 2", " --masks 2")):
        assert much in page
        page = page.replace(much, little)
    (tmp_path / "maeday").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m maeday_core "$@"\n')
    (tmp_path / "maeday").chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = []
    for language, code in re.findall(r"^```(bash|python)\n(.+?)^```", page, re.M | re.S):
        command = ["bash", "-ec", code] if language == "bash" else [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert "1 of 5 parts hold something" in told[1]
    assert "4.png" in told[1].splitlines()[0]
    rows = [json.loads(line) for line in (tmp_path / "found" / "frames.jsonl").read_text().splitlines()]
    assert [Path(row["path"]).name for row in rows if row["verdict"] == "anomalous"] == ["3.png"]
    assert (tmp_path / "found" / "report.html").is_file()
    assert list((tmp_path / "paper").rglob("*.md"))


def test_example_of_a_method_finds_a_coloured_square(tmp_path: Path) -> None:
    (method,) = python_of("CONTRIBUTING.md")
    Image.fromarray(part(0, defect=True)).save(tmp_path / "photo.png")
    use = """
from maeday_core import detect, find, load_image

result = detect(find("colour"), None, load_image("photo.png"))
y, x = np.unravel_index(result.error_map.argmax(), result.error_map.shape)
assert 60 <= y < 76 and 20 <= x < 36
assert result.image_score > result.threshold.value
"""
    run(method + use, tmp_path)


def python_of(page: str) -> list[str]:
    """The blocks of Python on a page."""
    blocks = re.findall(r"^```python\n(.+?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    assert blocks
    return blocks


def run(code: str, folder: Path) -> None:
    """Run it with a Python of its own: what it registers ends with it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_evaluation_page_is_written_from_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_evaluation", DOCS / "make_evaluation.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    introduction = (DOCS / "evaluation.md").read_text(encoding="utf-8").partition(script.MARK)[0]
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
