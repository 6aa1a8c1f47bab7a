"""Evaluation finds what the MVTec layout holds, and its figures are right."""

import numpy as np
import pytest
from PIL import Image

from maeday_core.detector import Settings, detect
from maeday_core.errors import DatasetError
from maeday_core.evaluation import evaluate, find_categories
from maeday_core.images import load_image
from maeday_core.metrics import auroc


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
    scores = []
    settings = Settings(masks=4)
    rows = list(evaluate(tiny_model, find_categories(dataset), settings, seeds=[0, 1], on_score=scores.append))
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
    assert rows[0]["image_auroc"] == auroc(np.array([s.anomalous for s in samples]), np.array([m.max() for m in maps]))
    assert rows[0]["pixel_auroc"] == auroc(np.array(truth).ravel(), np.array(maps).ravel())
    assert rows[0]["images"] == 6


def test_shots_are_drawn_by_seed_and_adapted_to(tiny_model, dataset):
    rng = np.random.default_rng(1)
    for category in ("bolt", "nut"):
        for i in range(4):
            plate = rng.integers(90, 110, (48, 64, 3), dtype=np.uint8)
            save(dataset / category / "train" / "good" / f"{i}.png", plate)
    categories = find_categories(dataset)
    assert [path.name for path in categories[0].normals] == ["0.png", "1.png", "2.png", "3.png"]
    scores: list[dict] = []
    options = {"settings": Settings(masks=2), "shots": 2, "preset": "calibrate", "on_score": scores.append}
    rows = list(evaluate(tiny_model, categories, seeds=[0, 1], **options))
    assert [row["shots"] for row in rows] == [2] * 5
    assert scores[0]["image_score"] != scores[6]["image_score"]
    again: list[dict] = []
    list(evaluate(tiny_model, categories, seeds=[0, 1], **{**options, "on_score": again.append}))
    assert scores == again
    with pytest.raises(DatasetError, match="bolt has 4 pictures in train/good, fewer than the 5 shots"):
        next(evaluate(tiny_model, categories, shots=5))


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
