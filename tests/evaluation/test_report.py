"""The report: the paper's tables and figures, whatever of them the results allow."""

from __future__ import annotations

import csv
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.result import Provenance
from maeday_core.detection.settings import Settings
from maeday_core.errors import DatasetError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan, evaluate
from maeday_core.evaluation.records import Result, Score, append, read
from maeday_core.evaluation.repetitions import COUNTS, repetitions
from maeday_core.evaluation.report import published
from maeday_core.evaluation.report.columns import NAMED, columns, latest
from maeday_core.evaluation.report.figures import figure_2
from maeday_core.evaluation.report.write import report
from maeday_core.io.images import load_image
from maeday_core.methods import ENSEMBLE, MAEDAY, PATCHCORE, SELF_REFERENCE, TWO_PATCHCORES, Style, Tools
from maeday_core.methods import base as registry
from maeday_core.methods.maeday import Maeday
from tests.evaluation.plates import draw_category, made_up


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plates with a spot, and frames without any good one."""
    root = tmp_path_factory.mktemp("data")
    draw_category(root / "plate")
    draw_category(root / "frames", good=0, normals=0)
    return root


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def results(tiny_model, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with results of every kind, and the report on them."""
    out = tmp_path_factory.mktemp("results")
    plate, frames = find_categories(dataset, ["plate", "frames"])
    for categories, methods, shots, preset, steps in (
        ([plate, frames], (MAEDAY, SELF_REFERENCE, ENSEMBLE), 0, "default", None),
        ([plate], (MAEDAY, PATCHCORE, TWO_PATCHCORES, ENSEMBLE), 1, "calibrate", None),
        ([plate], (MAEDAY,), 1, "full", 1),
    ):
        tools = Tools.of(tiny_model, Settings(masks=2), preset=preset, steps=steps)
        list(evaluate(Plan(categories, methods, (shots,), (0, 1)), tools, out))
    list(repetitions([plate], Tools.of(tiny_model), (0,), out))
    report(out, out / "report", tiny_model)
    return out


TABLES = ("given", "table-1", "table-2", "published", "table-3", "table-4", "table-5", "repetitions")


def test_all_tables_and_figures_are_written(results: Path) -> None:
    written = {path.name for path in (results / "report").iterdir()}
    assert {f"{name}.{suffix}" for name in TABLES for suffix in ("md", "csv")} <= written
    assert {f"figure-{n}.{suffix}" for n in (2, 3, 4) for suffix in ("png", "svg")} <= written
    for path in (results / "report").glob("*.png"):
        assert load_image(path).std() > 5


def test_cells_hold_mean_and_deviation_over_the_seeds(results: Path) -> None:
    titles, *rows = table(results / "report" / "table-1.csv")
    assert titles[1] == "MAEDAY 0"
    measured = [
        result.metrics.image_auroc
        for result in read(results / "results.jsonl", Result)
        if (result.category, result.made_by.method, result.made_by.shots) == ("plate", "maeday", 0)
    ]
    cell = dict(zip(titles, rows[0], strict=True))["MAEDAY 0"]
    assert cell == f"{np.mean(measured):.1f} ± {np.std(measured):.1f}"
    _, *presets = table(results / "report" / "table-5.csv")
    assert [line[0] for line in presets[:3]] == ["zero-shot", "preset calibrate, 1 shot", "preset full, 1 shot"]
    assert presets[0][1] == cell


def test_what_a_person_gets_stands_beside_what_was_possible(tmp_path: Path) -> None:
    """A row for each set, method and number of shots; then their means."""
    facts = {"good_looks": 10.0, "defective_looks": 20.0, "outline_f1": 30.0, "best_outline_f1": 40.0}
    for category, seed, accuracy, alarms in (("a", 0, 70.0, 4.0), ("a", 1, 80.0, 6.0), ("b", 0, 50.0, 9.0)):
        verdicts = {"balanced_accuracy": accuracy, "best_balanced_accuracy": 90.0, "false_alarms": alarms, "hits": 60.0}
        append(tmp_path / "results.jsonl", [made_up(category, seed=seed, **verdicts, **facts)])
    one_shot = made_up("b", method="ensemble", shots=1, hits=55.0)
    append(tmp_path / "results.jsonl", [one_shot])
    report(tmp_path, tmp_path / "report")
    titles, *rows = table(tmp_path / "report" / "given.csv")
    assert titles[:4] == ["set", "method and shots", "balanced accuracy (best global)", "false alarms"]
    others = ["60.0 ± 0.0", "10.0 ± 0.0", "20.0 ± 0.0", "30.0 ± 0.0 (40.0)"]
    assert rows[0] == ["a", "MAEDAY 0", "75.0 ± 5.0 (90.0)", "5.0 ± 1.0", *others]
    assert rows[1] == ["b", "MAEDAY 0", "50.0 (90.0)", "9.0", "60.0", "10.0", "20.0", "30.0 (40.0)"]
    assert rows[2] == ["b", "Ensemble 1", "-", "-", "55.0", "-", "-", "-"]
    assert [row[:2] for row in rows[3:]] == [
        *(["mean", title] for title in ("MAEDAY 0", "Ensemble 1")),
        *(["mean of the 1 that all have", title] for title in ("MAEDAY 0", "Ensemble 1")),
    ]
    assert rows[5][2] == "50.0 (90.0)"


def test_other_data_is_not_set_beside_the_papers_category_by_category(results: Path) -> None:
    rows = table(results / "report" / "table-1.csv")
    assert any("the paper's mean" in row[0] for row in rows)
    assert not any("paper" in cell for row in rows for cell in row[1:])
    assert "frames" in table(results / "report" / "table-3.csv")[0]


def test_the_text_and_the_page_hold_everything(results: Path) -> None:
    folder = results / "report"
    text, page = ((folder / name).read_text() for name in ("report.md", "report.html"))
    assert all((folder / f"{name}.md").read_text() in text for name in TABLES)
    assert "![figure-2](figure-2.png)\n\nFigure 2: AUROC by the number of good parts; mean of 1 categories" in text
    assert page.count("<table>") == len(TABLES)
    assert page.count("<figure>") == len(list(folder.glob("figure-*.png")))
    assert not re.search(r'(src|href)="(?!data:)', page), "one file that needs no other"
    assert "quoted, not measured here" in page
    assert page.startswith("<!doctype html>")


def test_text_of_the_results_is_no_markup_of_the_page(tmp_path: Path) -> None:
    append(tmp_path / "results.jsonl", [made_up("<b>plate</b>", image_auroc=50.0)])
    report(tmp_path, tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;plate" in page


def test_missed_and_mistaken_are_pictures_in_the_wrong_order(tiny_model, dataset: Path, tmp_path: Path) -> None:
    list(evaluate(Plan(find_categories(dataset, ["plate"])), Tools.of(tiny_model, Settings(masks=1)), tmp_path))
    scores = read(tmp_path / "scores.jsonl", Score)
    for good, numbers in ((0.0, {4}), (1.0, {4, 5, 6})):
        (tmp_path / "scores.jsonl").unlink()
        changed = [replace(score, image_score=good if score.defect == "good" else 0.5) for score in scores]
        append(tmp_path / "scores.jsonl", changed)
        written = {path.name for path in report(tmp_path, tmp_path / "report", tiny_model)}
        assert {n for n in (4, 5, 6) if f"figure-{n}.png" in written} == numbers


def test_a_mean_over_other_categories_is_not_compared(tmp_path: Path) -> None:
    """Where not every column has every category, the mean of those that all have stands beside the whole one."""
    for method, category, value in (("maeday", "a", 80.0), ("maeday", "b", 60.0), ("patchcore", "a", 70.0)):
        result = made_up(category, method=method, shots=int(method != "maeday"), image_auroc=50.0, pixel_auroc=value)
        append(tmp_path / "results.jsonl", [result])
    report(tmp_path, tmp_path / "report")
    rows = table(tmp_path / "report" / "table-2.csv")
    assert ["mean", "70.0", "70.0"] in rows
    assert ["mean of the 1 that all have", "80.0", "70.0"] in rows


def test_mvtec_stands_beside_the_published_numbers(tmp_path: Path) -> None:
    mvtec = [made_up(name, image_auroc=80.0, pixel_auroc=70.0) for name in sorted(published.CATEGORIES)]
    screw = made_up("screw", shots=1, preset="calibrate", image_auroc=78.0, pixel_auroc=78.0)
    append(tmp_path / "results.jsonl", [*mvtec, screw])
    report(tmp_path, tmp_path / "report")
    _, *rows = table(tmp_path / "report" / "table-1.csv")
    assert ["carpet", "80.0 (paper 74.6, +5.4)", "-"] in rows
    assert ["mean", "80.0 (paper 74.5, +5.5)", "78.0"] in rows, "a part of the data is not set beside the whole"
    assert ["mean", "70.0 (paper 69.4, +0.6)", "78.0"] in table(tmp_path / "report" / "table-2.csv")


FACTS = [field.name for field in fields(Provenance) if field.name not in NAMED and field.name != "windows"]


@pytest.mark.parametrize("fact", FACTS)
def test_runs_that_differ_in_any_fact_are_other_columns(fact: str) -> None:
    values = (8, 32) if fact == "masks" else ("a", "b")
    results = [made_up(image_auroc=60.0, **{fact: value}) for value in values]
    assert {c.title for c in columns(latest(results))} == {f"MAEDAY 0 ({fact} {value})" for value in values}


def test_the_last_of_equal_runs_counts_and_a_row_being_written_does_not(tmp_path: Path) -> None:
    append(tmp_path / "results.jsonl", [made_up(masks=8, image_auroc=value) for value in (80.0, 90.0)])
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"a row that is being writ')
    report(tmp_path, tmp_path / "report")
    assert table(tmp_path / "report" / "table-1.csv")[1] == ["plate", "90.0"]
    assert (tmp_path / "results.jsonl").read_text().endswith("being writ"), "another program may be writing it"


def test_a_method_registered_elsewhere_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Another(Maeday):
        name, title, style = "another", "Another", Style("#123456", "*")

    monkeypatch.setitem(registry._registry, "another", Another())
    results = [made_up(method="another", shots=shots, image_auroc=80.0, pixel_auroc=80.0) for shots in (0, 1)]
    (drawing,) = figure_2(results)
    (line, *_) = drawing.figure.axes[0].get_lines()
    assert (line.get_color(), line.get_marker(), line.get_xdata().tolist()) == ("#123456", "*", [0, 1])


def test_pictures_that_are_gone_and_metrics_that_are_unknown_are_left_out(
    tiny_model, dataset: Path, tmp_path: Path
) -> None:
    frames = find_categories(dataset, ["frames"])
    list(evaluate(Plan(frames), Tools.of(tiny_model, Settings(masks=1)), tmp_path))
    list(repetitions(frames, Tools.of(tiny_model), (0,), tmp_path))
    scores = (tmp_path / "scores.jsonl").read_text()
    (tmp_path / "scores.jsonl").write_text(scores.replace(str(dataset), "/gone"))
    written = {path.name for path in report(tmp_path, tmp_path / "report", tiny_model)}
    assert "figure-3.png" in written
    assert "figure-4.png" not in written
    assert ["random", "image AUROC", *["-"] * 8] in table(tmp_path / "report" / "repetitions.csv")


def test_a_category_still_being_measured_is_left_out(tmp_path: Path) -> None:
    """Else one sampling would be judged by other pictures than the other."""
    for category, sampling in (("a", "random"), ("a", "balanced"), ("b", "random")):
        value = 80.0 if category == "a" else 20.0
        curve = [made_up(category, sampling=sampling, masks=n, image_auroc=value) for n in COUNTS]
        append(tmp_path / "repetitions.jsonl", curve)
    report(tmp_path, tmp_path / "report")
    assert ["random", "image AUROC", *["80.0"] * 7, "1"] in table(tmp_path / "report" / "repetitions.csv")


def test_curves_of_other_settings_are_not_averaged(tmp_path: Path) -> None:
    for tile, value in (("off", 20.0), ("on", 80.0)):
        curve = [made_up(tile=tile, sampling="random", masks=n, image_auroc=value) for n in COUNTS]
        append(tmp_path / "repetitions.jsonl", curve)
    report(tmp_path, tmp_path / "report")
    assert ["random", "image AUROC", *["80.0"] * 7, "1"] in table(tmp_path / "report" / "repetitions.csv")


def test_the_published_tables_have_their_own_means() -> None:
    """A slip of the pen in one of 150 numbers would show."""
    for metric, rows in published.TABLES.items():
        assert len(rows) == 16
        for column in published.COLUMNS:
            mean = np.mean([row[column] for name, row in rows.items() if name != "mean"])
            assert mean == pytest.approx(rows["mean"][column], abs=0.11), (metric, column)


def test_no_results_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no results; run evaluate with --out"):
        report(tmp_path, tmp_path / "report")
