"""Fine-tuning learns the shots, leaves the base alone, and its adapter is a value: saved, loaded, checked."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save

from maeday_core.detection.calibration import (
    BLUR,
    EVERYWHERE,
    LEAST_DEVIATION,
    LEAST_LOOKS,
    LOOKS,
    MARGIN_ALONE,
    NEARLY_NONE,
    RING,
    RINGS,
    SCALES,
    Calibration,
)
from maeday_core.detection.reconstruction import Settings, detect
from maeday_core.errors import SettingsError, WeightsError
from maeday_core.fewshot.adapter import load_adapter
from maeday_core.fewshot.fine_tuning import PRESETS, FineTuning, normal_errors, varied
from maeday_core.model.mae import MaskedAutoencoder, ModelInfo
from tests.conftest import TINY

FEW = Settings(masks=4)


def digest(model: torch.nn.Module) -> str:
    state = hashlib.sha256()
    for name, value in model.state_dict().items():
        state.update(name.encode() + value.contiguous().view(torch.uint8).numpy().tobytes())
    return state.hexdigest()


@pytest.fixture(scope="module")
def model() -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(TINY, ModelInfo("tiny", "test", "ab" * 32))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.requires_grad_(False).eval()


def photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC)


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(x, y) for k in a for x, y in zip(a[k], b[k], strict=True))


@pytest.mark.parametrize("preset", ["default", "paper", "full"])
def test_it_learns_and_leaves_the_base_alone(model, preset):
    before = digest(model)
    tuning = FineTuning(model, [photo(0), photo(1)], preset, steps=40, settings=FEW)
    steps = list(tuning)
    assert [s.step for s in steps] == list(range(1, 41))
    assert all(s.steps == 40 for s in steps)
    assert steps[-1].seconds_left == 0
    adapter = tuning.finish()
    assert adapter.losses == tuple(s.loss for s in steps)
    if preset == "default":
        assert np.mean(adapter.losses[-5:]) < 0.96 * np.mean(adapter.losses[:5])
    adapted = adapter.apply(model)
    assert digest(model) == before
    assert digest(adapted) != before
    assert bool(adapter.weights) == (preset == "full")


def test_the_papers_preset_is_the_papers():
    paper = PRESETS["paper"]
    assert (paper.optimizer, paper.rate, paper.steps, paper.batch, paper.lora) == ("sgd", 1e-2, 50, 32, True)
    assert not paper.relative
    assert replace(paper, rate=1e-4, lora=False) == PRESETS["full"]


def test_same_seed_same_adapter_alone_or_side_by_side(model):
    def run(seed: int):
        return FineTuning(model, [photo(seed)], seed=seed, steps=6, settings=FEW).run()

    alone = [run(0), run(1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, [0, 1]))
    for one, other in zip(alone, together, strict=True):
        assert same(one.factors, other.factors)
        assert np.array_equal(one.calibration.mean, other.calibration.mean)
        assert one.losses == other.losses
    assert not same(alone[0].factors, alone[1].factors)


def test_stopping_keeps_what_was_learned(model):
    whole = FineTuning(model, [photo(0)], steps=6, settings=FEW)
    stopped = FineTuning(model, [photo(0)], steps=6, settings=FEW)
    for step in stopped:
        if step.step == 3:
            break
    adapter = stopped.finish()
    assert adapter.steps == 3
    assert adapter.losses == whole.run().losses[:3]
    assert detect(adapter.apply(model), photo(0), FEW, adapter.calibration).image_score > 0


@pytest.mark.parametrize("preset", ["default", "full"])
def test_a_saved_adapter_gives_the_same_map(model, tmp_path, preset):
    adapter = FineTuning(model, [photo(0)], preset, steps=5, settings=FEW).run()
    adapter.save(tmp_path / "a.safetensors")
    loaded = load_adapter(tmp_path / "a.safetensors")
    maps = [detect(a.apply(model), photo(3), FEW, a.calibration).error_map for a in (adapter, loaded)]
    assert np.array_equal(*maps)
    assert same(loaded.factors, adapter.factors)
    for name in ("base", "base_sha256", "preset", "steps", "seed", "losses", "settings"):
        assert getattr(loaded, name) == getattr(adapter, name)
    assert loaded.calibration.threshold == adapter.calibration.threshold
    assert loaded.calibration.of_colour().threshold == adapter.calibration.of_colour().threshold


def test_an_adapter_of_another_model_is_refused(model):
    adapter = FineTuning(model, [photo(0)], steps=1, settings=FEW).run()
    other = MaskedAutoencoder(TINY, ModelInfo("other", "test", "cd" * 32))
    with pytest.raises(WeightsError, match=r"belongs to the model tiny.*not to other"):
        adapter.apply(other)
    for change in ({"mask_ratio": 0.5}, {"patches": "masked"}, {"error_space": "normalised"}):
        with pytest.raises(SettingsError, match="fine-tune again"):
            adapter.apply(model, replace(FEW, **change))
    result = detect(adapter.apply(model, replace(FEW, masks=9, seed=3)), photo(0), FEW)
    assert result.settings["adapter"] == "default, 1 shot, 1 steps, seed 0"


@pytest.mark.slow
def test_a_thousand_operations_leave_the_base_as_it_was(model):
    before = digest(model)
    adapter = FineTuning(model, [photo(0)], steps=2, settings=FEW).run()
    for i in range(1000):
        detect(adapter.apply(model), photo(i % 9), Settings(masks=1, seed=i), adapter.calibration)
        if i % 100 == 0:
            FineTuning(model, [photo(i)], ("default", "paper", "full")[i // 100 % 3], steps=1, settings=FEW).run()
    assert digest(model) == before


def test_an_adapter_whose_numbers_do_not_fit_is_refused(model):
    adapter = FineTuning(model, [photo(0)], steps=1, settings=FEW).run()
    name, (a, b) = next(iter(adapter.factors.items()))
    cut = replace(adapter.calibration, mean=adapter.calibration.mean[:, :8])
    for change in (
        {"factors": {name: (a[:, :-1], b)}},
        {"factors": {"nowhere": (a, b)}},
        {"weights": {"x": a}},
        {"calibration": cut},
        {"calibration": replace(adapter.calibration, scores=())},
        {"appearances": ((1.0, 2.0),)},
    ):
        with pytest.raises(WeightsError, match="damaged"):
            replace(adapter, **change).apply(model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        save({"x": torch.zeros(2)}),
        save({}, {"maeday_adapter": "{}"}),
    ],
    ids=["empty", "nonsense", "weights", "no facts"],
)
def test_a_file_that_is_no_adapter_is_one_sentence(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"^a\.safetensors is no adapter[^\n]*\.$"):
        load_adapter(tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_adapter(tmp_path / "none.safetensors")


@pytest.mark.parametrize("changes", [{"shots": 0}, {"shots": 9}, {"preset": "fast"}, {"steps": -1}, {"steps": 10**6}])
def test_unusable_values_are_refused(model, changes):
    shots = [photo(0)] * changes.pop("shots", 1)
    with pytest.raises(SettingsError):
        FineTuning(model, shots, **changes)


def noise(shots: int, copies: int, size: int = 64) -> np.ndarray:
    errors = np.random.default_rng(0).standard_normal((shots, copies, 2, size, size))
    return np.abs(errors).astype(np.float32)


def test_calibration_counts_in_deviations_from_the_normal_error():
    errors = noise(3, 2)
    calibration = Calibration.of(errors, 4, relative=True)
    assert calibration.shots == 3
    assert calibration.threshold == max(calibration.scores)
    usual, worse = calibration(errors[0, 0], 4), calibration(7 * errors[0, 0], 4)
    assert 0 < usual.mean() < 1
    assert worse.min() > usual.max()
    brighter = Calibration.of(400 * errors, 4, relative=True)
    assert brighter.threshold == pytest.approx(Calibration.of(100 * errors, 4, relative=True).threshold, rel=0.01)
    alone = Calibration.of(errors[:1], 4, relative=True)
    assert alone.threshold == MARGIN_ALONE * max(alone.scores)
    plain = Calibration.of(errors, 4, relative=False)
    assert max(plain.scores) == errors[:, :, 0].max()


def test_calibration_against_a_slow_loop():
    """By hand: mean, and deviation within each shot, half by place and half by ring; then deviations above the mean."""
    size = 128
    errors = noise(2, 3, size=size)
    errors[1] *= 2
    kernel = cv2.getGaussianKernel(2 * round(4 * BLUR) + 1, BLUR)
    rings: dict[int, list[tuple[int, int]]] = {}
    for y, x in np.ndindex(size, size):
        rings.setdefault(min(min(y, x, size - 1 - y, size - 1 - x) // RING, RINGS), []).append((y, x))
    assert len(rings) == RINGS + 1

    def smoothed(values: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(values.astype(np.float64), -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)

    def normal(values: np.ndarray) -> np.ndarray:
        halves = values / 2
        for places in rings.values():
            overall = sum(values[place] for place in places) / len(places)
            for place in places:
                halves[place] += overall / 2
        return smoothed(halves)

    found = np.ones((size, size))
    colour = [(scale, 0, LEAST_DEVIATION, 1 / 8) for scale in SCALES]
    for scale, kind, least, share in [*colour, (LOOKS, 1, LEAST_LOOKS, 1 / 2)]:
        roots = [
            [np.sqrt(cv2.GaussianBlur(both[kind], (0, 0), scale, borderType=cv2.BORDER_REFLECT_101)) for both in copies]
            for copies in errors
        ]
        roots = [[r - EVERYWHERE * np.median(r) for r in copies] for copies in roots]
        mean = normal(sum(sum(copies) for copies in roots) / 6)
        variance = np.zeros((size, size))
        for copies in roots:
            own = normal(sum(copies) / 3)
            variance += sum((r - own) ** 2 for r in copies) / 6
        deviation = np.sqrt(normal(variance) + least**2)
        found *= (np.maximum((roots[1][1] - mean) / deviation, 0) + NEARLY_NONE) ** share
    np.testing.assert_allclose(
        Calibration.of(errors, 8, relative=True)(errors[1, 1], 8),
        smoothed(found - NEARLY_NONE),
        rtol=5e-3,
        atol=5e-3,
    )


def test_fewer_masks_than_calibrated_count_with_care():
    errors = noise(1, 4)
    calibration = Calibration.of(errors, 16, relative=True)
    worse = 1000 * errors[0, 0]
    np.testing.assert_allclose(calibration(worse, 4).max(), calibration(worse, 16).max() / 2, rtol=0.01)
    assert np.array_equal(calibration(errors[0, 0], 64), calibration(errors[0, 0], 16))


def test_each_shot_is_judged_by_the_others():
    errors = noise(4, 2)
    errors[1] *= 9
    scores = np.reshape(Calibration.of(errors, 4, relative=True).scores, (4, 2))
    assert scores[1].min() > 2 * scores[[0, 2, 3]].max()


def test_where_good_parts_err_too_an_error_counts_less():
    errors = 0.1 * noise(2, 2)
    errors[..., 32:] *= 5
    calibrated = Calibration.of(errors, 4, relative=True)(np.ones((2, 64, 64), dtype=np.float32), 4)
    assert calibrated[32, 4] > 1.2 * calibrated[32, 60]


def test_what_is_normal_at_one_border_is_less_abnormal_at_another():
    errors = 0.1 * noise(2, 2, size=112)
    errors[..., :RING] *= 5
    calibrated = Calibration.of(errors, 4, relative=True)(np.ones((2, 112, 112), dtype=np.float32), 4)
    left, right, inside = calibrated[56, 1], calibrated[56, 110], calibrated[56, 56]
    assert left < 0.9 * right < 0.8 * inside


def test_calibration_does_not_depend_on_other_draws(model):
    first = list(normal_errors(model, [photo(0)], 2, FEW, 0))
    np.random.default_rng().random()
    torch.rand(3)
    assert np.array_equal(first, list(normal_errors(model, [photo(0)], 2, FEW, 0)))


def test_crops_and_turns_stay_in_their_ranges():
    shot = photo(0)
    still = varied(shot, (64, 64), np.random.default_rng(0), 0, 0)
    expected = cv2.resize(shot, (64, 64), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(still.astype(int) - expected).mean() < 4
    rng = np.random.default_rng(0)
    crops = [varied(shot, (64, 64), rng, 15, 0.2) for _ in range(8)]
    assert len({c.tobytes() for c in crops}) == 8
    dot = np.zeros((200, 200, 3), np.uint8)
    dot[95:105, 95:105] = 255
    for _ in range(50):  # the middle stays within the crop's own play
        y, x = np.argwhere(varied(dot, (100, 100), rng, 15, 0.2)[..., 0] > 99).mean(axis=0)
        assert np.hypot(x - 50, y - 50) < 100 * 0.25 * 0.75
