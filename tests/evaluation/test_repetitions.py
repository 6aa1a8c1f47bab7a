"""The curve over the number of masks is that of detections with so many masks, from one pass."""

from dataclasses import replace

import pytest

from maeday_core.detection.reconstruction import Sums
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan, evaluate
from maeday_core.evaluation.records import METRICS, Result, read
from maeday_core.evaluation.repetitions import COUNTS, masks_needed, mean_curve, repetitions
from maeday_core.methods import Tools
from maeday_core.model.masks import SAMPLINGS
from tests.evaluation.plates import draw_category, made_up


@pytest.fixture
def plate(tmp_path):
    draw_category(tmp_path / "plate", good=1, spotted=1, normals=0)
    return find_categories(tmp_path / "plate")


@pytest.mark.parametrize("tile", ["off", "on"])
def test_each_number_of_masks_has_the_result_of_an_evaluation(tiny_model, plate, tile):
    settings = Settings(tile=tile)
    results = list(repetitions(plate, Tools.of(tiny_model, settings), seeds=(3,)))
    assert [r.made_by.masks for r in results] == [*COUNTS, *COUNTS]
    for result in results:
        chosen = replace(settings, masks=result.made_by.masks, sampling=result.made_by.sampling)
        alone = next(evaluate(Plan(plate, seeds=(3,)), Tools.of(tiny_model, chosen)))
        assert (result.run, result.made_by) == (alone.run, alone.made_by)
        for metric in METRICS:
            assert getattr(result.metrics, metric) == pytest.approx(getattr(alone.metrics, metric), abs=0.05)


def test_every_mask_is_computed_once(tiny_model, plate, monkeypatch):
    added, add = [], Sums.add
    monkeypatch.setattr(Sums, "add", lambda sums, count: (added.append(count), add(sums, count)))
    list(repetitions(plate, Tools.of(tiny_model)))
    assert sum(added) == COUNTS[-1] * len(plate[0].samples) * len(SAMPLINGS)


def test_what_is_there_is_not_done_again(tiny_model, plate, tmp_path):
    tools = Tools.of(tiny_model)
    first = list(repetitions(plate, tools, (0, 1), tmp_path))
    assert len(first) == 2 * 2 * len(COUNTS)
    done = []
    assert list(repetitions(plate, tools, (0, 1), tmp_path, done.append)) == first
    assert not done
    assert read(tmp_path / "repetitions.jsonl", Result) == first
    list(repetitions(plate, tools.with_settings(tile="on"), (0, 1), tmp_path))
    assert {result.made_by.tile for result in read(tmp_path / "repetitions.jsonl", Result)} == {"off", "on"}


def test_hidden_patches_only_are_refused(tiny_model, plate):
    with pytest.raises(SettingsError, match="all patches"):
        next(repetitions(plate, Tools.of(tiny_model, Settings(patches="masked"))))


def test_enough_masks_are_those_after_which_nothing_changes():
    values = {1: 70.0, 2: 90.0, 4: 80.4, 8: 79.0, 16: 80.3, 32: 79.8, 64: 80.0}
    results = [made_up(sampling="random", masks=n, image_auroc=value) for n, value in values.items()]
    assert mean_curve(results, "random", "image_auroc") == list(values.values())
    assert masks_needed(results, "random", "image_auroc") == 16
    assert masks_needed(results, "random", "pixel_auroc") is None
    assert masks_needed(results, "balanced", "image_auroc") is None
