"""Pretraining learns, resumes where it was, and writes a file that loads."""

import json
from dataclasses import replace

import cv2
import pytest
import torch

from maeday_core.errors import SettingsError, WeightsError
from maeday_core.model.load import load_model
from maeday_core.model.masks import draw_masks
from maeday_core.pretraining.corpus import Corpus
from maeday_core.pretraining.first_weights import new_model
from maeday_core.pretraining.plan import Plan
from maeday_core.pretraining.train import pretrain, reconstruction_loss
from tests.conftest import TINY
from tests.pretraining.pictures import pictures

CONFIG = replace(TINY, image_size=32, draft=True)


PLAN = Plan(config=CONFIG, steps=30, batch_size=8, log_every=10)


@pytest.fixture
def corpus():
    return Corpus(pictures(6), pictures(2), [])


def parameters(model):
    return torch.cat([values.flatten() for values in model.state_dict().values()])


def test_loss_falls_and_the_file_loads(corpus, tmp_path):
    rows = []
    model = pretrain(corpus, tmp_path / "mae.safetensors", replace(PLAN, steps=60), log=rows.append)
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert rows[-1]["held_out_mse"] < 0.9 * rows[0]["held_out_mse"]
    assert [json.loads(line) for line in (tmp_path / "mae.jsonl").read_text().splitlines()] == rows
    loaded = load_model(tmp_path / "mae.safetensors", device="cpu", dtype=torch.float32)
    assert loaded.config == CONFIG
    assert loaded.info.metadata["steps"] == "60"
    torch.testing.assert_close(loaded.pos_embed, model.pos_embed, atol=1e-3, rtol=1e-3)


def test_resumed_run_continues_the_same_curve(corpus, tmp_path):
    whole, parts = [], []
    at_once = pretrain(corpus, tmp_path / "whole.safetensors", PLAN, log=whole.append)

    class Killed(Exception):
        pass

    def killer(row):
        parts.append(row)
        if row["step"] == 20:
            raise Killed

    with pytest.raises(Killed):
        pretrain(corpus, tmp_path / "part.safetensors", PLAN, log=killer)
    # The row is logged before the state is saved, so the run continues at step 10 and logs step 20 again.
    resumed = pretrain(corpus, tmp_path / "part.safetensors", PLAN, resume=tmp_path / "part.state", log=parts.append)
    assert [row["step"] for row in parts] == [10, 20, 20, 30]
    curve = {row["step"]: row["loss"] for row in parts}
    assert curve == {row["step"]: row["loss"] for row in whole}
    assert torch.equal(parameters(resumed), parameters(at_once))


@pytest.mark.parametrize("changes", [{"steps": 0}, {"minutes": 0}, {"seed": -1}, {"batch_size": 0}, {"log_every": 0}])
def test_a_plan_out_of_range_is_an_error(changes):
    with pytest.raises(SettingsError):
        replace(PLAN, **changes)


@pytest.mark.parametrize("name", ["mae.bin", "."])
def test_another_file_ending_is_refused_before_training(corpus, tmp_path, name):
    with pytest.raises(SettingsError, match="safetensors"):
        pretrain(corpus, tmp_path / name, PLAN)
    assert not list(tmp_path.iterdir())


def test_the_process_is_left_as_it_was(corpus, tmp_path):
    seed, threads = torch.initial_seed(), cv2.getNumThreads()
    assert threads != 1 or cv2.getNumberOfCPUs() == 1  # else the test could not fail
    drawn = torch.get_rng_state()
    pretrain(corpus, tmp_path / "mae.safetensors", replace(PLAN, steps=1))
    assert cv2.getNumThreads() == threads
    assert torch.initial_seed() == seed
    assert torch.equal(torch.get_rng_state(), drawn)
    assert torch.tensor(1e-310, dtype=torch.float64).mul(1).item() > 0  # no denormal number was flushed to zero


def test_training_continues_from_given_weights(corpus, tmp_path):
    plain = pretrain(
        corpus, tmp_path / "plain.safetensors", replace(PLAN, config=replace(CONFIG, draft=False), steps=60)
    )
    rows, fresh = [], []
    short = replace(PLAN, steps=10)
    pretrain(corpus, tmp_path / "on.safetensors", short, start=plain, log=rows.append)
    pretrain(corpus, tmp_path / "fresh.safetensors", short, log=fresh.append)
    assert rows[0]["held_out_mse"] < 0.9 * fresh[0]["held_out_mse"]
    deeper = replace(PLAN, config=replace(CONFIG, depth=3))
    with pytest.raises(WeightsError, match="other sizes"):
        pretrain(corpus, tmp_path / "other.safetensors", deeper, start=plain)


def test_a_wrong_state_is_an_error(corpus, tmp_path):
    state = tmp_path / "x.state"
    state.write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"x\.state"):
        pretrain(corpus, tmp_path / "y.safetensors", PLAN, resume=state)
    pretrain(corpus, tmp_path / "x.safetensors", replace(PLAN, steps=1))
    torch.save({**torch.load(state), "format": 0}, state)
    with pytest.raises(WeightsError, match=r"x\.state"):
        pretrain(corpus, tmp_path / "y.safetensors", PLAN, resume=state)


def test_loss_counts_hidden_patches_four_times_visible_ones():
    model = new_model(replace(CONFIG, draft=False), 0).eval()
    images = torch.randn(3, 3, 32, 32)
    masks = draw_masks(3, CONFIG.num_patches, 0.75, 0)
    loss, hidden_error = reconstruction_loss(model, images, masks)
    target = model.patchify(images)
    expected = []
    for i in range(3):
        error = ((model(images[i : i + 1], masks[i : i + 1])[0] - target[i]) ** 2).mean(dim=1)
        parts = error[masks[i]].mean(), error[~masks[i]].mean()
        expected.append((parts[0], (parts[0] + 0.25 * parts[1]) / (images[i, :, ::4, ::4].std() + 0.2)))
    torch.testing.assert_close(hidden_error, torch.stack([e[0] for e in expected]).mean())
    torch.testing.assert_close(loss, torch.stack([e[1] for e in expected]).mean(), rtol=1e-3, atol=1e-4)
