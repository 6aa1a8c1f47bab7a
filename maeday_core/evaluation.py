"""Evaluation over data sets: methods x shots x seeds x categories, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from maeday_core.datasets import Category, truth_of
from maeday_core.detector import Settings
from maeday_core.embeddings import LITE0
from maeday_core.errors import DatasetError, SettingsError
from maeday_core.images import load_image
from maeday_core.methods import NEEDS_SHOTS, RECONSTRUCTS, Detect, Reference, detector, learn
from maeday_core.metrics import aupro, auroc, average_precision, f1_max, rank, rank_scores
from maeday_core.model import MaskedAutoencoder

METRICS = ("image_auroc", "image_ap", "f1_max", "pixel_auroc", "pixel_ap", "aupro")
RESULTS = "results.jsonl"
SCORES = "scores.jsonl"
MAPS = "maps"


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is; `seconds_left` at the pace so far."""

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
    """Evaluate methods: yields a row per method, shots, category and seed, and after them the mean of each.

    Pixel metrics are computed at each image's own size, over all pixels of a category together. Metrics are per cent,
    None where there is no ground truth or only one class. The mean is over the categories, its
    deviation over the seeds.

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
    plan = [(method, k) for k in shots for method in methods if _possible(method, k)]
    if not plan:
        raise SettingsError(f"{', '.join(methods)} cannot be run with {', '.join(map(str, shots))} shots.")
    for category in categories:
        if len(category.normals) < max(k for _, k in plan):
            raise DatasetError(
                f"{category.name} has {len(category.normals)} pictures in train/good, fewer than the {max(shots)} "
                "shots asked for; take fewer, or leave the category out."
            )
    runs = [
        _Run(category, method, k, replace(settings, seed=seed), preset, model, backbone, raw_sum)
        for method, k in plan
        for category in categories
        for seed in seeds
    ]
    with contextlib.ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maeday-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_alone_in(folder))
        for name in (RESULTS, SCORES):
            mend(folder / name)
        finished = {row["run"]: row for row in read_rows(folder / RESULTS, "run")}
        judged: dict[str, dict[str, dict[str, Any]]] = {}
        for row in read_rows(folder / SCORES, "run", "map", "path"):
            if (folder / MAPS / row["run"] / row["map"]).is_file():
                judged.setdefault(row["run"], {})[row["path"]] = row
        ahead = [run for run in runs if run.id not in finished]
        clock = _Clock(sum(len(run.category.samples) - len(judged.get(run.id, ())) for run in ahead), on_image)
        rows: list[dict[str, Any]] = []
        for index, run in enumerate(runs):
            if run.id not in finished:
                finished[run.id] = run.evaluate(folder, judged.get(run.id, {}), clock)
                append_row(folder / RESULTS, finished[run.id])
                if not keep_maps:
                    shutil.rmtree(folder / MAPS / run.id)
            rows.append(finished[run.id])
            yield finished[run.id]
            last = index + 1 == len(runs) or (runs[index + 1].method, runs[index + 1].shots) != (run.method, run.shots)
            if last:
                yield mean_row(rows)
                rows = []


def _possible(method: str, shots: int) -> bool:
    if method in NEEDS_SHOTS:
        return shots > 0
    return method != "self" or shots == 0


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


def read_rows(path: Path, *keys: str) -> list[dict[str, Any]]:
    """The whole rows of a JSON Lines file, none if there is no file.

    Raises:
        DatasetError: it is not one, or a row lacks one of `keys`.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    try:
        rows = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        if not all(isinstance(row, dict) and row.keys() >= set(keys) for row in rows):
            raise ValueError(keys)
    except ValueError as error:
        raise DatasetError(f"{path} is not what an evaluation writes; give another folder for the results.") from error
    return rows


def mend(path: Path) -> None:
    """Remove a last line that was cut off, so that the next one can be written after it."""
    if path.exists():
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise DatasetError(
            f"Another evaluation is writing to {folder}; wait for it, or give another folder."
        ) from error


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Write one row at the end of a JSON Lines file, at once."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


class _Clock:
    """Counts images for the progress."""

    def __init__(self, total: int, report: Callable[[Progress], None]):
        self.done, self.total, self.report = 0, total, report
        self.start = time.perf_counter()

    def tick(self, run: _Run) -> None:
        self.done += 1
        pace = (time.perf_counter() - self.start) / self.done
        self.report(Progress(run.category.name, run.method, self.done, self.total, pace * (self.total - self.done)))


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
        facts |= asdict(self.settings) if reconstructs else {"masks": None, "seed": self.settings.seed}
        facts |= {"model": info.name if info else None, "model_sha256": info.sha256 if info else None}
        facts["preset"] = self.preset if reconstructs and self.shots else None
        facts["backbone"] = None if self.method == "maeday" else self.backbone
        facts["sum"] = ("raw" if self.raw_sum else "evidence") if self.method == "ensemble" else None
        return facts

    @property
    def id(self) -> str:
        """A name that no run of other facts or on other pictures has."""
        pictures = [str(path) for path in (*(s.path for s in self.category.samples), *self.category.normals)]
        return hashlib.sha256(json.dumps([self.facts, pictures]).encode()).hexdigest()[:12]

    def learn(self) -> Detect:
        reference, seed = Reference(), self.settings.seed
        if self.shots:
            drawn = np.random.default_rng(seed).permutation(len(self.category.normals))[: self.shots]
            good = (load_image(self.category.normals[i]) for i in drawn)
            reference = learn(self.method, self.model, self.backbone, good, self.preset, seed, settings=self.settings)
        return detector(self.method, self.model, self.backbone, self.settings, reference, raw_sum=self.raw_sum)

    def evaluate(self, folder: Path, judged: dict[str, dict[str, Any]], clock: _Clock) -> dict[str, Any]:
        """Judge the images that were not judged yet, then read the metrics off all of them."""
        judge: Detect | None = None
        run, learn_seconds = self.id, None
        maps = folder / MAPS / run
        maps.mkdir(parents=True, exist_ok=True)
        for index, sample in enumerate(self.category.samples):
            if str(sample.path) in judged:
                continue
            if judge is None:
                start = time.perf_counter()
                judge = self.learn()
                learn_seconds = time.perf_counter() - start if self.shots else None
            image = load_image(sample.path)
            truth_of(sample, image.shape[:2])  # before the work, so that a mask of another size is told at once
            *_, result = judge(image)
            name = f"{index:05}.npy"
            with (maps / "part").open("wb") as file:
                np.save(file, result.error_map)
            (maps / "part").replace(maps / name)
            row = {"run": run, "category": self.category.name, "method": self.method, "shots": self.shots}
            row |= {"seed": self.settings.seed, "path": str(sample.path), "defect": sample.defect, "map": name}
            row["mask"] = str(sample.mask) if sample.mask else None
            judged[str(sample.path)] = row | {"image_score": result.image_score, "seconds": result.seconds}
            append_row(folder / SCORES, judged[str(sample.path)])
            clock.tick(self)
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
            "run": run,
            "images": len(scored),
            "image_auroc": auroc(images),
            "image_ap": average_precision(images),
            "f1_max": best,
            "f1_threshold": threshold,
            "pixel_auroc": auroc(truth) if truth else None,
            "pixel_ap": average_precision(truth) if truth else None,
            "aupro": aupro(truth) if truth else None,
            "seconds_per_image": fmean(row["seconds"] for row in scored),
            "learn_seconds": learn_seconds,
        }
