"""The report: the paper's tables and figures, whatever of them the results allow, and the curve over the masks."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.cli.main import main
from maeday_core.detection.reconstruction import Settings, detect
from maeday_core.errors import DatasetError, SettingsError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import evaluate
from maeday_core.evaluation.repetitions import COUNTS, enough, repetitions
from maeday_core.evaluation.report import published
from maeday_core.evaluation.report.write import report
from maeday_core.io.images import load_image
from maeday_core.io.journal import append_rows, read_rows


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plates with a spot, and frames without any good one."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for category in ("plate", "frames"):
        for folder, spotted in (("train/good", False), ("test/good", False), ("test/spot", True)):
            for i in range(2):
                if category == "frames" and not spotted:
                    continue
                picture, mask = rng.integers(90, 110, (40, 56, 3), dtype=np.uint8), np.zeros((40, 56), np.uint8)
                if spotted:
                    mask[8:20, 10 + i : 24] = 255
                    picture[mask > 0] = 255
                path = root / category / folder / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
                if spotted:
                    truth = root / category / "ground_truth" / "spot" / f"{i}_mask.png"
                    truth.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(mask).save(truth)
    return root


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_everything_from_one_folder_of_results(tiny_model, dataset: Path, tmp_path: Path) -> None:
    plate, frames = find_categories(dataset, ["plate", "frames"])
    options = {"settings": Settings(masks=2), "seeds": [0, 1], "out": tmp_path}
    list(evaluate(tiny_model, [plate, frames], methods=["maeday", "self", "ensemble"], **options))
    few = {"shots": [1], "methods": ["maeday", "patchcore", "2xpatchcore", "ensemble"]}
    list(evaluate(tiny_model, [plate], **few, **options, preset="calibrate"))
    list(evaluate(tiny_model, [plate], shots=[1], **options, preset="full"))
    list(repetitions(tiny_model, [plate], seeds=[0], out=tmp_path))
    written = {path.name for path in report(tmp_path, tmp_path / "report", tiny_model)}
    names = {"table-1", "table-2", "published", "table-3", "table-4", "table-5", "repetitions"}
    assert {f"{name}.{suffix}" for name in names for suffix in ("md", "csv")} <= written
    assert {f"figure-{n}.{suffix}" for n in (2, 3, 4) for suffix in ("png", "svg")} <= written
    for path in (tmp_path / "report").glob("*.png"):
        assert load_image(path).std() > 5

    head, *rows = table(tmp_path / "report" / "table-1.csv")
    assert head[1] == "MAEDAY 0"
    results = read_rows(tmp_path / "results.jsonl")
    measured = [r["image_auroc"] for r in results if (r["category"], r["method"], r["shots"]) == ("plate", "maeday", 0)]
    cell = dict(zip(head, rows[0], strict=True))["MAEDAY 0"]
    assert cell == f"{np.mean(measured):.1f} ± {np.std(measured):.1f}"
    assert any("the paper's mean" in row[0] for row in rows), "other data is not set beside the paper's, place by place"
    assert "frames" in table(tmp_path / "report" / "table-3.csv")[0]
    _, *presets = table(tmp_path / "report" / "table-5.csv")
    assert [line[0] for line in presets[:3]] == ["zero-shot", "preset calibrate, 1 shot", "preset full, 1 shot"]
    assert presets[0][1] == cell
    text = (tmp_path / "report" / "report.md").read_text()
    assert all((tmp_path / "report" / f"{name}.md").read_text() in text for name in names)
    assert "![figure-2](figure-2.png)\n\nFigure 2: AUROC by the number of good parts; mean of 1 categories" in text
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("<table>") == 7
    assert not re.search(r'(src|href)="(?!data:)', page), "one file that holds everything"
    assert "quoted, not measured here" in page


def test_missed_and_mistaken_are_pictures_in_the_wrong_order(tiny_model, dataset: Path, tmp_path: Path) -> None:
    (plate,) = find_categories(dataset, ["plate"])
    list(evaluate(tiny_model, [plate], Settings(masks=1), out=tmp_path))
    scores = read_rows(tmp_path / "scores.jsonl")
    for good, figures in ((0.0, {4}), (1.0, {4, 5, 6})):
        changed = [row | {"image_score": good if row["defect"] == "good" else 0.5} for row in scores]
        (tmp_path / "scores.jsonl").unlink()
        append_rows(tmp_path / "scores.jsonl", changed)
        written = {path.name for path in report(tmp_path, tmp_path / "report", tiny_model)}
        assert {n for n in (4, 5, 6) if f"figure-{n}.png" in written} == figures


def test_a_mean_over_other_categories_is_not_compared(tiny_model, dataset: Path, tmp_path: Path) -> None:
    """Where not every column has every category, the mean of those that all have stands beside the whole one."""
    row = {"preset": None, "seed": 0, "learn_seconds": None, "seconds_per_image": 0.1, "run": "x", "image_auroc": 50.0}
    for method, category, value in (("maeday", "a", 80.0), ("maeday", "b", 60.0), ("patchcore", "a", 70.0)):
        told = {"method": method, "shots": int(method != "maeday"), "category": category, "pixel_auroc": value}
        append_rows(tmp_path / "results.jsonl", [row | told])
    report(tmp_path, tmp_path / "report")
    rows = table(tmp_path / "report" / "table-2.csv")
    assert ["mean", "70.0", "70.0"] in rows
    assert ["mean of the 1 that all have", "80.0", "70.0"] in rows


def test_mvtec_stands_beside_the_published_numbers(tmp_path: Path) -> None:
    row = {"method": "maeday", "shots": 0, "preset": None, "seed": 0, "learn_seconds": None, "seconds_per_image": 0.1}
    for name in sorted(published.CATEGORIES):
        scores = {"image_auroc": 80.0, "pixel_auroc": 70.0}
        append_rows(tmp_path / "results.jsonl", [{**row, "category": name, **scores, "run": name}])
    one = {**row, "category": "screw", "shots": 1, "preset": "calibrate", "image_auroc": 78.0, "pixel_auroc": 78.0}
    append_rows(tmp_path / "results.jsonl", [{**one, "run": "one"}])
    report(tmp_path, tmp_path / "report")
    _, *rows = table(tmp_path / "report" / "table-1.csv")
    assert ["carpet", "80.0 (paper 74.6, +5.4)", "-"] in rows
    assert ["mean", "80.0 (paper 74.5, +5.5)", "78.0"] in rows, "a part of the data is not set beside the whole"
    assert ["mean", "70.0 (paper 69.4, +0.6)", "78.0"] in table(tmp_path / "report" / "table-2.csv")


def test_runs_of_other_settings_are_other_columns(tmp_path: Path) -> None:
    row = {"method": "maeday", "shots": 0, "preset": None, "learn_seconds": None, "seconds_per_image": 0.1, "run": "x"}
    row |= {"category": "plate", "pixel_auroc": None, "seed": 0, "sampling": "random"}
    for masks, value in ((32, 60.0), (8, 80.0), (8, 90.0)):
        append_rows(tmp_path / "results.jsonl", [{**row, "masks": masks, "image_auroc": value}])
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"a row that is being writ')
    report(tmp_path, tmp_path / "report")
    head, plate, *_ = table(tmp_path / "report" / "table-1.csv")
    assert dict(zip(head[1:], plate[1:], strict=True)) == {"MAEDAY 0 (masks 32)": "60.0", "MAEDAY 0 (masks 8)": "90.0"}
    assert (tmp_path / "results.jsonl").read_text().endswith("being writ"), "another program may be writing it"


def test_pictures_that_are_gone_and_metrics_that_cannot_be_told(tiny_model, dataset: Path, tmp_path: Path) -> None:
    (frames,) = find_categories(dataset, ["frames"])
    list(evaluate(tiny_model, [frames], Settings(masks=1), out=tmp_path))
    list(repetitions(tiny_model, [frames], out=tmp_path))
    scores = (tmp_path / "scores.jsonl").read_text()
    (tmp_path / "scores.jsonl").write_text(scores.replace(str(dataset), "/gone"))
    written = {path.name for path in report(tmp_path, tmp_path / "report", tiny_model)}
    assert "figure-3.png" in written
    assert "figure-4.png" not in written
    assert ["random", "image AUROC", *["-"] * 8] in table(tmp_path / "report" / "repetitions.csv")


def test_the_published_tables_have_their_own_means() -> None:
    """A slip of the pen in one of 150 numbers would show."""
    for metric, rows in published.TABLES.items():
        assert len(rows) == 16
        for column in published.COLUMNS:
            mean = np.mean([row[column] for name, row in rows.items() if name != "mean"])
            assert mean == pytest.approx(rows["mean"][column], abs=0.11), (metric, column)


def test_the_curve_is_that_of_detections_with_so_many_masks(tiny_model, dataset: Path, tmp_path: Path) -> None:
    (plate,) = find_categories(dataset, ["plate"])
    rows = list(repetitions(tiny_model, [plate], seeds=[0, 1], out=tmp_path))
    assert [row["masks"] for row in rows[:7]] == list(COUNTS)
    assert len(rows) == 2 * 2 * len(COUNTS)
    settings = [Settings(masks=4, sampling=sampling, seed=1) for sampling in ("random", "balanced")]
    for chosen in settings:
        (row,) = [r for r in rows if (r["masks"], r["sampling"], r["seed"]) == (4, chosen.sampling, 1)]
        (alone,) = [r for r in evaluate(tiny_model, [plate], chosen, seeds=[1]) if r["seed"] == 1]
        assert row["image_auroc"] == alone["image_auroc"]
        assert row["pixel_auroc"] == pytest.approx(alone["pixel_auroc"], abs=0.05)
    assert list(repetitions(tiny_model, [plate], seeds=[0, 1], out=tmp_path)) == rows
    assert len(read_rows(tmp_path / "repetitions.jsonl")) == len(rows)
    with pytest.raises(SettingsError, match="all patches"):
        next(repetitions(tiny_model, [plate], Settings(patches="masked")))
    assert detect(tiny_model, load_image(plate.samples[0].path), settings[0]).image_score > 0


def test_a_category_still_being_measured_is_left_out(tmp_path: Path) -> None:
    """Else one sampling would be judged by other pictures than the other."""
    row = {"model_sha256": "x", "seed": 0, "pixel_auroc": None}
    for category, sampling in (("a", "random"), ("a", "balanced"), ("b", "random")):
        value = 80.0 if category == "a" else 20.0
        rows = [row | {"category": category, "sampling": sampling, "masks": n, "image_auroc": value} for n in COUNTS]
        append_rows(tmp_path / "repetitions.jsonl", rows)
    report(tmp_path, tmp_path / "report")
    assert ["random", "image AUROC", *["80.0"] * 7, "1"] in table(tmp_path / "report" / "repetitions.csv")


def test_enough_is_the_number_after_which_nothing_changes() -> None:
    values = {1: 70.0, 2: 90.0, 4: 80.4, 8: 79.0, 16: 80.3, 32: 79.8, 64: 80.0}
    rows = [
        {"sampling": sampling, "masks": count, "image_auroc": value}
        for sampling in ("random", "balanced")
        for count, value in values.items()
    ]
    assert enough(rows, "image_auroc") == {"random": 16, "balanced": 16}


def test_no_results_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DatasetError, match="holds no results"):
        report(tmp_path, tmp_path / "report")
    assert main(["report", str(tmp_path)]) == 2
    assert "run evaluate with --out" in capsys.readouterr().err
