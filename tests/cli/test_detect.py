"""`maeday detect`: a row a picture, maps and masks of the picture's own size, and no query is ever touched."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maeday_core import METHODS, Shots, load_image
from maeday_core.cli import main
from maeday_core.detection.feedback import moved_limit
from maeday_core.io.corrections import Correction, Label, now, save_corrections
from maeday_core.io.files import sha256
from maeday_core.methods import memory_bank
from tests.cli.conftest import save_noise
from tests.conftest import part

KEYS = {
    "path",
    "image_score",
    "threshold",
    "verdict",
    "state",
    "share_above",
    "look",
    "threshold_between",
    "alarm_rate",
    "boxes",
    "seconds",
    "model",
    "method",
    "masks",
    "mask_ratio",
    "sampling",
    "seed",
    "error_map",
    "mask",
}
BOX_KEYS = {"x", "y", "width", "height", "area", "peak"}


def test_maps_and_masks_have_each_pictures_own_size(run, folder, model):
    options = ["--mask-ratio", 0.5, "--seed", 4, "--sampling", "balanced", "--out", folder / "out"]
    status, rows, _ = run("detect", folder / "pictures", *model, *options)
    assert status == 0
    assert [row["path"].rsplit("/", 1)[1] for row in rows] == ["a.png", "b.jpg", "a.bmp"]
    assert len({row["error_map"] for row in rows}) == len({row["mask"] for row in rows}) == 3
    for row, shape in zip(rows, [(30, 40), (64, 90), (64, 64)], strict=True):
        assert row.keys() >= KEYS
        error_map = np.load(row["error_map"])
        assert error_map.shape == shape
        assert error_map.dtype == np.float32
        assert row["image_score"] == pytest.approx(error_map.max())
        with Image.open(row["mask"]) as mask:
            assert mask.mode == "L"
            outlined = (error_map > row["threshold"]) & (row["image_score"] > row["threshold"])
            assert np.array_equal(np.array(mask), np.where(outlined, 255, 0))
        assert (row["masks"], row["mask_ratio"], row["seed"], row["sampling"]) == (2, 0.5, 4, "balanced")
        assert row["model"] == str(folder / "tiny.safetensors")
    assert len(list((folder / "out").glob("*-maeday.png"))) == 3


def test_the_verdict_follows_from_the_threshold_and_the_boxes_hold_what_is_above_it(run, tmp_path):
    for seed, defect in enumerate((False, True)):
        Image.fromarray(part(seed, defect)).save(tmp_path / f"{seed}.png")
    status, rows, _ = run("detect", tmp_path, "--method", "self", "--out", tmp_path / "out", "--json")
    assert status == 0
    assert [row["verdict"] for row in rows] == ["normal", "anomalous"]
    assert rows[1]["state"] == "anomalous"
    assert rows[1]["share_above"] < rows[1]["alarm_rate"] == 0.05 < rows[0]["share_above"]
    for row in rows:
        above = load_image(row["mask"])[..., 0] == 255
        assert (row["verdict"] == "anomalous") == (row["image_score"] > row["threshold"]) == above.any()
        boxed = np.zeros_like(above)
        for box in row["boxes"]:
            assert box.keys() >= BOX_KEYS
            assert row["threshold"] < box["peak"] <= row["image_score"]
            boxed[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]] = True
        assert sum(box["area"] for box in row["boxes"]) == above.sum()
        assert boxed[above].all()


def test_the_threshold_follows_from_the_false_alarms_and_an_unflagged_picture_has_no_boxes(run, folder, model):
    by_share = {}
    for share in (0.001, 0.4, 0.999):
        options = ["--method", "ensemble", "--alarm-rate", share, "--out", folder / "out"]
        status, (row,), _ = run("detect", folder / "pictures" / "b.jpg", *model, *options)
        assert status == 0
        low, high = row["threshold_between"]
        assert low < row["threshold"] < high
        assert row["look"] <= row["threshold"]
        assert row["alarm_rate"] == share
        assert row["verdict"] == ("anomalous" if row["image_score"] > row["threshold"] else "normal")
        assert bool(row["boxes"]) == load_image(row["mask"]).any() == (row["verdict"] == "anomalous")
        by_share[share] = row
    assert by_share[0.001]["threshold"] > by_share[0.4]["threshold"] > by_share[0.999]["threshold"]
    assert len({row["image_score"] for row in by_share.values()}) == 1
    assert {row["share_above"] for row in by_share.values()} == {by_share[0.4]["share_above"]}


def test_pictures_given_together_are_judged_among_each_other(run, tmp_path, monkeypatch):
    paths = [tmp_path / f"{seed}.png" for seed in range(10)]
    for seed, path in enumerate(paths):
        Image.fromarray(part(seed, defect=seed < 3)).save(path)
    query = ["detect", *paths, "--method", "self", "--json"]
    status, alone, _ = run(*query, "--alone")
    assert status == 0
    _, together, _ = run(*query, "--out", tmp_path / "out")
    assert {row["peers"] for row in alone} == {0}
    assert {row["peers"] for row in together} == {10}
    assert [row["image_score"] for row in together] == [row["image_score"] for row in alone]
    assert {row["verdict"] for row in together[:3]} == {"anomalous"}
    assert len({row["threshold"] for row in together}) == 1 < len({row["threshold"] for row in alone})
    for row in together:
        above = np.load(row["error_map"]) > row["threshold"]
        assert np.array_equal(load_image(row["mask"])[..., 0] == 255, above & (row["verdict"] == "anomalous"))
    monkeypatch.setattr("maeday_core.cli.together.GROUP", 8)
    _, groups, _ = run(*query)
    assert [row["peers"] for row in groups] == [8] * 8 + [10] * 2
    _, few, _ = run("detect", *paths[:7], "--method", "self", "--json")
    assert {row["peers"] for row in few} == {0}


def test_the_most_ordinary_of_the_pictures_serve_as_good_parts(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr(memory_bank, "LIMITS", replace(memory_bank.LIMITS, patches=128))
    (tmp_path / "parts").mkdir()
    for seed in range(8):
        Image.fromarray(part(seed, defect=seed < 5)).save(tmp_path / "parts" / f"{seed}.png")
    query = ["detect", tmp_path / "parts", *model, "--method", "ensemble"]
    status, rows, _ = run(*query, "--out", tmp_path / "out", "--report")
    assert status == 0
    assert [row["peers"] for row in rows] == [8] * 8
    assert {row["verdict"] for row in rows[:5]} == {"anomalous"}
    assert min(row["image_score"] for row in rows[:5]) > max(row["image_score"] for row in rows[5:])
    assert {row["shots"] for row in rows} == {1, 2}  # two are ordinary, and each of them is judged by the other
    page = Path(rows[0]["report"]).read_text()
    assert "rests on 8 photos of one kind" in page
    assert "maeday detect . --method ensemble" in page
    assert all(np.load(row["error_map"]).max() >= row["image_score"] for row in rows)  # that of the second look


def test_a_full_temporary_folder_is_said(run, tmp_path, monkeypatch):
    for seed in range(8):
        Image.fromarray(part(seed)).save(tmp_path / f"{seed}.png")

    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maeday_core.cli.together.tempfile.TemporaryFile", full)
    status, rows, errors = run("detect", tmp_path, "--method", "self")
    assert (status, rows) == (2, [])
    assert "takes no more (No space left on device): free some space, or give --alone" in errors


def test_queries_are_never_touched_and_results_are_no_queries(run, folder, model):
    pictures = folder / "pictures"
    for name in ("a-mask.png", "b-maeday.png"):  # a person's own pictures, named like results
        save_noise(pictures / name, 40, 30, np.random.default_rng(1))
    before = {path: path.read_bytes() for path in pictures.rglob("*.*")}
    for _ in range(2):  # the second run finds the results of the first in the folder
        status, rows, _ = run("detect", pictures, *model, "--out", pictures)
        assert status == 0
        assert {row["path"] for row in rows} == set(map(str, before))
    assert len(list(pictures.glob("*-error-map.npy"))) == len(before)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_without_out_nothing_is_written(run, folder, model, capsys):
    query = folder / "pictures" / "a.png"
    before = sorted(folder.rglob("*"))
    status, rows, _ = run("detect", query, *model)
    assert status == 0
    assert rows[0]["error_map"] is rows[0]["mask"] is None
    assert main(["detect", str(query), *map(str, model[:-1])]) == 0
    shown = capsys.readouterr().out
    assert f"{rows[0]['image_score']:.4f}" in shown
    assert f"  {rows[0]['state']:9}  " in shown
    assert sorted(folder.rglob("*")) == before


def test_a_bad_file_stops_nothing_else(run, folder, model):
    (folder / "pictures" / "aa.jpg").write_text("not a picture")
    status, rows, errors = run("detect", folder / "pictures", *model)
    assert status == 2
    assert len(rows) == 3
    assert len(errors.splitlines()) == 1
    assert "aa.jpg" in errors


def test_a_picture_seen_through_windows_says_so(run, folder, model):
    save_noise(folder / "long.png", 200, 64, np.random.default_rng(0))
    status, rows, errors = run("detect", folder / "long.png", *model, "--tile", "on")
    assert status == 0
    assert rows[0]["windows"] in errors
    assert "windows of 64 px" in errors


@pytest.mark.parametrize("name", METHODS)
def test_every_method_detects_and_draws(run, folder, model, shots, name):
    good = ["--normals", shots[0]] if METHODS[name].shots is Shots.REQUIRED else []
    options = ["--method", name, *good, "--out", folder / "out"]
    status, rows, errors = run("detect", folder / "pictures" / "deep", *model, *options)
    assert status == 0, errors
    assert rows[0].keys() >= KEYS
    assert rows[0]["method"] == name
    reconstructs = name in ("maeday", "ensemble", "ensemble-raw")
    assert rows[0]["masks"] == (2 if reconstructs else None)
    assert (rows[0]["model"] is not None) == reconstructs
    peak = np.load(rows[0]["error_map"]).max()
    assert peak > rows[0]["image_score"] if name == "ensemble" else peak == pytest.approx(rows[0]["image_score"])
    assert load_image(folder / "out" / "a-maeday.png").shape[1] > 800


def test_a_name_that_stands_for_nothing_is_named_and_the_others_go_on(run, folder, model):
    (folder / "empty").mkdir()
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    (folder / "many.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    pictures, others = folder / "pictures", ("missing.png", "empty", "clip.mp4", "many.zip", "x" * 300)
    names = (pictures / "a.png", *(folder / name for name in others), pictures / "b.jpg")
    status, rows, errors = run("detect", *names, *model)
    assert status == 2
    assert [row["path"].rsplit("/", 1)[1] for row in rows] == ["a.png", "b.jpg"]
    missing, empty, long, video, archive = errors.splitlines()
    assert "missing.png" in missing
    assert "The folder empty holds no pictures" in empty
    assert "File name too long" in long
    assert "clip.mp4" in video
    assert "Give a video to `maeday frames`" in video
    assert "Give a zip archive to `maeday frames`" in archive


@pytest.mark.parametrize("stem", ["x" * 250, "部" * 83])
def test_long_names_are_shortened_and_stay_apart(run, folder, model, stem):
    rng = np.random.default_rng(0)
    names = [folder / "long" / f"{stem}{ending}" for ending in (".png", ".bmp")]
    for name in names:
        save_noise(name, 30, 20, rng)
    status, rows, _ = run("detect", *names, *model, "--out", folder / "out")
    assert status == 0
    assert len({row["error_map"] for row in rows} | {row["mask"] for row in rows}) == 4
    assert len(list((folder / "out").iterdir())) == 6


def test_the_lines_say_score_threshold_and_state(folder, capsys):
    path = folder / "pictures" / "a.png"
    assert main(["detect", str(path), "--model", str(folder / "tiny.safetensors"), "--masks", "1"]) == 0
    score, sign, threshold, state, name = capsys.readouterr().out.split()
    assert sign == (">" if float(score) > float(threshold) else "<=")
    assert (state, name) == ("anomalous" if sign == ">" else state, str(path))


def test_a_pipe_can_be_a_picture(run, folder, model):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    picture = folder / "pictures" / "a.png"
    for content, expected in ((picture.read_bytes(), 0), (b"no picture", 2)):
        writer = threading.Thread(target=pipe.write_bytes, args=[content])
        writer.start()
        status, rows, errors = run("detect", pipe, *model)
        writer.join()
        assert (status, len(rows), len(errors.splitlines())) == (expected, expected == 0, expected != 0)
        assert all(row["image_score"] == run("detect", picture, *model)[1][0]["image_score"] for row in rows)
    status, rows, errors = run("detect", picture, *model, "--normals", pipe)
    assert (status, rows) == (2, [])
    assert "is a pipe" in errors


@pytest.mark.parametrize(("error", "expected"), [(MemoryError(), 2), (ZeroDivisionError("by zero"), 1)])
def test_what_fails_for_one_picture_does_not_end_the_run(run, folder, model, monkeypatch, error, expected):
    from maeday_core import methods

    detector = methods.detector

    def sometimes(*arguments):
        detect = detector(*arguments)

        def judge(query):
            if query.shape[:2] == (64, 90):
                raise error
            return detect(query)

        return judge

    monkeypatch.setattr(methods, "detector", sometimes)
    status, rows, errors = run("detect", folder / "pictures", *model)
    assert (status, [row["path"].rsplit("/", 1)[1] for row in rows]) == (expected, ["a.png", "a.bmp"])
    (line,) = errors.splitlines()
    assert "b.jpg: There is not enough memory" in line if expected == 2 else "b.jpg: The program made a mistake" in line


def test_maps_overlays_and_a_data_set_beside_the_arrays(run, tmp_path):
    Image.fromarray(part(1, True)).save(tmp_path / "scratched.png")
    wanted = ["--map-format", "png", "tiff", "--overlays", "--format", "coco", "yolo"]
    for _ in range(2):  # the second run finds the files of the first, and looks at none of them
        status, (row,), _ = run("detect", tmp_path, "--method", "self", "--out", tmp_path, *wanted, "--json")
        assert status == 0
    error_map = np.load(row["error_map"])
    assert np.array_equal(tifffile.imread(row["error_map_tiff"]), error_map)
    levels = cv2.imread(row["error_map_png"], cv2.IMREAD_UNCHANGED)
    assert levels.dtype == np.uint16
    assert levels.max() == 65535
    assert np.abs(levels * row["error_map_step"] - error_map).max() <= row["error_map_step"]
    plain, covered = load_image(row["outlined"]), load_image(row["overlay"])
    assert plain.shape == covered.shape == (*error_map.shape, 3)
    far = error_map < np.quantile(error_map, 0.5)
    assert np.array_equal(plain[far], load_image(tmp_path / "scratched.png")[far])
    assert not np.array_equal(plain, covered)
    dataset = json.loads((tmp_path / "dataset" / "coco.json").read_text())
    boxes = [[box["x"], box["y"], box["width"], box["height"]] for box in row["boxes"]]
    assert [one["bbox"] for one in dataset["annotations"]] == boxes != []
    assert dataset["images"][0]["file_name"] == "scratched.jpg"
    assert len((tmp_path / "dataset" / "labels" / "scratched.txt").read_text().splitlines()) == len(boxes)


def test_what_is_to_be_written_needs_a_place(run, folder, model):
    status, rows, errors = run("detect", folder / "pictures", *model, "--format", "coco")
    assert (status, rows) == (2, [])
    assert "give --out" in errors


def test_what_is_ignored_is_not_found(run, tmp_path):
    Image.fromarray(part(1, True)).save(tmp_path / "scratched.png")
    mask = np.zeros((48, 48), np.uint8)  # of another size than the picture
    mask[21:47, 1:27] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(255 - mask).save(tmp_path / "rest.png")
    query = ["detect", tmp_path / "scratched.png", "--method", "self", "--json", "--out", tmp_path / "out"]
    _, (found,), _ = run(*query)
    _, (ignored,), _ = run(*query, "--ignore", tmp_path / "mask.png")
    _, (interest,), _ = run(*query, "--roi", tmp_path / "rest.png")
    assert (found["verdict"], ignored["verdict"]) == ("anomalous", "normal")
    assert interest["image_score"] == ignored["image_score"]
    assert found["ignored"] is None is not ignored["ignored"]
    error_map = np.load(ignored["error_map"])
    assert error_map[42:94, 2:54].max() == 0 < error_map[:40].min()
    _, (aligned,), _ = run(*query, "--ignore", tmp_path / "mask.png", "--align-ignore", tmp_path / "scratched.png")
    assert aligned["image_score"] == ignored["image_score"]
    status, rows, errors = run(*query, "--align-ignore", tmp_path / "scratched.png")
    assert (status, rows) == (2, [])
    assert "There is no mask to align" in errors


def test_an_adapter_keeps_what_was_ignored(run, folder, shots, model, tmp_path):
    mask = np.zeros((30, 40), np.uint8)
    mask[:, :20] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    learned, options = tmp_path / "good.safetensors", [*model, "--method", "patchcore"]
    assert run("adapt", shots[0], *options, "--ignore", tmp_path / "mask.png", "--out", learned)[0] == 0
    status, (row,), _ = run("detect", shots[0], *options, "--adapter", learned, "--out", tmp_path / "out")
    assert status == 0
    error_map = np.load(row["error_map"])
    assert error_map[:, :20].max() == 0 < error_map[:, 20:].min()


def test_what_an_inspector_said_moves_the_limit_and_joins_the_good_parts(run, tmp_path):
    for name, seed, defect in (("good", 0, False), ("odd", 1, True), ("part", 2, False)):
        Image.fromarray(part(seed, defect)).save(tmp_path / f"{name}.png")
    said = [Correction(sha256(tmp_path / "odd.png"), Label.NORMAL, now()), Correction("0" * 64, Label.DEFECT, now())]
    save_corrections(said, tmp_path / "said.jsonl")
    query = ["detect", tmp_path / "odd.png", "--method", "patchcore", "--normals", tmp_path / "good.png", "--json"]
    _, (plain,), _ = run(*query)
    status, (helped,), errors = run(*query, "--feedback", tmp_path / "said.jsonl")
    assert status == 0
    assert helped["image_score"] < 0.8 * plain["image_score"]
    assert "1 pictures joined the good parts." in errors
    assert "1 of the 2 pictures in" in errors
    query = ["detect", tmp_path / "part.png", "--method", "self", "--json"]
    _, (plain,), _ = run(*query)
    missed = [Correction(sha256(tmp_path / "part.png"), Label.DEFECT, now())]
    save_corrections(missed, tmp_path / "said.jsonl")
    _, (helped,), _ = run(*query, "--feedback", tmp_path / "said.jsonl")
    factor = moved_limit([], [plain["image_score"] / plain["threshold"]]).factor
    assert helped["threshold"] == pytest.approx(factor * plain["threshold"])
    status, rows, errors = run(*query, "--feedback", tmp_path / "part.png")
    assert (status, rows) == (2, [])
    assert "is no file of corrections" in errors
