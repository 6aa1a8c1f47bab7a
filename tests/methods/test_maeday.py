"""MAEDAY as a method: zero-shot it is the detection alone, with good parts that of an adapted model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection import reconstruction
from maeday_core.detection.reading import PLAIN, Reading
from maeday_core.detection.result import DEVIATIONS, EVIDENCE, SQUARED_ERROR
from maeday_core.errors import SettingsError
from maeday_core.methods import MAEDAY, Reference, Tools, detect, detector, learn
from maeday_core.methods.maeday import Maeday
from tests.conftest import part
from tests.methods.checks import FEW


def test_zero_shot_it_is_equation_1(tiny_model, tools: Tools) -> None:
    found, alone = detect(MAEDAY, tools, part(2)), reconstruction.detect(tiny_model, part(2), FEW)
    assert np.array_equal(found.error_map, alone.error_map)
    assert found.unit == SQUARED_ERROR
    assert found.made_by == alone.made_by


def test_partial_results_come_if_asked_for(tools: Tools) -> None:
    judge = detector(MAEDAY, replace(tools, partial=True))
    assert [len(one.reconstructions.masks) for one in judge(part(2))] == [1, 3]
    assert [one.complete for one in judge(part(2))] == [False, True]
    assert len(list(detector(MAEDAY, tools)(part(2)))) == 1


@pytest.mark.parametrize(
    ("counts", "unit"), [("deviations", DEVIATIONS), ("evidence", EVIDENCE), ("errors", SQUARED_ERROR)]
)
def test_with_good_parts_it_counts_what_is_asked_for(tiny_model, tools: Tools, reference, counts: str, unit) -> None:
    adapter = reference.learned["maeday"]
    reading = PLAIN if counts == "errors" else Reading(adapter.calibration, counts == "evidence", 2)
    alone = reconstruction.detect(adapter.apply(tiny_model), part(2), FEW, reading)
    found = detect(Maeday(counts), tools, part(2), reference)
    assert np.array_equal(found.error_map, alone.error_map)
    assert found.threshold == alone.threshold
    assert found.unit == unit
    assert (found.good is None) == (counts == "errors")


@pytest.mark.parametrize("preset", ["paper", "full"])
def test_by_the_papers_presets_the_map_is_equation_1_of_the_adapted_model(tiny_model, good, preset: str) -> None:
    tools = Tools.of(tiny_model, FEW, preset=preset, steps=2)
    learned = learn(MAEDAY, tools, good)
    found = detect(MAEDAY, tools, part(2), learned)
    alone = reconstruction.detect(learned.learned["maeday"].apply(tiny_model), part(2), FEW)
    assert np.array_equal(found.error_map, alone.error_map)
    assert found.image_score == alone.image_score == found.error_map.max()
    assert found.unit == SQUARED_ERROR
    assert found.threshold.shots == 2
    assert 0 < found.threshold.value != alone.threshold.value


@pytest.mark.parametrize("preset", ["default", "paper", "calibrate"])
def test_one_photo_given_four_times_is_one_photo(tiny_model, preset: str) -> None:
    tools = Tools.of(tiny_model, FEW, preset=preset, steps=0)
    once, often = (detect(MAEDAY, tools, part(1), learn(MAEDAY, tools, [part(0)] * count)) for count in (1, 4))
    assert often.threshold.shots == once.threshold.shots == 1
    assert 0.9 < often.threshold.value / once.threshold.value < 1.25


def test_the_record_says_how_the_adapter_was_made(tools: Tools, reference: Reference) -> None:
    made_by = detect(MAEDAY, tools.with_settings(masks=9, seed=3), part(2), reference).made_by
    assert made_by.adapter == "default, 2 shots, 2 steps, seed 1"
    assert (made_by.preset, made_by.shots, made_by.masks, made_by.seed) == ("default", 2, 9, 3)
    assert detect(MAEDAY, tools, part(2)).made_by.adapter is None


def test_good_parts_learned_for_other_settings_are_refused(tools: Tools, reference: Reference) -> None:
    with pytest.raises(SettingsError, match=r"mask_ratio 0\.75, not 0\.5"):
        detector(MAEDAY, tools.with_settings(mask_ratio=0.5), reference)


def test_through_windows_it_learns_from_eight_windows(tiny_model) -> None:
    tools = Tools.of(tiny_model, replace(FEW, masks=1, tile="on"), preset="calibrate")
    learned = learn(MAEDAY, tools, [part(0), part(1)]).learned["maeday"]
    assert learned.calibration.shots == 8
    assert learned.tile == "on"
    assert learned.shots == len(learned.appearances) == 2, "the photos are the good parts"
    with pytest.raises(SettingsError, match="More than 8"):
        learn(MAEDAY, tools, [part(0)] * 9)
