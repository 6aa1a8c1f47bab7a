"""Fine-tuning learns the shots, leaves the base alone, says how far it is, and can be ended early."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from maeday_core.detection.reading import Reading
from maeday_core.detection.reconstruction import detect
from maeday_core.errors import SettingsError
from maeday_core.fewshot.adapter import Adapter
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, PRESETS, find_preset, fine_tune, normal_errors
from tests.fewshot.checks import FEW, digest, fine_tuned, photo, same, watched


@pytest.mark.parametrize("preset", ["default", "paper", "full"])
def test_it_learns_and_leaves_the_base_alone(model, preset: str) -> None:
    before = digest(model)
    progress, adapter = watched(fine_tune(model, [photo(0), photo(1)], find_preset(preset, 40), FEW))
    steps = [one.step for one in progress if one.step]
    assert [step.step for step in steps] == list(range(1, 41))
    assert all(step.steps == 40 for step in steps)
    assert steps[-1].seconds_left == 0
    assert adapter.losses == steps[-1].losses == tuple(step.loss for step in steps)
    if preset == "default":
        assert np.mean(adapter.losses[-5:]) < 0.96 * np.mean(adapter.losses[:5])
    adapted = adapter.apply(model)
    assert digest(model) == before
    assert digest(adapted) != before
    assert bool(adapter.weights) == (preset == "full")


def test_the_papers_preset_is_the_papers() -> None:
    paper = PRESETS["paper"]
    assert (paper.optimizer, paper.rate, paper.steps, paper.batch, paper.lora) == ("sgd", 1e-2, 50, 32, True)
    assert not paper.relative
    assert replace(paper, name="full", rate=1e-4, lora=False) == PRESETS["full"]


def test_same_seed_same_adapter_alone_or_side_by_side(model) -> None:
    def run(seed: int) -> Adapter:
        return fine_tuned(model, [photo(seed)], find_preset("default", 6), replace(FEW, seed=seed))

    alone = [run(0), run(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, [0, 1]))
    for one, other in zip(alone, together, strict=True):
        assert same(one.factors, other.factors)
        assert np.array_equal(one.calibration.mean, other.calibration.mean)
        assert one.losses == other.losses
    assert not same(alone[0].factors, alone[1].factors)


def test_the_seed_of_the_settings_is_that_of_the_fine_tuning(model) -> None:
    preset = find_preset("default", 2)
    one, other = (fine_tuned(model, [photo(0)], preset, replace(FEW, seed=seed)) for seed in (0, 1))
    assert (one.seed, other.seed) == (0, 1)
    assert not same(one.factors, other.factors)
    assert one.losses != other.losses


def test_progress_is_steps_first_and_then_the_measuring_of_the_normal_error(model) -> None:
    progress, _ = watched(fine_tune(model, [photo(0), photo(1)], find_preset("default", 3), FEW))
    assert [(one.doing, one.share) for one in progress] == [
        *(("Learning what is normal", step / 3) for step in (1, 2, 3)),
        *(("Measuring what is normal", copy / 8) for copy in range(1, 9)),
    ]
    assert [one.step.step if one.step else None for one in progress] == [1, 2, 3, *[None] * 8]


def test_ending_early_keeps_what_was_learned(model) -> None:
    preset = find_preset("default", 6)
    whole = fine_tuned(model, [photo(0)], preset)
    asked = iter([False, False, True])
    progress, adapter = watched(fine_tune(model, [photo(0)], preset, FEW, lambda: next(asked)))
    assert [one.step.step for one in progress if one.step] == [1, 2, 3]
    assert progress[-1].doing == "Measuring what is normal"
    assert progress[-1].share == 1
    assert adapter.steps == 3
    assert adapter.losses == whole.losses[:3]
    assert not same(adapter.factors, whole.factors)
    assert any(b.abs().max() > 0 for _, b in adapter.factors.values())
    assert detect(adapter.apply(model), photo(0), FEW, Reading(adapter.calibration)).image_score > 0


@pytest.mark.parametrize("count", [0, MAX_SHOTS + 1])
def test_no_shots_or_too_many_are_refused(model, count: int) -> None:
    with pytest.raises(SettingsError, match=f"give 1 to {MAX_SHOTS}"):
        fine_tuned(model, [photo(0)] * count)


@pytest.mark.parametrize("choice", [("fast", None), ("default", -1), ("default", 10**6)])
def test_an_unusable_preset_is_refused(choice: tuple[str, int | None]) -> None:
    with pytest.raises(SettingsError, match="choose"):
        find_preset(*choice)


def test_the_normal_error_does_not_depend_on_other_random_numbers(model) -> None:
    def measured(state: int) -> list[np.ndarray]:
        np.random.seed(state)
        torch.manual_seed(state)
        return list(normal_errors(model, [photo(0)], 2, FEW))

    first = measured(1)
    assert first[0].shape == (2, 64, 64)
    assert np.array_equal(first, measured(2))
    assert not np.array_equal(first, list(normal_errors(model, [photo(0)], 2, replace(FEW, seed=1))))
