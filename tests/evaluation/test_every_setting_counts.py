"""What changes a map or its threshold changes the run's id, the report's column and the record that reproduces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.result import Detection
from maeday_core.detection.settings import Settings
from maeday_core.evaluation.category import Category, Sample
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan, evaluate
from maeday_core.evaluation.records import Score, read
from maeday_core.evaluation.report.columns import columns, latest
from maeday_core.evaluation.report.examples import example_figures
from maeday_core.evaluation.run import Run
from maeday_core.io.images import load_image
from maeday_core.methods import MAEDAY, METHODS, Method, Together, Tools, detect
from tests.conftest import ROOT, part
from tests.evaluation.plates import draw_category, made_up

BASE = Settings(masks=2)
OTHER = {
    "masks": 3,
    "mask_ratio": 0.5,
    "seed": 5,
    "sampling": "balanced",
    "patches": "masked",
    "error_space": "normalised",
    "tile": "on",
    "alarm_rate": 0.3,
}
"""Another value of every field of the settings."""
SHOTS = (0, 1)
CASES = [
    pytest.param(method, shots, id=f"{name}-{shots}")
    for shots in SHOTS
    for name, method in METHODS.items()
    if method.shots.allow(shots)
]
GOOD, QUERY = part(1)[:44, :48], part(2, defect=True)[40:84, :48]  # so small that windows see them at another scale
ANY = ROOT / "assets" / "examples" / "metal-clean.jpg"
PLATE = Category("plate", [Sample(ANY, "spot", None)], [ANY])

Detections = Callable[[Settings, int], dict[Method, Detection]]


@pytest.fixture(scope="module")
def detections(tiny_model) -> Detections:
    """What every method that can be run with so many shots finds; learned and computed once for each settings."""

    @cache
    def found(settings: Settings, shots: int) -> dict[Method, Detection]:
        together = Together(tools_with(tiny_model, settings), [GOOD][:shots])
        return together(QUERY, Plan([PLATE], tuple(METHODS.values()), SHOTS).methods_with(shots))

    return found


def tools_with(model, settings: Settings) -> Tools:
    return Tools.of(model, settings, preset="calibrate")


def test_no_field_is_missing_here() -> None:
    assert OTHER.keys() == {field.name for field in fields(Settings)}
    assert all(value != getattr(BASE, name) for name, value in OTHER.items())


@pytest.mark.parametrize("field", OTHER)
@pytest.mark.parametrize(("method", "shots"), CASES)
def test_what_changes_the_result_changes_id_column_and_record(
    tiny_model, detections: Detections, method: Method, shots: int, field: str
) -> None:
    both = (BASE, replace(BASE, **{field: OTHER[field]}))
    found = [detections(settings, shots)[method] for settings in both]
    runs = [Run(PLATE, method, shots, tools_with(tiny_model, settings)) for settings in both]
    same_map = np.array_equal(found[0].error_map, found[1].error_map)
    if field == "alarm_rate":
        assert same_map
        assert found[1].threshold.value < found[0].threshold.value, "more false alarms, a lower threshold"
    elif same_map:
        assert runs[0].made_by.model is None, f"{field} changes nothing, though the method reconstructs"
        assert field != "tile", "every method sees another scale through windows"
        return
    assert runs[0].id != runs[1].id
    for made_by in ([run.made_by for run in runs], [one.made_by for one in found]):
        assert [getattr(one, field) for one in made_by] == [getattr(settings, field) for settings in both]
    results = [replace(made_up(run=run.id), made_by=run.made_by) for run in runs]
    assert latest(results) == results
    titles = {column.title for column in columns(results)}
    assert len(titles) == (1 if field == "seed" else 2), "seeds share a column, with their deviation"


def test_what_the_model_saw_is_drawn_as_it_was_evaluated(tiny_model, tmp_path: Path) -> None:
    draw_category(tmp_path / "plate", good=1, spotted=1, normals=0)
    settings = replace(BASE, tile="on")
    tools = tools_with(tiny_model, settings)
    results = [next(evaluate(Plan(find_categories(tmp_path / "plate")), tools, tmp_path / "out"))]
    (found, *_) = example_figures(results, read(tmp_path / "out" / "scores.jsonl", Score), tiny_model)
    query = load_image(tmp_path / "plate" / "test" / "spot" / "0.png")
    scores = [detect(MAEDAY, tools_with(tiny_model, one), query).image_score for one in (settings, BASE)]
    drawn, whole = (f"S = {score:.2f}" for score in scores)
    labels = [axis.get_xlabel() for axis in found.figure.axes]
    assert drawn in labels
    assert whole not in labels
    assert labels[-1] == "squared error, in multiples of the limit of its picture"
    assert found.figure.axes[-1].get_xlim() == pytest.approx((0.25, 1.75))
