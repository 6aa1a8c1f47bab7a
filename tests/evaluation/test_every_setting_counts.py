"""What changes a map changes the id of the run, the report's column and the record that reproduces it."""

from __future__ import annotations

import csv
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core import Settings
from maeday_core.detection.windows import detect
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import evaluate
from maeday_core.evaluation.repetitions import repetitions
from maeday_core.evaluation.report.figures import figures
from maeday_core.evaluation.report.write import report
from maeday_core.io.images import load_image
from maeday_core.io.journal import read_rows
from maeday_core.methods.base import METHODS, Reference, detector, learn

BASE = Settings(masks=2)
OTHER = {
    "masks": 3,
    "mask_ratio": 0.5,
    "seed": 5,
    "sampling": "balanced",
    "patches": "masked",
    "error_space": "normalised",
    "tile": "on",
}
"""Another value of every field of the settings."""


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of plates: small ones, and some too large for one window."""
    root = tmp_path_factory.mktemp("data")
    draw_plates(root / "small", 70, 80)
    draw_plates(root / "large", 460, 470)
    return root


def draw_plates(root: Path, height: int, width: int) -> None:
    """Two good plates to learn from, one to judge, and one with a spot."""
    rng = np.random.default_rng(0)
    for name in ("train/good/0", "train/good/1", "test/good/0", "test/spot/0"):
        picture, mask = rng.integers(90, 130, (height, width, 3), dtype=np.uint8), np.zeros((height, width), np.uint8)
        if "spot" in name:
            mask[20:50, 30:60] = 255
            picture[mask > 0] = 255
            (root / "ground_truth" / "spot").mkdir(parents=True)
            Image.fromarray(mask).save(root / "ground_truth" / "spot" / "0_mask.png")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / f"{name}.png")


def test_no_field_is_missing_here() -> None:
    assert OTHER.keys() == {field.name for field in fields(Settings)}
    assert all(value != getattr(BASE, name) for name, value in OTHER.items())


@pytest.mark.parametrize("field", OTHER)
@pytest.mark.parametrize("method", METHODS)
def test_what_changes_the_map_changes_id_column_and_record(
    tiny_model, plates: Path, tmp_path: Path, method: str, field: str
) -> None:
    shots = 0 if method == "self" else 1
    changed = replace(BASE, **{field: OTHER[field]})
    plates = plates / ("large" if field == "tile" else "small")
    categories, rows, maps, records = find_categories(plates), [], [], []
    query = load_image(plates / "test" / "spot" / "0.png")
    for settings in (BASE, changed):
        options = {"methods": [method], "shots": [shots], "seeds": [settings.seed], "preset": "calibrate"}
        rows.append(next(evaluate(tiny_model, categories, settings, out=tmp_path, **options)))
        reference = Reference()
        if shots:
            good = [load_image(plates / "train" / "good" / "0.png")]
            reference = learn(method, tiny_model, "lite0", good, "calibrate", settings.seed, settings=settings)
        *_, found = detector(method, tiny_model, "lite0", settings, reference)(query)
        maps.append(found.error_map)
        records.append(found.settings)
    if not np.array_equal(*maps):
        assert rows[0]["run"] != rows[1]["run"]
        assert records[0][field] != records[1][field]
        assert len(read_rows(tmp_path / "results.jsonl")) == 2
        report(tmp_path, tmp_path / "report")
        with (tmp_path / "report" / "table-1.csv").open(newline="") as file:
            columns = len(next(csv.reader(file))) - 1
        assert columns == (1 if field == "seed" else 2), "seeds share a column, with their deviation"
    elif method in ("maeday", "ensemble"):
        pytest.fail(f"{field} changes nothing")


def test_the_curve_over_the_masks_is_seen_as_the_settings_say(tiny_model, plates: Path, tmp_path: Path) -> None:
    categories = find_categories(plates, ["large"])
    for tile in ("off", "on"):
        rows = list(repetitions(tiny_model, categories, Settings(tile=tile), out=tmp_path))
        (alone,) = [row for row in rows if (row["masks"], row["sampling"]) == (4, "random")]
        whole = next(evaluate(tiny_model, categories, Settings(masks=4, tile=tile)))
        assert alone["pixel_auroc"] == pytest.approx(whole["pixel_auroc"], abs=1e-9)
    assert len({row["tile"] for row in read_rows(tmp_path / "repetitions.jsonl")}) == 2


def test_what_the_model_saw_is_drawn_as_it_was_evaluated(tiny_model, plates: Path, tmp_path: Path) -> None:
    settings = replace(BASE, tile="on")
    rows = [next(evaluate(tiny_model, find_categories(plates, ["large"]), settings, out=tmp_path))]
    (found, *_) = figures(rows, [], read_rows(tmp_path / "scores.jsonl"), tiny_model)
    result = detect(tiny_model, load_image(plates / "large" / "test" / "spot" / "0.png"), settings)
    labels = [axis.get_xlabel() for axis in found.figure.axes]
    assert f"S = {result.image_score:.2f}" in labels
