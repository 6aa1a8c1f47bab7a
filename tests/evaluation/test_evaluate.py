"""Evaluation finds what the layouts hold, its figures are right, and a run that was killed goes on."""

import subprocess
import sys

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from sklearn.metrics import roc_auc_score

from maeday_core.detection.reconstruction import Settings, detect
from maeday_core.errors import DatasetError, SettingsError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import METRICS, evaluate
from maeday_core.evaluation.metrics import auroc, rank_scores
from maeday_core.io.images import load_image
from maeday_core.io.journal import read_rows
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT


def save(path, array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def dataset(tmp_path):
    """Two categories of grey plates; the anomalous ones carry a white spot of known place."""
    rng = np.random.default_rng(0)
    for category in ("bolt", "nut"):
        for i in range(3):
            plate = rng.integers(90, 110, (48, 64, 3), dtype=np.uint8)
            save(tmp_path / category / "test" / "good" / f"{i}.png", plate)
            mask = np.zeros((48, 64), np.uint8)
            mask[10:20, 20 + i : 34 + i] = 255
            plate[mask > 0] = 255
            save(tmp_path / category / "test" / "spot" / f"{i}.png", plate)
            save(tmp_path / category / "ground_truth" / "spot" / f"{i}_mask.png", mask)
    return tmp_path


def test_rows_then_means(tiny_model, dataset):
    settings = Settings(masks=4)
    rows = list(evaluate(tiny_model, find_categories(dataset), settings, seeds=[0, 1], out=dataset / "out"))
    scores = read_rows(dataset / "out" / "scores.jsonl")
    assert [(row["category"], row["seed"]) for row in rows] == [
        ("bolt", 0),
        ("bolt", 1),
        ("nut", 0),
        ("nut", 1),
        ("mean", None),
    ]
    assert len(scores) == 24
    for metric in ("image_auroc", "pixel_auroc", "aupro", "f1_max"):
        assert rows[-1][metric] == pytest.approx(np.mean([row[metric] for row in rows[:-1]]))
    samples = find_categories(dataset, ["bolt"])[0].samples
    images = [load_image(s.path) for s in samples]
    maps = [detect(tiny_model, image, settings).error_map for image in images]
    truth = [np.zeros((48, 64), bool) if s.mask is None else load_image(s.mask)[..., 0] > 0 for s in samples]
    labels = np.array([s.anomalous for s in samples])
    assert rows[0]["image_auroc"] == auroc(rank_scores(labels, np.array([m.max() for m in maps])))
    pixels = roc_auc_score(np.array(truth).ravel(), np.array(maps).ravel())
    assert rows[0]["pixel_auroc"] == pytest.approx(100 * pixels, abs=1e-6)
    assert rows[-1]["image_auroc_std"] == pytest.approx(
        np.std([np.mean([r["image_auroc"] for r in rows[i:4:2]]) for i in (0, 1)])
    )
    assert not list((dataset / "out" / "maps").iterdir())
    assert rows[0]["images"] == 6


def test_shots_are_drawn_by_seed_and_adapted_to(tiny_model, dataset):
    rng = np.random.default_rng(1)
    for category in ("bolt", "nut"):
        for i in range(4):
            plate = rng.integers(90, 110, (48, 64, 3), dtype=np.uint8)
            save(dataset / category / "train" / "good" / f"{i}.png", plate)
    categories = find_categories(dataset)
    assert [path.name for path in categories[0].normals] == ["0.png", "1.png", "2.png", "3.png"]
    options = {"settings": Settings(masks=2), "shots": [2], "preset": "calibrate"}
    rows = list(evaluate(tiny_model, categories, seeds=[0, 1], **options))
    assert [row["shots"] for row in rows] == [2] * 5
    assert rows[0]["f1_threshold"] != rows[1]["f1_threshold"]
    again = list(evaluate(tiny_model, categories, seeds=[0, 1], **options))
    assert [[row[metric] for metric in METRICS] for row in rows] == [
        [row[metric] for metric in METRICS] for row in again
    ]
    with pytest.raises(DatasetError, match="bolt has 4 pictures in train/good, fewer than the 5 shots"):
        next(evaluate(tiny_model, categories, shots=[5]))


def test_one_category_by_its_own_folder(dataset):
    assert [c.name for c in find_categories(dataset / "nut")] == ["nut"]


def test_no_good_images_gives_no_image_auroc(tiny_model, dataset):
    for path in (dataset / "bolt" / "test" / "good").iterdir():
        path.unlink()
    row = next(evaluate(tiny_model, find_categories(dataset, ["bolt"]), Settings(masks=1)))
    assert row["image_auroc"] is None
    assert row["pixel_auroc"] is not None


def test_no_ground_truth_gives_no_pixel_auroc(tiny_model, dataset):
    import shutil

    shutil.rmtree(dataset / "bolt" / "ground_truth")
    row = next(evaluate(tiny_model, find_categories(dataset, ["bolt"]), Settings(masks=1)))
    assert row["image_auroc"] is not None
    assert row["pixel_auroc"] is None
    assert row["aupro"] is None


def test_unusable_data_sets_say_what_is_wrong(tiny_model, dataset, tmp_path):
    with pytest.raises(DatasetError, match="no folder"):
        find_categories(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="it has bolt, nut"):
        find_categories(dataset, ["screw"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no category"):
        find_categories(tmp_path / "empty")
    (dataset / "nut" / "ground_truth" / "spot" / "1_mask.png").unlink()
    with pytest.raises(DatasetError, match=r"1_mask\.png"):
        find_categories(dataset)
    save(dataset / "bolt" / "ground_truth" / "spot" / "1_mask.png", np.full((48, 60), 255, np.uint8))
    with pytest.raises(DatasetError, match="must agree"):
        list(evaluate(tiny_model, find_categories(dataset, ["bolt"]), Settings(masks=1)))


def test_methods_are_run_with_the_shots_they_can_use(tiny_model, dataset):
    for i in range(2):
        plate = np.random.default_rng(i).integers(90, 110, (48, 64, 3), dtype=np.uint8)
        save(dataset / "bolt" / "train" / "good" / f"{i}.png", plate)
    bolt = find_categories(dataset, ["bolt"])
    options = {"methods": ["maeday", "self", "patchcore"], "shots": [0, 1], "preset": "calibrate"}
    rows = list(evaluate(tiny_model, bolt, Settings(masks=1), **options))
    assert [(row["method"], row["shots"]) for row in rows if row["category"] == "bolt"] == [
        ("maeday", 0),
        ("self", 0),
        ("maeday", 1),
        ("patchcore", 1),
    ]
    with pytest.raises(SettingsError, match="patchcore cannot be run with 0 shots"):
        next(evaluate(None, bolt, methods=["patchcore"]))


def test_what_was_evaluated_is_not_evaluated_again(tiny_model, dataset, monkeypatch):
    """Stopped after any image, it goes on there; other settings are other runs."""
    categories, settings, out = find_categories(dataset), Settings(masks=1), dataset / "out"
    whole = list(evaluate(tiny_model, categories, settings))

    class Stopped(Exception):
        pass

    def stop_at(count):
        def on_image(progress):
            if progress.done == count:
                raise Stopped

        return on_image

    for _ in range(3):
        with pytest.raises(Stopped):
            list(evaluate(tiny_model, categories, settings, out=out, on_image=stop_at(3)))
    with (out / "scores.jsonl").open("a") as file:
        file.write('{"run": "cut off in the mid')
    resumed = list(evaluate(tiny_model, categories, settings, out=out))
    assert [[row[metric] for metric in METRICS] for row in resumed] == [[r[m] for m in METRICS] for r in whole]
    scores = read_rows(out / "scores.jsonl")
    assert len({(row["run"], row["path"]) for row in scores}) == len(scores) == 12
    list(evaluate(tiny_model, categories, settings, out=out, on_image=stop_at(1)))
    list(evaluate(tiny_model, categories, Settings(masks=2), out=out, keep_maps=True))
    assert len(read_rows(out / "scores.jsonl")) == 24
    assert len(list((out / "maps").glob("*/*.npy"))) == 12
    with FileLock(out / ".lock"), pytest.raises(DatasetError, match="Another run is writing"):
        next(evaluate(tiny_model, categories, settings, out=out))
    (out / "results.jsonl").write_text("notes\n")
    with pytest.raises(DatasetError, match="another folder"):
        next(evaluate(tiny_model, categories, settings, out=out))


def test_methods_judged_together_have_the_rows_of_each_alone(tiny_model, dataset, tmp_path):
    for i in range(2):
        plate = np.random.default_rng(i).integers(90, 110, (48, 64, 3), dtype=np.uint8)
        save(dataset / "bolt" / "train" / "good" / f"{i}.png", plate)
    bolt = find_categories(dataset, ["bolt"])
    methods = ["maeday", "self", "patchcore", "2xpatchcore", "ensemble"]
    options = {"settings": Settings(masks=2), "preset": "calibrate", "keep_maps": True}

    def rows_of(folder, names, shots):
        rows = list(evaluate(tiny_model, bolt, methods=names, shots=shots, out=folder, **options))
        assert all(row["learn_seconds"] for row in rows if row["shots"])
        return {(row["run"], row["method"], row["shots"]): untimed(row) for row in rows}

    def untimed(row):
        return {key: value for key, value in row.items() if "seconds" not in key}

    together = rows_of(tmp_path / "together", methods, [0, 1])
    alone = {}
    for method in methods:
        shots = {"self": [0], "patchcore": [1], "2xpatchcore": [1]}.get(method, [0, 1])
        alone |= rows_of(tmp_path / "alone", [method], shots)
    assert together == alone
    ours, theirs = (
        {(row["run"], row["path"]): untimed(row) for row in read_rows(tmp_path / name / "scores.jsonl")}
        for name in ("together", "alone")
    )
    assert ours == theirs
    for path in (tmp_path / "alone" / "maps").glob("*/*.npy"):
        assert (np.load(path) == np.load(tmp_path / "together" / path.relative_to(tmp_path / "alone"))).all()


def test_a_method_that_joins_later_is_judged_alone(tiny_model, dataset):
    """What is there is not judged again, though the rest is judged together."""
    bolt, options = find_categories(dataset, ["bolt"]), {"settings": Settings(masks=1), "out": dataset / "out"}
    told = []
    list(evaluate(tiny_model, bolt, **options))
    list(evaluate(tiny_model, bolt, methods=["maeday", "self", "ensemble"], on_image=told.append, **options))
    assert [(now.method, now.done, now.total) for now in told] == [("self + ensemble", i, 6) for i in range(1, 7)]
    scores = read_rows(dataset / "out" / "scores.jsonl")
    assert len({(row["run"], row["path"]) for row in scores}) == len(scores) == 18


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_same_numbers(tiny_model, dataset, tmp_path):
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    out, alone = tmp_path / "killed", tmp_path / "alone"
    command = [sys.executable, "-m", "maeday_core", "evaluate", dataset, "--model", tmp_path / "tiny.safetensors"]
    command += ["--masks", "2", "--seeds", *map(str, range(10)), "--method", "maeday", "ensemble", "--json"]
    subprocess.run([*command, "--out", alone], cwd=ROOT, check=True, capture_output=True)
    rng = np.random.default_rng()
    for _ in range(10):
        process = subprocess.Popen([*command, "--out", out], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.read(int(rng.integers(1, 2000)))  # it is at work
        process.kill()
        process.communicate()
    subprocess.run([*command, "--out", out], cwd=ROOT, check=True, capture_output=True)
    ours, theirs = (read_rows(folder / "results.jsonl") for folder in (out, alone))
    assert len(ours) == 40
    assert [[row[m] for m in METRICS] for row in ours] == [[row[m] for m in METRICS] for row in theirs]
    scores = read_rows(out / "scores.jsonl")
    assert len({(row["run"], row["path"]) for row in scores}) == len(scores) == 240


def test_visa_as_it_is_unpacked(tiny_model, tmp_path):
    rng = np.random.default_rng(0)
    rows = ["object,split,label,image,mask"]
    for i in range(6):
        bad = i % 2 == 1
        image = f"candle/Data/Images/{'Anomaly' if bad else 'Normal'}/{i:03}.JPG"
        mask = f"candle/Data/Masks/Anomaly/{i:03}.png" if bad else ""
        plate = rng.integers(90, 110, (40, 50, 3), dtype=np.uint8)
        if bad:
            plate[5:15, 5:15] = 255
            truth = np.zeros((40, 50), np.uint8)
            truth[5:15, 5:15] = 1 + i % 3  # VisA numbers the kinds of defects
            save(tmp_path / mask, truth)
        save(tmp_path / image, plate)
        rows.append(f"candle,{'train' if i in (0, 2) else 'test'},{'anomaly' if bad else 'normal'},{image},{mask}")
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv" / "1cls.csv").write_text("\n".join(rows))
    (candle,) = find_categories(tmp_path)
    assert (candle.name, len(candle.normals), len(candle.samples), candle.lacks) == ("candle", 2, 4, [])
    row = next(evaluate(tiny_model, [candle], Settings(masks=1)))
    assert row["pixel_auroc"] is not None
    (tmp_path / "candle/Data/Masks/Anomaly/001.png").unlink()
    with pytest.raises(DatasetError, match="unpack the whole archive"):
        find_categories(tmp_path)
    (tmp_path / "split_csv" / "1cls.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="not VisA's list"):
        find_categories(tmp_path)


def test_what_cannot_be_told_is_said(dataset):
    for path in (dataset / "bolt" / "test" / "good").iterdir():
        path.unlink()
    bolt, nut = find_categories(dataset)
    assert "no good test pictures" in bolt.lacks[0]
    assert nut.lacks == []
