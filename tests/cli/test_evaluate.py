"""`maeday evaluate` and `maeday report`: a row a run, means last, files that hold the same."""

import json

import numpy as np
import pytest

from maeday_core.cli import main
from tests.cli.conftest import save_noise

KEYS = {
    "category",
    "method",
    "shots",
    "seed",
    "model",
    "masks",
    "tile",
    "images",
    "image_auroc",
    "pixel_auroc",
    "aupro",
    "f1_max",
    "balanced_accuracy",
    "false_alarms",
    "hits",
    "outline_f1",
}


@pytest.fixture
def plate(folder):
    """A category with two good and two defective pictures, without ground truth and without training pictures."""
    rng = np.random.default_rng(0)
    for defect in ("good", "spot"):
        for number in range(2):
            save_noise(folder / "plate" / "test" / defect / f"{number}.png", 64, 64, rng)
    return folder / "plate"


def test_rows_are_printed_and_written(run, folder, plate, model, capsys):
    options = ["--seeds", 0, 1, "--out", folder / "out"]
    status, rows, errors = run("evaluate", plate, *model, *options)
    assert status == 0
    assert [(row["category"], row["seed"]) for row in rows] == [("plate", 0), ("plate", 1), ("mean", None)]
    assert all(row.keys() >= KEYS for row in rows)
    assert [row["pixel_auroc"] for row in rows] == [None] * 3
    assert rows[2]["image_auroc"] == pytest.approx((rows[0]["image_auroc"] + rows[1]["image_auroc"]) / 2)
    assert all(line.startswith("warning: ") for line in errors.splitlines())
    assert [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()] == rows[:2]
    assert len((folder / "out" / "scores.jsonl").read_text().splitlines()) == 8
    status, again, _ = run("evaluate", plate, *model, *options)
    assert (status, again) == (0, rows)
    assert main(["evaluate", str(plate), *map(str, [*model[:-1], *options])]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert "image AUROC" in head
    assert [line.split()[0] for line in lines] == ["plate", "plate", "mean"]


def test_what_cannot_be_used_is_said_before_the_work(run, folder, plate, model):
    (plate / "test" / "spot" / "1.png").write_bytes(b"no picture")
    status, rows, errors = run("evaluate", plate, *model, "--out", folder / "out")
    assert (status, rows) == (2, [])
    assert "1.png is not a picture" in errors.splitlines()[-1]
    assert list((folder / "out").iterdir()) == []
    status, rows, errors = run("evaluate", plate, *model, "--out", folder / "tiny.safetensors")
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)
    assert "cannot be written" in errors


def test_the_curve_over_the_masks_is_reported(run, folder, plate, model, capsys):
    status, rows, _ = run("evaluate", plate, *model, "--repetitions", "--out", folder / "out")
    assert status == 0
    assert {row["sampling"] for row in rows} == {"random", "balanced"}
    assert sorted({row["masks"] for row in rows}) == [1, 2, 4, 8, 16, 32, 64]
    assert main(["report", str(folder / "out"), *map(str, model[:2])]) == 0
    written = capsys.readouterr().out.splitlines()
    assert str(folder / "out" / "report" / "report.html") in written
