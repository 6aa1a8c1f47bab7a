"""The command line keeps its contract: JSON lines on standard output, one sentence on standard error, exit status."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from maeday_core.cli.main import main
from maeday_core.methods.base import METHODS
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT

DETECT_KEYS = {
    "path",
    "image_score",
    "seconds",
    "model",
    "method",
    "masks",
    "mask_ratio",
    "sampling",
    "seed",
    "error_map",
}
EVALUATE_KEYS = {"category", "method", "shots", "seed", "model", "masks", "images"} | {
    "image_auroc",
    "pixel_auroc",
    "aupro",
    "f1_max",
}


@pytest.fixture
def folder(tmp_path, tiny_model):
    """Three pictures, two of one stem, and the tiny model's weights."""
    rng = np.random.default_rng(0)
    for name, (width, height) in {"a.png": (40, 30), "b.jpg": (90, 64), "deep/a.bmp": (64, 64)}.items():
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return tmp_path


def run(capsys, *arguments) -> tuple[int, list[dict], str]:
    status = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_detect_writes_a_map_of_each_pictures_own_size(capsys, folder):
    model = folder / "tiny.safetensors"
    options = ["--model", model, "--masks", 3, "--mask-ratio", 0.5, "--seed", 4, "--sampling", "balanced", "--json"]
    status, rows, _ = run(capsys, "detect", folder / "pictures", *options, "--out", folder / "out")
    assert status == 0
    assert [row["path"].rsplit("/", 1)[1] for row in rows] == ["a.png", "b.jpg", "a.bmp"]
    assert len({row["error_map"] for row in rows}) == 3
    for row, shape in zip(rows, [(30, 40), (64, 90), (64, 64)], strict=True):
        assert row.keys() >= DETECT_KEYS
        error_map = np.load(row["error_map"])
        assert error_map.shape == shape
        assert error_map.dtype == np.float32
        assert row["image_score"] == pytest.approx(error_map.max())
        assert (row["masks"], row["mask_ratio"], row["seed"], row["sampling"]) == (3, 0.5, 4, "balanced")
        assert row["model"] == str(model)
    assert len(list((folder / "out").glob("*-maeday.png"))) == 3


def test_detect_never_touches_its_queries(capsys, folder):
    options = ["--model", folder / "tiny.safetensors", "--masks", 1, "--json", "--out", folder / "pictures"]
    before = {path: path.read_bytes() for path in (folder / "pictures").rglob("*.*")}
    for _ in range(2):  # the second run finds the figures of the first in the folder
        status, rows, _ = run(capsys, "detect", folder / "pictures", *options)
        assert status == 0
        assert len(rows) == 3
    assert all(path.read_bytes() == content for path, content in before.items())


def test_detect_without_out_has_no_map(capsys, folder):
    options = ["--model", folder / "tiny.safetensors", "--masks", 1]
    status, rows, _ = run(capsys, "detect", folder / "pictures" / "a.png", *options, "--json")
    assert status == 0
    assert rows[0]["error_map"] is None
    assert main(["detect", str(folder / "pictures" / "a.png"), *map(str, options)]) == 0
    assert f"{rows[0]['image_score']:.4f}" in capsys.readouterr().out


def test_a_bad_file_stops_nothing_else(capsys, folder):
    (folder / "pictures" / "aa.jpg").write_text("not a picture")
    options = ["--model", folder / "tiny.safetensors", "--masks", 1, "--json"]
    status, rows, errors = run(capsys, "detect", folder / "pictures", *options)
    assert status == 2
    assert len(rows) == 3
    assert len(errors.splitlines()) == 1
    assert "aa.jpg" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detect", "nowhere.png"], "nowhere.png"),
        (["detect", "{pictures}", "--masks", "0"], "masks"),
        (["detect", "{pictures}", "--mask-ratio", "1"], "mask ratio"),
        (["detect", "{pictures}", "--model", "nonsense"], "nonsense"),
        (["detect", "{pictures}", "--adapter", "nowhere.safetensors"], "nowhere.safetensors"),
        (["detect", "{pictures}", "--normals", "nowhere.png"], "nowhere.png"),
        (["adapt", "{pictures}", "--out", "adapter.bin"], "adapter.bin"),
        (["detect", "{pictures}", "--method", "patchcore"], "give photos of them"),
        (["detect", "{pictures}", "--method", "self", "--normals", "{pictures}"], "uses no photos of good parts"),
        (["detect", "{pictures}", "--method", "self", "--backbone", "resnet5000"], "no backbone 'resnet5000'"),
        (["evaluate", "{pictures}"], "no category"),
        (["pretrain", "--corpus", "{pictures}", "--out", "{pictures}/x.safetensors"], "3 unreadable, transparent or"),
    ],
)
def test_unusable_input_is_one_line_and_status_2(capsys, folder, arguments, words):
    status, rows, errors = run(capsys, *(a.format(pictures=folder / "pictures") for a in arguments))
    assert status == 2
    assert rows == []
    assert len(errors.splitlines()) == 1
    assert words in errors


def test_unusable_arguments_are_status_2():
    with pytest.raises(SystemExit) as stop:
        main(["detect", "x.png", "--masks", "many"])
    assert stop.value.code == 2


def test_adapt_then_detect_with_the_adapter_or_the_shots(capsys, folder):
    shots = [folder / "pictures" / name for name in ("a.png", "b.jpg")]
    options = ["--model", folder / "tiny.safetensors", "--masks", 2, "--seed", 5]
    adapter = folder / "new" / "adapter.safetensors"
    status, rows, errors = run(capsys, "adapt", *shots, "--out", adapter, *options, "--steps", 40, "--json")
    assert status == 0
    assert (rows[0]["shots"], rows[0]["steps"], rows[0]["seed"], rows[0]["preset"]) == (2, 40, 5, "default")
    assert rows[0]["threshold"] > 0
    assert "step 40 of 40" in errors
    query = [folder / "pictures" / "deep" / "a.bmp", *options, "--json"]
    _, plain, _ = run(capsys, "detect", *query)
    _, loaded, _ = run(capsys, "detect", *query, "--adapter", adapter)
    status, at_once, _ = run(capsys, "detect", *query, "--normals", *shots)
    assert status == 0
    assert loaded[0]["image_score"] == at_once[0]["image_score"] != plain[0]["image_score"]
    assert loaded[0]["adapter"] == "default, 2 shots, 40 steps, seed 5"
    status, rows, errors = run(capsys, "detect", *query, "--adapter", adapter, "--mask-ratio", 0.5)
    assert (status, rows, len(errors.splitlines())) == (2, [], 1)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_detects_and_draws(capsys, folder, method):
    shots = [folder / "pictures" / name for name in ("a.png", "b.jpg")]
    options = ["--model", folder / "tiny.safetensors", "--masks", 2, "--method", method, "--out", folder / "out"]
    if method != "self":
        options += ["--preset", "calibrate", "--normals", *shots]
    status, rows, _ = run(capsys, "detect", folder / "pictures" / "deep", *options, "--json")
    assert status == 0
    assert rows[0].keys() >= DETECT_KEYS
    assert rows[0]["method"] == method
    assert rows[0]["masks"] == (2 if method in ("maeday", "ensemble") else None)
    assert np.load(rows[0]["error_map"]).max() == pytest.approx(rows[0]["image_score"], rel=1e-6)
    assert Image.open(folder / "out" / "a-maeday.png").width > 800


def test_one_adapt_serves_every_method(capsys, folder):
    shots = [folder / "pictures" / name for name in ("a.png", "b.jpg")]
    options = ["--model", folder / "tiny.safetensors", "--masks", 2]
    adapter = folder / "parts.safetensors"
    status, rows, _ = run(capsys, "adapt", *shots, "--out", adapter, *options, "--steps", 1, "--json")
    assert status == 0
    assert (rows[0]["backbone"], rows[0]["shots"], rows[0]["method"]) == ("lite0", 2, "ensemble")
    for method in ("maeday", "patchcore", "ensemble"):
        query = [folder / "pictures" / "deep", *options, "--method", method, "--adapter", adapter, "--json"]
        status, rows, _ = run(capsys, "detect", *query)
        assert (status, rows[0]["method"]) == (0, method)


def test_evaluate_prints_rows_and_writes_files(capsys, folder):
    rng = np.random.default_rng(0)
    for kind in ("good", "spot"):
        for i in range(2):
            path = folder / "plate" / "test" / kind / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    options = ["--model", folder / "tiny.safetensors", "--masks", 2, "--seeds", 0, 1, "--out", folder / "out"]
    status, rows, _ = run(capsys, "evaluate", folder / "plate", *options, "--json")
    assert status == 0
    assert [row["category"] for row in rows] == ["plate", "plate", "mean"]
    assert all(row.keys() >= EVALUATE_KEYS for row in rows)
    assert [row["pixel_auroc"] for row in rows] == [None] * 3
    assert [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()] == rows[:2]
    assert len((folder / "out" / "scores.jsonl").read_text().splitlines()) == 8
    assert main(["evaluate", str(folder / "plate"), *map(str, options)]) == 0
    assert "image AUROC" in capsys.readouterr().out


def test_runs_as_a_module_on_the_bundled_model(tmp_path):
    Image.effect_noise((50, 40), 60).save(tmp_path / "noise.png")
    command = [sys.executable, "-m", "maeday_core", "detect", str(tmp_path / "noise.png"), "--masks", "4", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert row["model"] == "bundled"
    assert row["image_score"] > 0
