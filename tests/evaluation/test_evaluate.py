"""Evaluation: its numbers are right, methods share their work, and a run that was killed goes on."""

import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from sklearn.metrics import roc_auc_score

from maeday_core.detection.decision import Verdict
from maeday_core.detection.reconstruction import detect
from maeday_core.detection.region import Region
from maeday_core.detection.settings import Settings
from maeday_core.errors import DatasetError, ImageError, SettingsError
from maeday_core.evaluation.category import ground_truth
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan, evaluate
from maeday_core.evaluation.metrics import auroc, rank_scores
from maeday_core.evaluation.records import METRICS, Mean, Result, Score, read
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import load_image
from maeday_core.methods import ENSEMBLE, MAEDAY, METHODS, PATCHCORE, SELF_REFERENCE, Tools, detector, last, memory_bank
from maeday_core.methods.peers import Peers
from maeday_core.methods.second_look import SecondLooks
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT, part
from tests.evaluation.plates import draw_category, save


@pytest.fixture
def dataset(tmp_path):
    for seed, name in enumerate(("bolt", "nut")):
        draw_category(tmp_path / name, good=3, spotted=3, normals=4, seed=seed)
    return tmp_path


@pytest.fixture
def bolt(dataset):
    return find_categories(dataset, ["bolt"])


def tools_with(model, masks=1):
    return Tools.of(model, Settings(masks=masks), preset="calibrate")


def test_results_then_means(tiny_model, dataset):
    plan = Plan(find_categories(dataset), seeds=(0, 1))
    results = list(evaluate(plan, tools_with(tiny_model, 4), dataset / "out"))
    found = [(result.category, result.made_by.seed) for result in results]
    assert found == [("bolt", 0), ("bolt", 1), ("nut", 0), ("nut", 1), ("mean", None)]
    assert len(read(dataset / "out" / "scores.jsonl", Score)) == 24
    assert read(dataset / "out" / "results.jsonl", Result) == results[:-1]
    assert [result.images for result in results] == [6, 6, 6, 6, 12]
    assert not list((dataset / "out" / "maps").iterdir())
    *rows, mean = results
    assert isinstance(mean, Mean)
    for metric in METRICS:
        values = np.array([getattr(row.metrics, metric) for row in rows]).reshape(2, 2)  # categories x seeds
        assert getattr(mean.metrics, metric) == pytest.approx(values.mean())
        assert getattr(mean.deviations, metric) == pytest.approx(values.mean(axis=0).std())


def test_the_numbers_are_those_of_the_detections(tiny_model, bolt):
    result = next(evaluate(Plan(bolt), tools_with(tiny_model, 4)))
    samples = bolt[0].samples
    found = [detect(tiny_model, load_image(sample.path), Settings(masks=4)) for sample in samples]
    labels = np.array([sample.anomalous for sample in samples])
    truth = np.array([ground_truth(sample, (40, 56)) for sample in samples])
    assert result.metrics.image_auroc == auroc(rank_scores(labels, np.array([one.image_score for one in found])))
    pixels = roc_auc_score(truth.ravel(), np.array([one.error_map for one in found]).ravel())
    assert result.metrics.pixel_auroc == pytest.approx(100 * pixels, abs=1e-6)
    above = np.array([one.image_score > one.threshold.value for one in found])
    assert result.metrics.hits == pytest.approx(100 * above[labels].mean())
    assert result.metrics.false_alarms == pytest.approx(100 * above[~labels].mean())
    looks = np.array([one.verdict is Verdict.LOOK for one in found])
    assert result.metrics.defective_looks == pytest.approx(100 * looks[labels].mean())
    assert result.metrics.good_looks == pytest.approx(100 * looks[~labels].mean())


def test_shots_are_drawn_by_seed_and_learned_from(tiny_model, bolt):
    plan = Plan(bolt, shots=(2,), seeds=(0, 1))
    results = list(evaluate(plan, tools_with(tiny_model)))
    assert [(result.made_by.shots, result.made_by.preset) for result in results] == [(2, "calibrate")] * 3
    assert results[0].metrics.f1_threshold != results[1].metrics.f1_threshold
    assert [r.metrics for r in evaluate(plan, tools_with(tiny_model))] == [r.metrics for r in results]
    drawn = [run.good for runs in plan.runs(tools_with(tiny_model)) for run in runs]
    assert all(len(set(paths)) == 2 for paths in drawn)
    assert drawn[0] != drawn[1]


def test_too_few_good_parts_are_refused(bolt):
    with pytest.raises(DatasetError, match="bolt has 4 pictures in train/good, fewer than the 5 shots"):
        Plan(bolt, shots=(0, 5))
    assert Plan(bolt, methods=(SELF_REFERENCE,), shots=(0, 5)).methods_with(5) == []


def test_no_good_pictures_give_no_image_metrics(tiny_model, dataset):
    shutil.rmtree(dataset / "bolt" / "test" / "good")
    metrics = next(evaluate(Plan(find_categories(dataset, ["bolt"])), tools_with(tiny_model))).metrics
    assert metrics.image_auroc is metrics.balanced_accuracy is None
    assert metrics.pixel_auroc is not None


def test_no_ground_truth_gives_no_pixel_metrics(tiny_model, dataset):
    shutil.rmtree(dataset / "bolt" / "ground_truth")
    metrics = next(evaluate(Plan(find_categories(dataset, ["bolt"])), tools_with(tiny_model))).metrics
    assert metrics.image_auroc is not None
    assert metrics.pixel_auroc is metrics.aupro is metrics.outline_f1 is None


def test_a_mask_of_another_size_is_refused(tiny_model, dataset):
    save(dataset / "bolt" / "ground_truth" / "spot" / "1_mask.png", np.full((48, 60), 255, np.uint8))
    with pytest.raises(DatasetError, match="must agree"):
        list(evaluate(Plan(find_categories(dataset, ["bolt"])), tools_with(tiny_model)))


def test_methods_are_run_with_the_shots_they_can_use(tiny_model, bolt):
    plan = Plan(bolt, (MAEDAY, SELF_REFERENCE, PATCHCORE), shots=(0, 1))
    results = list(evaluate(plan, tools_with(tiny_model)))
    expected = [("maeday", 0), ("self", 0), ("maeday", 1), ("patchcore", 1)]
    assert [(r.made_by.method, r.made_by.shots) for r in results if r.category == "bolt"] == expected
    assert [(r.made_by.method, r.made_by.shots) for r in results if r.category == "mean"] == expected
    with pytest.raises(SettingsError, match="patchcore cannot be run with 0 shots"):
        Plan(bolt, (PATCHCORE,))


class Stopped(Exception):
    pass


def stopping_after(count):
    def on_image(image):
        if image.done == count:
            raise Stopped

    return on_image


def evaluate_in(out, plan, tools, **options):
    return list(evaluate(plan, tools, out, **options))


def test_a_run_that_was_stopped_goes_on_with_the_next_picture(tiny_model, dataset):
    plan, tools, out = Plan(find_categories(dataset)), tools_with(tiny_model), dataset / "out"
    for _ in range(3):
        with pytest.raises(Stopped):
            evaluate_in(out, plan, tools, on_image=stopping_after(3))
    with (out / "scores.jsonl").open("a") as file:
        file.write('{"run": "cut off in the mid')
    resumed = evaluate_in(out, plan, tools)
    assert [result.metrics for result in resumed] == [result.metrics for result in evaluate(plan, tools)]
    scores = read(out / "scores.jsonl", Score)
    assert len({(score.run, score.path) for score in scores}) == len(scores) == 12


def test_what_is_finished_is_not_computed_again(tiny_model, bolt, tmp_path):
    first = evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model))
    assert evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model), on_image=stopping_after(1)) == first
    assert len(read(tmp_path / "results.jsonl", Result)) == 1


def test_other_settings_are_other_runs_in_the_same_folder(tiny_model, bolt, tmp_path):
    evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model, 1))
    evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model, 2), keep_maps=True)
    first, second = read(tmp_path / "results.jsonl", Result)
    assert (first.made_by.masks, second.made_by.masks) == (1, 2)
    maps = sorted((tmp_path / "maps").glob("*/*.npy"))
    assert [path.parent.name for path in maps] == [second.run] * 6
    assert np.load(maps[0]).shape == (40, 56)


def test_a_second_run_in_the_same_folder_is_refused(tiny_model, bolt, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(DatasetError, match="Another run is writing"):
        evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model))


def test_a_file_that_is_no_result_is_refused(tiny_model, bolt, tmp_path):
    (tmp_path / "results.jsonl").write_text("notes\n")
    with pytest.raises(DatasetError, match="another folder"):
        evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model))


def untimed(record):
    return {key: value for key, value in record.record().items() if "seconds" not in key}


def test_methods_that_judge_together_have_the_results_of_each_alone(tiny_model, tmp_path):
    draw_category(tmp_path / "plate", good=1, spotted=1, normals=1)
    plate = find_categories(tmp_path / "plate")
    tools, together, alone = tools_with(tiny_model, 2), tmp_path / "together", tmp_path / "alone"
    methods = tuple(METHODS.values())
    results = evaluate_in(together, Plan(plate, methods, (0, 1)), tools, keep_maps=True)
    assert all(result.learn_seconds for result in results if result.made_by.shots)
    for method in methods:
        evaluate_in(alone, Plan(plate, (method,), (0, 1)), tools, keep_maps=True)
    for name, kind in (("results.jsonl", Result), ("scores.jsonl", Score)):
        ours, theirs = ([untimed(record) for record in read(folder / name, kind)] for folder in (together, alone))
        assert sorted(ours, key=str) == sorted(theirs, key=str)
    maps = list((alone / "maps").glob("*/*.npy"))
    assert len(maps) == 2 * sum(method.shots.allow(shots) for method in methods for shots in (0, 1))
    for path in maps:
        assert (np.load(path) == np.load(together / path.relative_to(alone))).all()


def test_a_method_that_joins_later_is_judged_alone(tiny_model, bolt, tmp_path):
    """What is there is not computed again, and the rest is judged together."""
    evaluate_in(tmp_path, Plan(bolt), tools_with(tiny_model))
    done = []
    methods = (MAEDAY, SELF_REFERENCE, ENSEMBLE)
    evaluate_in(tmp_path, Plan(bolt, methods), tools_with(tiny_model), on_image=done.append)
    titles = [f"{SELF_REFERENCE.title} + {ENSEMBLE.title}"] * 6 + [ENSEMBLE.title] * 6  # which judges them together
    assert [(image.methods, image.done, image.total) for image in done] == [(t, i, 12) for i, t in enumerate(titles, 1)]
    scores = read(tmp_path / "scores.jsonl", Score)
    assert len({(score.run, score.path) for score in scores}) == len(scores) == 18


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_numbers(tiny_model, dataset, tmp_path):
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    out, alone = tmp_path / "killed", tmp_path / "alone"
    command = [sys.executable, "-m", "maeday_core", "evaluate", dataset, "--model", tmp_path / "tiny.safetensors"]
    command += ["--masks", "2", "--seeds", *map(str, range(4)), "--method", "maeday", "ensemble", "--json"]
    subprocess.run([*command, "--out", alone], cwd=ROOT, check=True, capture_output=True)
    rng = np.random.default_rng()
    for end in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen([*command, "--out", out], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.read(int(rng.integers(1, 800)))  # it is at work
        process.send_signal(end)
        process.communicate()
    subprocess.run([*command, "--out", out], cwd=ROOT, check=True, capture_output=True)
    ours, theirs = (read(folder / "results.jsonl", Result) for folder in (out, alone))
    assert len(ours) == 16
    assert [result.metrics for result in ours] == [result.metrics for result in theirs]
    scores = read(out / "scores.jsonl", Score)
    assert len({(score.run, score.path) for score in scores}) == len(scores) == 96
    assert files_of(out) == files_of(alone)


def files_of(out):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


@pytest.mark.parametrize("changed", ["test/good/0.png", "ground_truth/spot/1_mask.png", "train/good/2.png"])
def test_what_changed_under_its_name_is_evaluated_anew_in_place_of_the_old_result(tiny_model, dataset, changed):
    out, plan = dataset / "out", Plan(find_categories(dataset), shots=(4,), seeds=(0,))
    tools = tools_with(tiny_model)
    old, other, _ = evaluate_in(out, plan, tools, keep_maps=True)
    path = dataset / "bolt" / changed
    if "mask" in changed:
        save(path, 255 - np.asarray(Image.open(path)))
    else:
        shutil.copy(dataset / "nut" / "test" / "spot" / "0.png", path)
    done = []
    new, same, _ = evaluate_in(out, plan, tools, keep_maps=True, on_image=done.append)
    assert len(done) == 6
    assert same == other
    assert new.metrics != old.metrics
    assert new.metrics == next(evaluate(plan, tools)).metrics
    assert sorted(read(out / "results.jsonl", Result), key=str) == sorted([new, other], key=str)
    assert {score.run for score in read(out / "scores.jsonl", Score)} == {new.run, other.run}
    evaluate_in(out, plan, tools, keep_maps=True, on_image=stopping_after(1))
    assert {path.parent.name for path in (out / "maps").glob("*/*.npy")} == {new.run, other.run}


def test_a_copied_data_set_is_not_evaluated_again(tiny_model, dataset):
    out, tools = dataset / "out", tools_with(tiny_model)
    with pytest.raises(Stopped):
        evaluate_in(out, Plan(find_categories(dataset / "bolt")), tools, on_image=stopping_after(4))
    (dataset / "moved").mkdir()
    shutil.copytree(dataset / "bolt", dataset / "moved" / "bolt")
    shutil.rmtree(dataset / "bolt")
    plan, done = Plan(find_categories(dataset / "moved", ["bolt"])), []
    evaluate_in(out, plan, tools, on_image=done.append)
    assert len(done) == 2
    evaluate_in(out, plan, tools, on_image=stopping_after(1))


def test_what_a_killed_run_left_behind_is_removed(tiny_model, dataset):
    out, tools, plan = dataset / "out", tools_with(tiny_model), Plan(find_categories(dataset), seeds=(0, 1))
    with pytest.raises(Stopped):
        evaluate_in(out, plan, tools, on_image=stopping_after(8))
    (started,) = (out / "maps").iterdir()
    done = next(result.run for result in read(out / "results.jsonl", Result))
    for name in (
        f"{started.name}/.{'a' * 32}.npy",
        f"{started.name}/00002.npy",
        f"{done}/00005.npy",
        f"{'0' * 12}/.{'b' * 32}.npy",
    ):
        (out / "maps" / name).parent.mkdir(exist_ok=True)
        (out / "maps" / name).write_bytes(b"half a map")
    (out / f".{'c' * 32}.jsonl").write_bytes(b"half")
    evaluate_in(out, plan, tools)
    assert [name for name in files_of(out) if name != ".lock"] == ["results.jsonl", "scores.jsonl"]
    assert len(read(out / "results.jsonl", Result)) == 4


def test_a_picture_that_cannot_be_read_is_named_before_the_work(tiny_model, dataset, bolt):
    (dataset / "bolt" / "test" / "spot" / "2.png").unlink()
    with pytest.raises(ImageError, match=r"2\.png cannot be read \(No such file or directory\)"):
        evaluate_in(dataset / "out", Plan(bolt), tools_with(tiny_model), on_image=stopping_after(1))


def test_without_good_parts_pictures_are_judged_among_each_other_as_detect_does(tiny_model, tmp_path):
    for seed in range(12):
        kind = "spot" if seed < 4 else "good"
        save(tmp_path / "plate" / "test" / kind / f"{seed}.png", part(seed, seed < 4))
    (plate,) = find_categories(tmp_path)
    (result, _) = evaluate(Plan([plate], [SELF_REFERENCE]), tools_with(tiny_model), tmp_path / "out")
    scores = read(tmp_path / "out" / "scores.jsonl", Score)
    looks = [appearance(load_image(score.path)) for score in scores]
    peers = Peers().with_more([score.image_score for score in scores], looks)
    for score, look in zip(scores, looks, strict=True):
        alone = last(detector(SELF_REFERENCE, tools_with(tiny_model))(load_image(score.path))).threshold
        expected = peers.threshold(look, alone)
        assert expected.ordinary.peers == 12
        assert (score.threshold, score.look) == pytest.approx((expected.value, expected.look))
        assert score.alone == alone.value != score.threshold
    flagged = np.array([score.image_score > score.threshold for score in scores])
    spotted = np.array([score.defect != "good" for score in scores])
    assert result.metrics.hits == pytest.approx(100 * flagged[spotted].mean())
    assert result.metrics.false_alarms == pytest.approx(100 * flagged[~spotted].mean())


def test_the_ensembles_verdicts_are_of_its_second_look_and_its_ranking_of_the_first(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(memory_bank, "LIMITS", replace(memory_bank.LIMITS, patches=128))
    for seed in range(8):
        kind = "spot" if seed < 5 else "good"
        save(tmp_path / "plate" / "test" / kind / f"{seed}.png", part(seed, seed < 5))
    (plate,), tools, out = find_categories(tmp_path), tools_with(tiny_model), tmp_path / "out"
    (result, _) = evaluate(Plan([plate], [ENSEMBLE]), tools, out, keep_maps=True)
    scores = read(out / "scores.jsonl", Score)
    photos = [load_image(score.path) for score in scores]
    peers = Peers().with_more([score.image_score for score in scores], [appearance(photo) for photo in photos])
    looks = SecondLooks(ENSEMBLE, tools).of(peers, photos.__getitem__, [""] * 8)
    again, _ = looks[0](photos[0])
    assert (scores[0].judged_score, scores[0].threshold) == pytest.approx((again.image_score, again.threshold.value))
    assert np.allclose(np.load(out / "maps" / result.run / scores[0].judged_map), again.error_map)
    spotted = np.array([score.defect != "good" for score in scores])
    assert result.metrics.image_auroc == 100 * roc_auc_score(spotted, [score.image_score for score in scores])
    flagged = np.array([score.judged_score > score.threshold for score in scores])
    assert result.metrics.hits == pytest.approx(100 * flagged[spotted].mean())
    assert flagged[spotted].all()


def test_what_is_ignored_counts_in_no_metric(tiny_model, bolt):
    whole, right = (Region.of(mask) for mask in (np.zeros((1, 1), bool), np.array([[False, True]])))
    plain, same, half = (
        next(iter(evaluate(Plan(bolt), replace(tools_with(tiny_model, 2), region=region))))
        for region in (None, whole, right)
    )
    assert same.metrics == plain.metrics
    assert same.run != plain.run != half.run
    assert half.metrics.f1_threshold != plain.metrics.f1_threshold
    scores, truths = [], []
    judge = detector(MAEDAY, replace(tools_with(tiny_model, 2), region=right))
    for sample in bolt[0].samples:
        picture = load_image(sample.path)
        scores.append(last(judge(picture)).error_map[:, :28].ravel())
        truths.append(ground_truth(sample, picture.shape[:2])[:, :28].ravel())
    expected = roc_auc_score(np.concatenate(truths), np.concatenate(scores))
    assert half.metrics.pixel_auroc == pytest.approx(100 * expected)
