"""Pretraining learns, resumes where it was, and writes a file that loads."""

import csv
import json
import os
import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from maeday_core.errors import DatasetError, SettingsError, WeightsError
from maeday_core.model.load import load_model
from maeday_core.model.masks import draw_masks
from maeday_core.pretraining.corpus import Corpus, build_corpus, draw_crops, load_corpus
from maeday_core.pretraining.train import new_model, pretrain, reconstruction_loss
from tests.conftest import TINY

CONFIG = replace(TINY, image_size=32, draft=True)


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    return [cv2.resize(c, (300, 280), interpolation=cv2.INTER_CUBIC) for c in coarse]


@pytest.fixture
def corpus():
    return Corpus(pictures(6), pictures(2), [])


def train(corpus, out, **changes):
    options = {"config": CONFIG, "steps": 30, "batch_size": 8, "log_every": 10}
    return pretrain(corpus, out, **{**options, **changes})


def test_loss_falls_and_the_file_loads(corpus, tmp_path):
    rows = []
    model = train(corpus, tmp_path / "mae.safetensors", steps=60, log=rows.append)
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert rows[-1]["held_out_mse"] < 0.9 * rows[0]["held_out_mse"]
    assert [json.loads(line) for line in (tmp_path / "mae.jsonl").read_text().splitlines()] == rows
    loaded = load_model(tmp_path / "mae.safetensors", device="cpu", dtype=torch.float32)
    assert loaded.config == CONFIG
    assert loaded.info.metadata["steps"] == "60"
    torch.testing.assert_close(loaded.pos_embed, model.pos_embed, atol=1e-3, rtol=1e-3)


def test_resumed_run_continues_the_same_curve(corpus, tmp_path):
    whole, parts = [], []
    train(corpus, tmp_path / "whole.safetensors", log=whole.append)

    class Killed(Exception):
        pass

    def killer(row):
        parts.append(row)
        if row["step"] == 20:
            raise Killed

    with pytest.raises(Killed):
        train(corpus, tmp_path / "part.safetensors", log=killer)
    # The row is told before the state is saved, so the run goes on from step 10 and tells step 20 again.
    train(corpus, tmp_path / "part.safetensors", resume=tmp_path / "part.state", log=parts.append)
    curve = {row["step"]: row["loss"] for row in parts}
    assert curve == {row["step"]: row["loss"] for row in whole}


@pytest.mark.parametrize("changes", [{"steps": 0}, {"minutes": 0}, {"seed": -1}, {"out": "mae.bin"}, {"out": "."}])
def test_unusable_values_are_refused_before_training(corpus, tmp_path, changes):
    out = tmp_path / changes.pop("out", "mae.safetensors")
    with pytest.raises(SettingsError):
        train(corpus, out, **changes)
    assert not list(tmp_path.iterdir())


def test_training_goes_on_from_given_weights(corpus, tmp_path):
    plain = train(corpus, tmp_path / "plain.safetensors", config=replace(CONFIG, draft=False), steps=60)
    rows, fresh = [], []
    train(corpus, tmp_path / "on.safetensors", start=plain, steps=10, log=rows.append)
    train(corpus, tmp_path / "fresh.safetensors", steps=10, log=fresh.append)
    assert rows[0]["held_out_mse"] < 0.9 * fresh[0]["held_out_mse"]
    with pytest.raises(WeightsError, match="other sizes"):
        train(corpus, tmp_path / "other.safetensors", start=plain, config=replace(CONFIG, depth=3))


def test_a_wrong_state_is_an_error(corpus, tmp_path):
    (tmp_path / "x.state").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"x\.state"):
        train(corpus, tmp_path / "y.safetensors", resume=tmp_path / "x.state")


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


def test_crops_are_reproducible_and_varied():
    images = pictures(3)
    first, again, other = (draw_crops(images, 40, 32, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (40, 32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({crop.tobytes() for crop in first}) == 40


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two small Debian packages, and an apt-get that copies them instead of downloading them."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is Debian's")
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, package in enumerate(("rocks", "walls")):
        root = tmp_path / package
        (root / "DEBIAN").mkdir(parents=True)
        fields = {"Package": package, "Version": f"1.{number}", "Architecture": "all", "Maintainer": "A <a@b.c>"}
        fields["Description"] = "pictures"
        (root / "DEBIAN" / "control").write_text("".join(f"{key}: {value}\n" for key, value in fields.items()))
        (root / "usr/share/doc" / package).mkdir(parents=True)
        (root / "usr/share/doc" / package / "copyright").write_text(f"{package}: CC0")
        for i, picture in enumerate(pictures(4)[2 * number : 2 * number + 2]):
            Image.fromarray(picture).save(root / "usr/share" / f"photo{i}.png")
        Image.fromarray(pictures(1)[0]).save(root / "usr/share" / "again.png")
        subprocess.run(["dpkg-deb", "--build", root, archive / f"{package}.deb"], check=True, capture_output=True)
    tool = tmp_path / "bin" / "apt-get"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ncp "{archive}/$2.deb" . 2>/dev/null || {{ echo "E: no package $2" >&2; exit 100; }}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return ["rocks", "walls"]


def test_corpus_is_built_from_packages(packages, tmp_path):
    built = build_corpus(tmp_path / "corpus", packages)
    rows = list(csv.DictReader((built / "kept.csv").open()))
    assert [row["package"] for row in rows] == ["rocks", "rocks", "walls", "walls"]  # the copies are left out
    assert {row["version"] for row in rows} == {"1.0", "1.1"}
    assert rows[0]["path"] == "usr/share/again.png"
    for package in packages:
        assert (built / package / "copyright").read_text() == f"{package}: CC0"
    corpus = load_corpus([built])
    assert sorted(path.relative_to(built).as_posix() for path in corpus.files) == sorted(row["file"] for row in rows)
    assert {picture.tobytes() for picture in [*corpus.train, *corpus.held_out]} >= {
        pictures(4)[i].tobytes() for i in range(1, 4)
    }
    with pytest.raises(DatasetError, match="exists already"):
        build_corpus(built, packages)


def test_a_package_that_cannot_be_fetched_is_one_sentence(packages, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"bricks cannot be fetched.*no package bricks"):
        build_corpus(tmp_path / "corpus", ["bricks"])
    assert not (tmp_path / "corpus").exists()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatasetError, match="apt-get is not on this machine"):
        build_corpus(tmp_path / "corpus", ["bricks"])


def test_corpus_leaves_out_what_is_no_photograph(tmp_path):
    good = pictures(4)
    for i, picture in enumerate(good):
        Image.fromarray(picture).save(tmp_path / f"photo{i}.png")
    Image.fromarray(good[0]).save(tmp_path / "copy.png")
    Image.fromarray(good[0][:200, :200]).save(tmp_path / "small.png")
    Image.fromarray(np.full((300, 300, 3), 99, np.uint8)).save(tmp_path / "flat.png")
    Image.fromarray(good[1][::-1].copy()).save(tmp_path / "rock_normal.png")
    Image.fromarray(np.full((300, 300, 3), (128, 128, 255), np.uint8)).save(tmp_path / "bluish.png")
    (tmp_path / "gui").mkdir()
    Image.fromarray(good[2][::-1].copy()).save(tmp_path / "gui" / "panel.png")
    alpha = np.dstack([good[3][::-1], np.zeros(good[3].shape[:2], np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "transparent.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "photo0.png").read_bytes()[:3000])
    corpus = load_corpus([tmp_path])
    assert sorted(path.name for path in corpus.files) == ["copy.png", "photo1.png", "photo2.png", "photo3.png"]
    with pytest.raises(DatasetError, match="No usable pictures"):
        load_corpus([tmp_path / "gui"])
