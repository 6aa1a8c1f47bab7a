"""What the commands do: they take the parsed options, print as they go, and return the exit status.

With `--json`, standard output carries one JSON object a line and nothing else; everything else goes to standard error.
"""

from __future__ import annotations

import json
import math
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np
import torch

from maeday_core.detection.reconstruction import Settings
from maeday_core.errors import ImageError, SettingsError
from maeday_core.fewshot.doubts import doubt_of_query
from maeday_core.fewshot.fine_tuning import Step
from maeday_core.io.images import find_images, load_image
from maeday_core.methods.base import RECONSTRUCTS, Reference, default_backbone, detector, learn, load_reference
from maeday_core.model.load import load_model
from maeday_core.model.mae import MaskedAutoencoder
from maeday_core.pretraining.corpus import build_corpus, load_corpus


def _settings(options: Namespace, seed: int) -> Settings:
    return Settings(
        options.masks,
        options.mask_ratio,
        seed,
        options.sampling,
        options.patches,
        options.error_space,
        getattr(options, "tile", Settings.tile),
    )


def _reference(model: MaskedAutoencoder | None, options: Namespace, settings: Settings) -> Reference:
    if options.adapter:
        return load_reference(options.adapter)
    return _learn(model, options.normals, options, settings) if options.normals else Reference()


def _model(options: Namespace) -> MaskedAutoencoder | None:
    return load_model(options.model) if options.method in RECONSTRUCTS else None


def _backbone(options: Namespace) -> str:
    return options.backbone or default_backbone(options.model)


def detect(options: Namespace) -> int:
    from maeday_core.drawing.pictures import save_figure

    settings = _settings(options, options.seed)
    paths = find_images(options.queries)
    model = _model(options)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        own = options.out.resolve()  # the figures of an earlier run are no queries
        paths = [p for p in paths if not (p.name.endswith("-maeday.png") and p.resolve().parent == own)]
    reference = _reference(model, options, settings)
    judge = detector(options.method, model, _backbone(options), settings, reference, raw_sum=options.raw_sum)
    names: set[str] = set()
    failed = 0
    for path in paths:
        try:
            query = load_image(path)
        except ImageError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        *_, result = judge(query)
        if reference.adapter and (doubt := doubt_of_query(query, reference.adapter.appearances)):
            print(f"warning: {path}: {doubt}", file=sys.stderr)
        if "tiles" in result.settings:
            print(f"{path}: seen through {result.settings['tiles']}", file=sys.stderr)
        map_path = None
        if options.out:
            stem = _unique(path.stem, names)
            map_path = options.out / f"{stem}-error-map.npy"
            np.save(map_path, result.error_map)
            save_figure(query, result, result.first_threshold, options.out / f"{stem}-maeday.png")
        if options.json:
            row = {"path": str(path), "image_score": result.image_score, "seconds": round(result.seconds, 4)}
            row |= {"masks": None, "mask_ratio": None, "sampling": None, **result.settings}
            row |= {"model": options.model if model else None, "threshold": result.first_threshold}
            _print_json({**row, "error_map": str(map_path) if map_path else None})
        else:
            print(f"{result.image_score:8.4f}  {path}", flush=True)
    return 2 if failed else 0


def _learn(model: MaskedAutoencoder | None, paths: Sequence[str], options: Namespace, settings: Settings) -> Reference:
    def on_step(step: Step) -> None:
        if sys.stderr.isatty() or step.step % 10 == 0 or step.step == step.steps:
            line = f"step {step.step} of {step.steps}, loss {step.loss:.4f}, {step.seconds_left:.0f} s left"
            print(line, file=sys.stderr, flush=True)

    shots = (load_image(path) for path in find_images(paths))
    steps = getattr(options, "steps", None)
    reference = learn(
        options.method, model, _backbone(options), shots, options.preset, options.seed, steps, settings, on_step
    )
    for doubt in reference.adapter.doubts if reference.adapter else ():
        print(f"warning: {doubt}", file=sys.stderr)
    return reference


def adapt(options: Namespace) -> int:
    if options.out.suffix != ".safetensors":
        raise SettingsError(
            f"Adapters are written as safetensors: give a file name with that ending, not {options.out}."
        )
    model = _model(options)
    start = time.perf_counter()
    reference = _learn(model, options.shots, options, _settings(options, options.seed))
    seconds = time.perf_counter() - start
    options.out.parent.mkdir(parents=True, exist_ok=True)
    reference.save(options.out)
    row: dict[str, Any] = {"path": str(options.out), "method": options.method, "seed": options.seed}
    row |= {"seconds": round(seconds, 2)}
    told = f"wrote {options.out} in {seconds:.1f} s"
    if adapter := reference.adapter:
        row |= {"model": options.model, "preset": adapter.preset, "steps": adapter.steps, "doubts": adapter.doubts}
        row |= {"loss": adapter.losses[-1] if adapter.losses else None, "shots": adapter.calibration.shots}
        row |= {"threshold": adapter.calibration.threshold}
        told += f": {adapter.steps} steps, threshold {row['threshold']:.2f}"
    for bank in reference.banks[:1]:
        row |= {"backbone": bank.backbone, "patches": len(bank.features), "shots": bank.shots}
        row |= {"distance_threshold": bank.threshold}
        told += f", {len(bank.features)} patches, distance threshold {bank.threshold:.2f}"
    if options.json:
        _print_json(row)
    else:
        print(told)
    return 0


def frames(options: Namespace) -> int:
    from maeday_core.frames import run as frames
    from maeday_core.frames.report import found_in, reason, write_pictures, write_report
    from maeday_core.frames.sources import LeftOut, count_frames

    if options.threshold is not None and not 0 <= options.threshold < math.inf:
        raise SettingsError(f"The threshold is {options.threshold:g}; give 0 or more.")
    settings = _settings(options, options.seed)
    ignore = frames.load_ignore(options.ignore) if options.ignore else None
    total = count_frames(options.sources, options.every, frames.results_in(options.out))
    model = _model(options)
    reference = _reference(model, options, settings)
    judge = detector(options.method, model, _backbone(options), settings, reference, raw_sum=options.raw_sum)
    asked = ("sources", "method", "model", "backbone", "raw_sum", "preset", "normals", "adapter")
    kept = {name: str(getattr(options, name)) for name in asked} | {"settings": asdict(settings)}
    looked: list[frames.Looked] = []
    left_out: list[LeftOut] = []
    options.out.mkdir(parents=True, exist_ok=True)
    show_all = sys.stderr.isatty()
    for found in frames.look(options.sources, judge, options.out, options.every, kept, keep_maps=options.keep_maps):
        if not looked and not left_out:
            frames.write_rows(options.out, ())
        if isinstance(found, LeftOut):
            print(
                ("\n" if show_all and looked else "") + f"error: {frames.printable(found.path)}: "
                f"{frames.printable(found.reason)}",
                file=sys.stderr,
            )
            left_out.append(found)
            continue
        looked.append(found)
        one = frames.judge_so_far(looked, options.out, options.threshold, options.least_area, ignore)
        frames.append_row(options.out, one)
        if not options.json:
            print(f"{one.image_score:8.4f}  {one.verdict:9}  {found.name}", flush=True)
        left = fmean(one.seconds for one in looked) * max(total - len(looked), 0)
        if show_all or len(looked) % 10 == 0:
            line = f"{len(looked)} of {total} frames, {left / 60:.0f} min left"
            print(f"\r{line}   " if show_all else line, end="" if show_all else "\n", file=sys.stderr, flush=True)
    usual = frames.normal(looked, options.out, ignore)
    judged = list(frames.judge(looked, options.out, usual, options.threshold, options.least_area, ignore))
    frames.write_rows(options.out, judged)
    frames.write_left_out(options.out, left_out)
    write_pictures(options.out, judged, usual, ignore)
    report = write_report(options.out, judged, usual, left_out, ignore)
    anomalous = sum(one.verdict == "anomalous" for one in judged)
    because = reason(usual, judged[0].threshold if judged else usual.threshold)
    print(f"\n{found_in(anomalous, len(judged))}. {because} See {report}.", file=sys.stderr)
    for one in judged if options.json else ():  # last: whoever reads them may stop early
        _print_json(one.row)
    return 0 if judged else 2


def evaluate(options: Namespace) -> int:
    from maeday_core.evaluation import evaluate as evaluation
    from maeday_core.evaluation.datasets import find_categories

    settings = _settings(options, options.seeds[0])
    categories = find_categories(options.root, options.category)
    for sentence in [sentence for category in categories for sentence in category.lacks]:
        print(f"warning: {sentence}", file=sys.stderr)
    needed = options.repetitions or set(options.method) & set(RECONSTRUCTS)
    model = load_model(options.model) if needed else None

    def on_image(now: evaluation.Progress) -> None:
        left = f"{now.seconds_left / 60:.0f} min left"
        line = f"\r{now.category}, {now.method}: {now.done} of {now.total} images, {left}   "
        print(line, end="\n" if now.done == now.total else "", file=sys.stderr, flush=True)

    if options.repetitions and model:
        return _repetitions(options, model, categories, settings)
    if not options.json:
        titles = "".join(f"{title:>16}" for title in COLUMNS.values())
        print(f"{'category':20} {'method':12} shots seed images{titles}", flush=True)
    for row in evaluation.evaluate(
        model,
        categories,
        settings,
        options.seeds,
        options.shots,
        options.method,
        preset=options.preset,
        backbone=_backbone(options),
        raw_sum=options.raw_sum,
        out=options.out,
        keep_maps=options.keep_maps,
        on_image=on_image,
    ):
        if options.json:
            _print_json(row)
        else:
            cells = "".join(f"{_cell(row, metric):>16}" for metric in COLUMNS)
            seed = "" if row["seed"] is None else row["seed"]
            print(
                f"{row['category']:20} {row['method']:12} {row['shots']:5} {seed:>4} {row['images']:6}{cells}",
                flush=True,
            )
    return 0


def _repetitions(options: Namespace, model: MaskedAutoencoder, categories: Sequence[Any], settings: Settings) -> int:
    from maeday_core.evaluation.repetitions import repetitions

    def on_image(category: str, sampling: str, done: int, total: int) -> None:
        line = f"\r{category}, {sampling}: {done} of {total} images   "
        print(line, end="\n" if done == total else "", file=sys.stderr, flush=True)

    for row in repetitions(model, categories, settings, options.seeds, options.out, on_image):
        if options.json:
            _print_json(row)
        else:
            cells = "".join(f"{_cell(row, metric):>16}" for metric in ("image_auroc", "pixel_auroc"))
            print(f"{row['category']:20} {row['sampling']:10} {row['seed']:4} {row['masks']:4}{cells}", flush=True)
    return 0


COLUMNS = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
    "f1_max": "F1-max",
    "hit_rate": "hits",
}


def _cell(row: dict[str, Any], metric: str) -> str:
    if row[metric] is None:
        return "-"
    deviation = row.get(f"{metric}_std")
    return f"{row[metric]:.1f}" + ("" if deviation is None else f" +- {deviation:.1f}")


def report(options: Namespace) -> int:
    from maeday_core.evaluation.report.write import report

    for path in report(options.results, options.out or options.results / "report", load_model(options.model)):
        print(path)
    return 0


def corpus(options: Namespace) -> int:
    build_corpus(options.out, options.packages, log=lambda line: print(line, file=sys.stderr, flush=True))
    return 0


def pretrain(options: Namespace) -> int:
    from maeday_core.pretraining import train as pretraining

    start = load_model(options.model, dtype=torch.float32) if options.model and not options.resume else None
    options.out.parent.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(options.corpus)
    left_out = "; ".join(f"{count} {reason}" for reason, count in corpus.left_out.items())
    print(
        f"{len(corpus.train)} pictures to train on, {len(corpus.held_out)} held out; left out: {left_out or 'none'}",
        file=sys.stderr,
    )
    pretraining.pretrain(
        corpus,
        options.out,
        steps=options.steps,
        minutes=options.minutes,
        seed=options.seed,
        start=start,
        resume=options.resume,
        log=lambda row: print(json.dumps(row), file=sys.stderr, flush=True),
    )
    print(f"wrote {options.out}", file=sys.stderr)
    return 0


def bench(options: Namespace) -> int:
    from benchmarks import speed as bench

    for row in getattr(bench, f"bench_{options.what}")():
        if options.json:
            _print_json(row)
        else:
            print(f"{row['what']:60} {row['value']:10.4g} {row['unit']}")
    return 0


def _print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


def _unique(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name
