"""PatchCore as a method: a defect is found where it is, by the network and at the scale of the good parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from maeday_core.detection.decision import Verdict, from_good_parts
from maeday_core.detection.result import DISTANCE, Detection
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError
from maeday_core.methods import ENSEMBLE, PATCHCORE, Reference, Tools, detect, detector, learn, patches
from maeday_core.methods import tools as tools_module
from maeday_core.methods.building import build_bank
from maeday_core.methods.patchcore import RATES
from maeday_core.methods.patches import rotations_and_reflections
from maeday_core.model.backbone import load_backbone
from tests.conftest import part
from tests.methods.checks import FEW, Mean

Judge = Callable[[np.ndarray], Detection]


def judged_by(bank) -> Judge:
    reference = Reference({"patchcore": bank}, "patchcore")
    return lambda query: detect(PATCHCORE, Tools(FEW), query, reference)


def test_a_defect_is_found_where_it_is_and_shown_beside_what_is_most_alike(tools: Tools, reference: Reference) -> None:
    good, bad = (detect(PATCHCORE, tools, part(2, defect), reference) for defect in (False, True))
    assert bad.image_score > 1.3 * good.image_score
    y, x = np.unravel_index(bad.error_map.argmax(), bad.error_map.shape)
    assert abs(y - 68) < 12
    assert abs(x - 28) < 12
    assert bad.error_map.shape == (96, 96)
    assert bad.image_score == bad.error_map.max()
    assert bad.unit == DISTANCE
    bank = reference.learned["patchcore"]
    expected = from_good_parts(bank.good(tools.network()(bad.matches.query)), RATES)
    assert bad.threshold == expected.threshold(tools.settings.alarm_rate)
    assert bad.verdict is Verdict.ANOMALOUS
    assert good.verdict is not Verdict.ANOMALOUS
    assert bad.matches is not None
    assert bad.matches.crops is not None
    assert bad.matches.nearest.max() < len(bad.matches.crops)
    assert bad.reconstructions is None


def test_a_shot_and_its_reflections_are_near_to_the_bank() -> None:
    bank = build_bank(load_backbone(), [part(0)], augment=True)
    for view in rotations_and_reflections(part(0)):
        found = judged_by(bank)(view)
        assert found.image_score < found.threshold.value


def test_a_query_is_compared_by_the_network_of_the_good_parts(reference: Reference) -> None:
    other = Tools(FEW, backbone="resnet5000")
    found = detect(PATCHCORE, other, part(2), reference)
    assert np.array_equal(found.error_map, detect(PATCHCORE, Tools(FEW), part(2), reference).error_map)
    assert found.made_by.backbone == "lite0"


def test_the_record_has_the_seed_of_the_coreset(reference: Reference) -> None:
    made_by = detect(PATCHCORE, Tools(Settings(seed=7)), part(2), reference).made_by
    assert (made_by.method, made_by.seed, made_by.tile, made_by.shots) == ("patchcore", FEW.seed, "off", 2)
    assert made_by.masks is made_by.model is made_by.preset is None


def test_good_parts_that_are_no_memory_bank_are_refused(tools: Tools) -> None:
    with pytest.raises(SettingsError, match="no memory bank"):
        detector(PATCHCORE, tools, Reference({"patchcore": Mean(1.0, 1)}, "patchcore"))


def test_frames_are_compared_at_their_own_shape() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (300, 480, 3), dtype=np.uint8)
    bank = build_bank(load_backbone(), [frame], tile="on")
    found = judged_by(bank)
    result = detect(PATCHCORE, Tools(Settings(tile="on")), frame, Reference({"patchcore": bank}, "patchcore"))
    assert result.matches.query.shape == (224, 358, 3)
    assert result.image_score < result.threshold.value
    with pytest.raises(SettingsError, match="through windows"):
        found(frame)


@pytest.mark.slow
def test_a_large_photo_is_halved_once_in_the_ensemble_too(tiny_model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than 1800 px a side it would be large still at half its size."""
    untrained = load_backbone("test_resnet", pretrained=False)
    monkeypatch.setattr(tools_module, "load_backbone", lambda name: replace(untrained, name=name))
    monkeypatch.setattr(patches, "LIMITS", replace(patches.LIMITS, patches=128))
    large = np.tile(part(0), (20, 20, 1))
    assert min(large.shape[:2]) == 1920
    tools = Tools.of(tiny_model, replace(FEW, masks=1, tile="on"), preset="calibrate")
    alone, added = (learn(method, tools, [large]).learned["patchcore"] for method in (PATCHCORE, ENSEMBLE))
    assert np.array_equal(alone.features, added.features)
    assert np.array_equal(alone.crops, added.crops)
    assert np.array_equal(alone.left_out, added.left_out)
    assert added.tile == "on"
    found = detect(PATCHCORE, tools, large, Reference({"patchcore": added}, "ensemble"))
    assert found.matches.query.shape == (960, 960, 3)
