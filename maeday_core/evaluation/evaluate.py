"""Evaluation over data sets: methods x shots x seeds x categories, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np

from maeday_core.detection.reconstruction import Settings
from maeday_core.errors import DatasetError, SettingsError
from maeday_core.evaluation.datasets import Category, Sample, truth_of
from maeday_core.evaluation.metrics import aupro, auroc, average_precision, f1_max, hit_rate, rank, rank_scores
from maeday_core.io.images import load_image
from maeday_core.io.journal import alone_in, append_rows, mend, read_rows
from maeday_core.methods.base import NEEDS_SHOTS, RECONSTRUCTS
from maeday_core.methods.together import Judge
from maeday_core.model.backbone import LITE0
from maeday_core.model.mae import MaskedAutoencoder

METRICS = ("image_auroc", "image_ap", "f1_max", "pixel_auroc", "pixel_ap", "aupro", "hit_rate")
RESULTS = "results.jsonl"
SCORES = "scores.jsonl"
MAPS = "maps"

Judged = dict[str, dict[str, dict[str, Any]]]
"""Rows of scores by run and picture."""


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is, in images that methods judge together; `seconds_left` at the pace so far."""

    category: str
    method: str
    done: int
    total: int
    seconds_left: float


def evaluate(
    model: MaskedAutoencoder | None,
    categories: Sequence[Category],
    settings: Settings | None = None,
    seeds: Sequence[int] = (0,),
    shots: Sequence[int] = (0,),
    methods: Sequence[str] = ("maeday",),
    *,
    preset: str = "default",
    backbone: str = LITE0,
    raw_sum: bool = False,
    out: Path | None = None,
    keep_maps: bool = False,
    on_image: Callable[[Progress], None] = lambda progress: None,
) -> Iterator[dict[str, Any]]:
    """Evaluate methods: yields a row per shots, category, seed and method, and after all of them the means.

    The methods with the same pictures, shots and seed judge together: what they share is learned and computed once.
    Pixel metrics are computed at each image's own size, over all pixels of a category together. Metrics are per cent,
    None where there is no ground truth or only one class. A mean is over the categories, its deviation over the seeds.

    Args:
        model: None where no method reconstructs.
        seeds: of the masks, the choice of shots (the same for every method) and the adaptation.
        shots: numbers of good parts, drawn from `train/good`. Self-reference is run with none only, PatchCore only with
            some.
        preset: how to fine-tune; a name in `adaptation.PRESETS`.
        backbone, raw_sum: as in `methods.detector`.
        out: where `results.jsonl` and `scores.jsonl` are written as it goes; what is there already is not done again.
        keep_maps: keep every error map there too, float32 `.npy`.
        on_image: receives the progress after each image.
    """
    settings = settings or Settings()
    plan = [(k, method) for k in dict.fromkeys(shots) for method in dict.fromkeys(methods) if _possible(method, k)]
    if not plan:
        raise SettingsError(f"{', '.join(methods)} cannot be run with {', '.join(map(str, shots))} shots.")
    for category in categories:
        if len(category.normals) < max(k for k, _ in plan):
            raise DatasetError(
                f"{category.name} has {len(category.normals)} pictures in train/good, fewer than the {max(shots)} "
                "shots asked for; take fewer, or leave the category out."
            )
    together = [
        [
            _Run(category, method, k, replace(settings, seed=seed), preset, model, backbone, raw_sum)
            for possible, method in plan
            if possible == k
        ]
        for k in dict.fromkeys(k for k, _ in plan)
        for category in categories
        for seed in dict.fromkeys(seeds)
    ]
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maeday-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(alone_in(folder))
        finished, judged = _before(folder, [run.id for runs in together for run in runs])
        clock = _Clock(sum(len(_lacking(runs, judged)) for runs in together), on_image)
        for runs in together:
            learn_seconds = _judge(runs, judged, folder, clock)
            for run in runs:
                if run.id not in finished:
                    row = run.row(judged.pop(run.id), folder / MAPS / run.id, learn_seconds[run.method])
                    append_rows(folder / RESULTS, [row])
                    if not keep_maps:
                        shutil.rmtree(folder / MAPS / run.id)
                    finished[run.id] = row
                yield finished[run.id]
        for k, method in plan:
            alike = [run for runs in together for run in runs if (run.shots, run.method) == (k, method)]
            yield mean_row([finished[run.id] for run in alike])


def _possible(method: str, shots: int) -> bool:
    if method in NEEDS_SHOTS:
        return shots > 0
    return method != "self" or shots == 0


def _before(folder: Path, ids: Sequence[str]) -> tuple[dict[str, dict[str, Any]], Judged]:
    """What was done before: the rows of finished runs, and what the others have judged and still have the maps of."""
    for name in (RESULTS, SCORES):
        mend(folder / name)
    finished = {row["run"]: row for row in read_rows(folder / RESULTS, "run")}
    judged: Judged = {run: {} for run in ids if run not in finished}
    for row in read_rows(folder / SCORES, "run", "map", "path"):
        if row["run"] in judged and (folder / MAPS / row["run"] / row["map"]).is_file():
            judged[row["run"]][row["path"]] = row
    return finished, judged


def mean_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over the categories of rows that differ in category and seed, and its deviation over the seeds."""
    mean = {**rows[0], "category": "mean", "seed": None, "run": None}
    mean["images"] = sum({row["category"]: row["images"] for row in rows}.values())
    for metric in (*METRICS, "f1_threshold", "seconds_per_image", "learn_seconds"):
        seeds: dict[int, list[float]] = {}
        for row in rows:
            if row[metric] is not None:
                seeds.setdefault(row["seed"], []).append(row[metric])
        means = [fmean(values) for values in seeds.values()]
        mean[metric] = fmean(means) if means else None
        if metric in METRICS:
            mean[f"{metric}_std"] = pstdev(means) if len(means) > 1 else None
    return mean


class _Clock:
    """Counts images for the progress."""

    def __init__(self, total: int, report: Callable[[Progress], None]):
        self.done, self.total, self.report = 0, total, report
        self.start = time.perf_counter()

    def tick(self, runs: Sequence[_Run]) -> None:
        self.done += 1
        left = (time.perf_counter() - self.start) / self.done * (self.total - self.done)
        methods = " + ".join(run.method for run in runs)
        self.report(Progress(runs[0].category.name, methods, self.done, self.total, left))


@dataclass(frozen=True)
class _Run:
    """One method on one category with one seed: what a row of results stands for."""

    category: Category
    method: str
    shots: int
    settings: Settings
    preset: str
    model: MaskedAutoencoder | None
    backbone: str
    raw_sum: bool

    @property
    def facts(self) -> dict[str, Any]:
        """All that its numbers depend on."""
        reconstructs = self.method in RECONSTRUCTS
        info = self.model.info if self.model and reconstructs else None
        facts: dict[str, Any] = {"category": self.category.name, "method": self.method, "shots": self.shots}
        facts |= dict.fromkeys(asdict(self.settings)) | {"seed": self.settings.seed, "tile": self.settings.tile}
        facts |= asdict(self.settings) if reconstructs else {}
        facts |= {"model": info.name if info else None, "model_sha256": info.sha256 if info else None}
        facts["preset"] = self.preset if reconstructs and self.shots else None
        facts["backbone"] = None if self.method == "maeday" else self.backbone
        facts["sum"] = ("raw" if self.raw_sum else "evidence") if self.method == "ensemble" else None
        return facts

    @cached_property
    def id(self) -> str:
        """A name that no run of other facts or on other pictures has."""
        pictures = [str(path) for path in (*(s.path for s in self.category.samples), *self.category.normals)]
        return hashlib.sha256(json.dumps([self.facts, pictures]).encode()).hexdigest()[:12]

    @property
    def good(self) -> list[Path]:
        """The good parts it learns from, drawn by its seed."""
        drawn = np.random.default_rng(self.settings.seed).permutation(len(self.category.normals))[: self.shots]
        return [self.category.normals[i] for i in drawn]

    @property
    def judge(self) -> Judge:
        """What judges its pictures, and those of every run that differs in the method only."""
        return Judge(self.model, self.settings, self.good, self.preset, self.backbone, self.raw_sum)

    def row(self, judged: dict[str, dict[str, Any]], maps: Path, learn_seconds: float | None) -> dict[str, Any]:
        """Its row of results: the metrics read off the scores and maps of all images."""
        scored = [judged[str(sample.path)] for sample in self.category.samples]

        def pixels() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for sample, row in zip(self.category.samples, scored, strict=True):
                if sample.mask or not sample.anomalous:
                    error_map = np.load(maps / row["map"])
                    yield truth_of(sample, error_map.shape), error_map

        labels = np.array([sample.anomalous for sample in self.category.samples])
        images = rank_scores(labels, np.array([row["image_score"] for row in scored]))
        truth = rank(pixels) if any(sample.mask for sample in self.category.samples) else None
        best, threshold = f1_max(images)
        return {
            **self.facts,
            "run": self.id,
            "images": len(scored),
            "image_auroc": auroc(images),
            "image_ap": average_precision(images),
            "f1_max": best,
            "f1_threshold": threshold,
            "pixel_auroc": auroc(truth) if truth else None,
            "pixel_ap": average_precision(truth) if truth else None,
            "aupro": aupro(truth) if truth else None,
            "hit_rate": hit_rate(pixels) if truth else None,
            "seconds_per_image": fmean(row["seconds"] for row in scored),
            "learn_seconds": learn_seconds,
        }


def _lacking(runs: Sequence[_Run], judged: Judged) -> list[tuple[int, Sample, list[_Run]]]:
    """The images of a category that some of its runs have not judged, with their place and those runs."""
    lacking = []
    for index, sample in enumerate(runs[0].category.samples):
        waiting = [run for run in runs if run.id in judged and str(sample.path) not in judged[run.id]]
        if waiting:
            lacking.append((index, sample, waiting))
    return lacking


def _judge(runs: Sequence[_Run], judged: Judged, folder: Path, clock: _Clock) -> dict[str, float | None]:
    """Judge the images that were not judged yet, by all runs of the same pictures, shots and seed.

    Returns:
        How long each method took to learn.
    """
    judge = runs[0].judge
    for index, sample, waiting in _lacking(runs, judged):
        image = load_image(sample.path)
        truth_of(sample, image.shape[:2])  # before the work, so that a mask of another size is told at once
        results = judge(image, [run.method for run in waiting])
        rows = []
        for run in waiting:
            result = results[run.method]
            name = f"{index:05}.npy"
            _save(folder / MAPS / run.id / name, result.error_map)
            row = {"run": run.id, "category": run.category.name, "method": run.method, "shots": run.shots}
            row |= {"seed": run.settings.seed, "path": str(sample.path), "defect": sample.defect, "map": name}
            row["mask"] = str(sample.mask) if sample.mask else None
            rows.append(row | {"image_score": result.image_score, "seconds": result.seconds})
            judged[run.id][str(sample.path)] = rows[-1]
        append_rows(folder / SCORES, rows)
        clock.tick(waiting)
    return {run.method: judge.learn_seconds(run.method) for run in runs}


def _save(path: Path, error_map: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / "part"
    with part.open("wb") as file:
        np.save(file, error_map)
    part.replace(path)
