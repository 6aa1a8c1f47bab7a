"""The ensemble and the methods by name: one scale, one result, what each learns and refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.reconstruction import Detection, Settings, detect
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.methods.base import METHODS, RECONSTRUCTS
from maeday_core.methods.ensemble import NORMAL, WEIGHT, add, add_banks, shares
from maeday_core.methods.reference import Reference
from maeday_core.methods.saved import load_reference
from maeday_core.methods.tools import default_backbone
from maeday_core.methods.use import detector, learn
from tests.conftest import part

FEW = Settings(masks=3, seed=1)


def result(error_map: np.ndarray, unit: str, shots: int = 0, threshold: float = 0.5, **settings: object) -> Detection:
    error_map = error_map.astype(np.float32)
    query = np.zeros((*error_map.shape, 3), np.uint8)
    return Detection(float(error_map.max()), error_map, 0.1, settings, query, threshold, unit, shots=shots)


@pytest.fixture
def maps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((20, 30)), rng.random((20, 30))


@pytest.mark.parametrize("unit", ["squared error", "deviations above normal"])
def test_a_distance_and_the_logarithm_of_an_error_are_added(maps: tuple[np.ndarray, np.ndarray], unit: str) -> None:
    error, distance = maps
    both = add(result(error, unit, masks=3), result(distance, "distance", shots=2, threshold=0.7))
    weight, scale = WEIGHT[unit], NORMAL[unit]
    expected = distance + weight * np.log(1 + error / scale)
    assert np.allclose(both.error_map, expected, atol=1e-5)
    assert both.image_score == pytest.approx(expected.max(), abs=1e-5)
    assert both.first_threshold == pytest.approx(0.7 + weight * np.log(1 + 0.5 / scale), abs=1e-5)
    assert [p.unit for p in both.parts] == [unit, "distance"]


def test_the_raw_sum_is_the_papers(maps: tuple[np.ndarray, np.ndarray]) -> None:
    error, distance = maps
    both = add(result(error, "squared error", masks=3), result(distance, "distance"), raw=True)
    assert np.allclose(both.error_map, error + distance, atol=1e-6)


def test_the_shares_tell_which_map_made_the_peak() -> None:
    flat, peaked = np.full((9, 9), 0.4), np.full((9, 9), 0.4)
    peaked[4, 4] = 1.0
    assert shares(add(result(flat, "squared error", masks=1), result(peaked, "distance"))) == [0, 1]
    assert shares(add(result(peaked, "squared error", masks=1), result(flat, "distance"))) == [1, 0]
    assert shares(add(result(flat, "squared error", masks=1), result(flat, "distance"))) == [0.5, 0.5]


def test_two_banks_are_averaged(maps: tuple[np.ndarray, np.ndarray]) -> None:
    both = add_banks((result(maps[0], "distance", threshold=0.4), result(maps[1], "distance", threshold=0.6)))
    assert np.allclose(both.error_map, (maps[0] + maps[1]) / 2)
    assert both.first_threshold == 0.5


@pytest.fixture(scope="module")
def reference(tiny_model) -> Reference:
    return learn("ensemble", tiny_model, "lite0", [part(0), part(1)], steps=2, settings=FEW)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_same_kind_of_result(tiny_model, reference, method) -> None:
    model = tiny_model if method in RECONSTRUCTS else None
    known = Reference() if method == "self" else reference
    if method == "2xpatchcore":
        known = learn(method, None, "lite0", [part(0), part(1)])
        assert len(known.banks) == 2
    judge = detector(method, model, "lite0", FEW, known)
    good, bad = (list(judge(part(2, defect)))[-1] for defect in (False, True))
    assert bad.settings["method"] == method
    assert bad.error_map.shape == (96, 96)
    assert bad.error_map.dtype == np.float32
    assert bad.image_score == pytest.approx(bad.error_map.max())
    assert bad.complete
    assert len(bad.masks) == (3 if model else 0)
    assert len(bad.parts) == (2 if method in ("ensemble", "2xpatchcore") else 0)
    assert np.array_equal(bad.error_map, list(judge(part(2, True)))[-1].error_map)
    if method != "maeday":  # a model of random weights finds nothing
        assert bad.image_score > good.image_score


def test_of_good_parts_the_ensemble_adds_deviations_of_colour_alone(tiny_model, reference) -> None:
    query, calibration = part(2, True), reference.adapter.calibration
    *_, whole = detector("ensemble", tiny_model, "lite0", FEW, reference)(query)
    *_, alone = detector("maeday", tiny_model, "lite0", FEW, reference)(query)
    *_, added = detector("maeday", tiny_model, "lite0", FEW, reference, added=True)(query)
    by_hand = detect(reference.adapter.apply(tiny_model), query, FEW, calibration.of_colour())
    for result in (whole.parts[0], added):
        assert np.array_equal(result.error_map, by_hand.error_map)
        assert result.good_scores == calibration.colour_scores
    assert not np.array_equal(alone.error_map, by_hand.error_map)
    assert alone.good_scores == calibration.scores != calibration.colour_scores


def test_with_no_good_parts_the_ensemble_is_maeday_and_self_reference(tiny_model) -> None:
    *partial, whole = detector("ensemble", tiny_model, "lite0", FEW, partial=True)(part(0))
    assert [p.settings["method"] for p in whole.parts] == ["maeday", "self"]
    assert partial
    assert not partial[0].complete
    assert whole.unit == "evidence"


def test_one_file_keeps_the_adapter_and_the_bank(tiny_model, reference, tmp_path: Path) -> None:
    reference.save(tmp_path / "parts.safetensors")
    loaded = load_reference(tmp_path / "parts.safetensors")
    for method in ("maeday", "patchcore", "ensemble"):
        one, other = (list(detector(method, tiny_model, "lite0", FEW, r)(part(3)))[-1] for r in (reference, loaded))
        assert np.array_equal(one.error_map, other.error_map)
    assert reference.adapter is not None
    reference.adapter.save(tmp_path / "adapter.safetensors")
    reference.banks[0].save(tmp_path / "bank.safetensors")
    assert load_reference(tmp_path / "adapter.safetensors").banks == ()
    assert load_reference(tmp_path / "bank.safetensors").adapter is None


def test_what_a_method_lacks_is_said(tiny_model, reference, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give photos of them, or choose self"):
        detector("patchcore", None, "lite0")
    with pytest.raises(SettingsError, match="has no memory bank: fine-tune again"):
        detector("ensemble", tiny_model, "lite0", FEW, replace(reference, banks=()))
    with pytest.raises(SettingsError, match="has no adapter: fine-tune again"):
        detector("ensemble", tiny_model, "lite0", FEW, replace(reference, adapter=None))
    with pytest.raises(SettingsError, match="or choose patchcore"):
        detector("maeday", tiny_model, "lite0", FEW, replace(reference, adapter=None))
    with pytest.raises(SettingsError, match="Self-reference uses no photos"):
        learn("self", None, "lite0", [part(0)])
    with pytest.raises(SettingsError, match="Self-reference uses no photos"):
        detector("self", None, "lite0", FEW, reference)
    with pytest.raises(SettingsError, match="of which a file keeps one"):
        detector("2xpatchcore", None, "lite0", FEW, reference)
    calls: list[int] = []
    with pytest.raises(WeightsError, match="resnet5000"):
        learn("ensemble", tiny_model, "resnet5000", [part(0)], on_step=lambda step: calls.append(step.step))
    assert not calls, "what may fail at once comes before the work"
    (tmp_path / "notes.safetensors").write_text("notes")
    with pytest.raises(WeightsError, match="fine-tune again"):
        load_reference(tmp_path / "notes.safetensors")


def test_the_backbone_goes_with_the_model() -> None:
    assert default_backbone("bundled") == default_backbone("/some/file.safetensors") == "lite0"
    assert default_backbone("base") == default_backbone("large") == "wrn50"
