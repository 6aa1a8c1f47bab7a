"""An adapter is a value: it fits one model and the settings it was calibrated for, and never changes the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maeday_core.detection.reading import Reading
from maeday_core.detection.reconstruction import detect
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.adapter import Adapter
from maeday_core.fewshot.fine_tuning import find_preset
from maeday_core.methods.reference import Reference
from maeday_core.methods.saved import load_reference, save_reference
from maeday_core.model.mae import MaskedAutoencoder, ModelInfo
from tests.conftest import TINY
from tests.fewshot.checks import FEW, digest, fine_tuned, photo


@pytest.fixture(scope="module")
def adapter(model) -> Adapter:
    return fine_tuned(model, [photo(0)], find_preset("default", 1))


def test_an_adapter_of_another_model_is_refused(adapter: Adapter) -> None:
    other = MaskedAutoencoder(TINY, ModelInfo("other", "test", "cd" * 32))
    with pytest.raises(WeightsError, match=r"belongs to the model tiny.*not to other"):
        adapter.apply(other)


@pytest.mark.parametrize("change", [{"mask_ratio": 0.5}, {"patches": "masked"}, {"error_space": "normalised"}])
def test_an_adapter_calibrated_for_other_settings_is_refused(model, adapter: Adapter, change: dict) -> None:
    with pytest.raises(SettingsError, match="fine-tune again"):
        adapter.apply(model, replace(FEW, **change))


def test_other_masks_and_another_seed_are_allowed(model, adapter: Adapter) -> None:
    settings = replace(FEW, masks=9, seed=3, sampling="balanced")
    assert detect(adapter.apply(model, settings), photo(0), settings).image_score > 0


def test_an_adapter_says_how_it_was_made(adapter: Adapter) -> None:
    assert adapter.recipe == "default, 1 shot, 1 steps, seed 0"
    assert adapter.summary == "1 steps on the model tiny"
    assert adapter.tile == "off"
    described = adapter.describe()
    assert described == {
        "model": "tiny", "preset": "default", "steps": 1, "loss": adapter.losses[-1], "shots": 1
    }  # fmt: skip


def test_a_photo_given_several_times_is_one_photo(model, adapter: Adapter) -> None:
    often = fine_tuned(model, [photo(0), photo(1), photo(0)], find_preset("calibrate"))
    assert (often.shots, often.photos) == (3, 2)
    assert (adapter.shots, adapter.photos) == (1, 1)


def test_a_calibration_alone_holds_no_weights_and_is_read_as_it_was_saved(model, tmp_path: Path) -> None:
    calibrated = fine_tuned(model, [photo(0)], find_preset("calibrate"))
    assert not calibrated.factors
    save_reference(Reference({"maeday": calibrated}, "maeday"), tmp_path / "good.safetensors")
    read = load_reference(tmp_path / "good.safetensors").learned["maeday"]
    assert isinstance(read, Adapter)
    scores = [
        detect(one.apply(model), photo(1), FEW, Reading(one.calibration)).image_score for one in (calibrated, read)
    ]
    assert scores[0] == scores[1] > 0


def test_an_adapter_doubts_a_query_of_another_kind(adapter: Adapter) -> None:
    assert adapter.doubt_of(photo(0)) is None
    assert "unlike every good part" in (adapter.doubt_of(0 * photo(0)) or "")


def test_an_adapter_whose_numbers_do_not_fit_is_refused(model, adapter: Adapter) -> None:
    name, (a, b) = next(iter(adapter.factors.items()))
    cut = replace(adapter.calibration, mean=adapter.calibration.mean[:, :8])
    for change in (
        {"factors": {name: (a[:, :-1], b)}},
        {"factors": {"nowhere": (a, b)}},
        {"weights": {"x": a}},
        {"calibration": cut},
        {"calibration": replace(adapter.calibration, judged=adapter.calibration.judged[:0])},
        {"calibration": replace(adapter.calibration, judged=adapter.calibration.judged[:, :1])},
        {"calibration": replace(adapter.calibration, judged=np.nan * adapter.calibration.judged)},
        {"appearances": ((1.0, 2.0),)},
    ):
        with pytest.raises(WeightsError, match="damaged"):
            replace(adapter, **change).apply(model)


@pytest.mark.slow
def test_hundreds_of_operations_leave_the_base_as_it_was(model) -> None:
    before = digest(model)
    adapter = fine_tuned(model, [photo(0)], find_preset("default", 2))
    for i in range(200):
        detect(adapter.apply(model), photo(i % 9), Settings(masks=1, seed=i), Reading(adapter.calibration))
        if i % 20 == 0:
            fine_tuned(model, [photo(i)], find_preset(("default", "paper", "full")[i // 20 % 3], 1))
    assert digest(model) == before
