"""The command line: `python -m maeday_core detect|adapt|frames|evaluate|report|corpus|pretrain|bench`.

With `--json`, standard output carries one JSON object a line and nothing else; everything else goes to standard error.
Exit status: 0 done, 2 unusable arguments or input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from maeday_core.adaptation import MAX_SHOTS, PRESETS, Step
from maeday_core.corpus import PACKAGES, build_corpus, load_corpus
from maeday_core.detector import TILE, Settings
from maeday_core.embeddings import BACKBONES
from maeday_core.errors import ImageError, MaedayError, SettingsError
from maeday_core.images import find_images, load_image
from maeday_core.masks import SAMPLINGS
from maeday_core.methods import METHODS, RECONSTRUCTS, Reference, default_backbone, detector, learn, load_reference
from maeday_core.model import MaskedAutoencoder
from maeday_core.shots import doubt_of_query
from maeday_core.weights import default_model, load_model

FRAME_MASKS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except MaedayError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read standard output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maeday_core", description="Anomaly detection with a MAE.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("detect", help="score pictures and map what does not belong")
    command.add_argument("queries", nargs="+", metavar="QUERY", help="picture files and folders of them")
    _add_method(command)
    _add_tile(command)
    _add_good_parts(command)
    command.add_argument("--seed", type=int, default=Settings.seed, help="of the masks and the adaptation")
    command.add_argument("--out", type=Path, metavar="DIR", help="write error maps (.npy) and figures (.png)")
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    command.set_defaults(run=_detect)

    command = commands.add_parser("adapt", help="learn from photos of good parts and write what was learned")
    command.add_argument("shots", nargs="+", metavar="SHOT", help="picture files and folders of them, 1 to 8 pictures")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    _add_method(command, default="ensemble")
    _add_tile(command)
    _add_preset(command)
    command.add_argument("--steps", type=int, help="iterations; by default the preset's")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")
    command.set_defaults(run=_adapt)

    command = commands.add_parser("frames", help="find foreign objects in folders, zip archives and videos")
    command.add_argument("sources", nargs="+", metavar="SOURCE", help="folders, zip archives, videos, pictures")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="results; run again to go on")
    command.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between frames of a video")
    _add_method(command, default="ensemble", masks=FRAME_MASKS, sampling="balanced")
    _add_tile(command, default="on")
    _add_good_parts(command)
    command.add_argument("--threshold", type=float, help="by default what is unusual for these frames")
    command.add_argument("--ignore", type=Path, metavar="MASK", help="a picture, bright where nothing counts")
    command.add_argument("--least-area", type=int, default=0, metavar="PIXELS", help="smaller regions are no objects")
    command.add_argument("--keep-maps", action="store_true", help="write every map, float32, to DIR/maps")
    command.add_argument("--seed", type=int, default=Settings.seed)
    command.add_argument("--json", action="store_true", help="one JSON object a frame on standard output, at the end")
    command.set_defaults(run=_frames)

    command = commands.add_parser("evaluate", help="AUROC over a data set in the MVTec-AD layout")
    command.add_argument("root", metavar="ROOT", help="one category, or a folder of categories")
    command.add_argument("--category", nargs="+", default=[], metavar="NAME", help="only these")
    _add_method(command, several=True)
    _add_tile(command, default=Settings.tile)
    command.add_argument(
        "--shots", type=int, nargs="+", default=[0], choices=range(MAX_SHOTS + 1), help="good parts to learn from"
    )
    _add_preset(command)
    command.add_argument("--seeds", type=int, nargs="+", default=[0], help="of masks and shots, one run each")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="write results.jsonl and scores.jsonl; run again to go on"
    )
    command.add_argument(
        "--repetitions",
        action="store_true",
        help="instead, MAEDAY zero-shot after 1 to 64 masks (the paper's Figure 3)",
    )
    command.add_argument("--keep-maps", action="store_true", help="keep every error map in DIR/maps")
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("report", help="the paper's tables and figures from what `evaluate --out` wrote")
    command.add_argument("results", type=Path, metavar="DIR", help="where `evaluate` wrote")
    command.add_argument("--out", type=Path, metavar="DIR", help="by default DIR/report")
    command.add_argument("--model", default=default_model(), help="draws what it saw of some pictures")
    command.set_defaults(run=_report)

    command = commands.add_parser("corpus", help="build the bundled model's corpus from Debian packages")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--packages", nargs="+", default=PACKAGES, metavar="NAME", help=" ".join(PACKAGES))
    command.set_defaults(run=_corpus)

    command = commands.add_parser("pretrain", help="train a masked autoencoder on your own pictures")
    command.add_argument("--corpus", nargs="+", required=True, metavar="DIR", help="folders of pictures")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    command.add_argument("--minutes", type=float, default=math.inf, help="training time")
    command.add_argument("--steps", type=int, default=100_000, help="batches of 64 crops, if --minutes does not end it")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--model", help="start from the weights of this model (bundled, a path), not from random ones")
    command.add_argument("--resume", type=Path, metavar="FILE", help="the .state file of an interrupted run")
    command.set_defaults(run=_pretrain)

    command = commands.add_parser("bench", help="measure speed on this machine")
    command.add_argument("what", nargs="?", default="detect", choices=["detect", "adapt", "embeddings", "tiling"])
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_bench)
    return parser


def _add_method(
    command: argparse.ArgumentParser,
    default: str = "maeday",
    several: bool = False,
    masks: int = Settings.masks,
    sampling: str = Settings.sampling,
) -> None:
    many: dict[str, Any] = {"nargs": "+", "default": [default]} if several else {"default": default}
    command.add_argument("--method", choices=METHODS, help=f"how anomalies are found: {default}", **many)
    command.add_argument(
        "--backbone", help=f"of the embeddings: {', '.join(BACKBONES)} or a name of timm's; by default the model's"
    )
    command.add_argument(
        "--raw-sum", action="store_true", help="ensemble: add the maps as they are, as the paper reads"
    )
    command.add_argument("--model", default=default_model(), help="bundled, base, large, huge, owner/name or a path")
    command.add_argument("--masks", type=int, default=masks, help="N, masks an image (the paper: 32)")
    command.add_argument("--mask-ratio", type=float, default=Settings.mask_ratio, help="share hidden (the paper: 0.75)")
    command.add_argument("--sampling", default=sampling, choices=SAMPLINGS)
    command.add_argument("--patches", default=Settings.patches, choices=["all", "masked"], help="which count")
    command.add_argument("--error-space", default=Settings.error_space, choices=["rgb", "normalised"])


def _add_preset(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default="default", choices=PRESETS, help="how to fine-tune (`paper`: as it does)")


def _add_tile(command: argparse.ArgumentParser, default: str = "auto") -> None:
    command.add_argument(
        "--tile", default=default, choices=TILE, help="look through windows at a picture's own detail; auto: if large"
    )


def _add_good_parts(command: argparse.ArgumentParser) -> None:
    good = command.add_mutually_exclusive_group()
    good.add_argument(
        "--normals",
        nargs="+",
        metavar="PATH",
        help="photos of good parts to learn from first: one to eight, for patchcore any number",
    )
    good.add_argument("--adapter", type=Path, metavar="FILE", help="what `adapt` wrote")
    _add_preset(command)


def _settings(options: argparse.Namespace, seed: int) -> Settings:
    return Settings(
        options.masks,
        options.mask_ratio,
        seed,
        options.sampling,
        options.patches,
        options.error_space,
        getattr(options, "tile", Settings.tile),
    )


def _reference(model: MaskedAutoencoder | None, options: argparse.Namespace, settings: Settings) -> Reference:
    if options.adapter:
        return load_reference(options.adapter)
    return _learn(model, options.normals, options, settings) if options.normals else Reference()


def _model(options: argparse.Namespace) -> MaskedAutoencoder | None:
    return load_model(options.model) if options.method in RECONSTRUCTS else None


def _backbone(options: argparse.Namespace) -> str:
    return options.backbone or default_backbone(options.model)


def _detect(options: argparse.Namespace) -> int:
    from maeday_core.pictures import save_figure

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


def _learn(
    model: MaskedAutoencoder | None, paths: Sequence[str], options: argparse.Namespace, settings: Settings
) -> Reference:
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


def _adapt(options: argparse.Namespace) -> int:
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


def _frames(options: argparse.Namespace) -> int:
    from maeday_core import frames
    from maeday_core.frames_report import found_in, reason, write_pictures, write_report
    from maeday_core.sources import LeftOut, count_frames

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


def _evaluate(options: argparse.Namespace) -> int:
    from maeday_core.datasets import find_categories
    from maeday_core.evaluation import Progress, evaluate

    settings = _settings(options, options.seeds[0])
    categories = find_categories(options.root, options.category)
    for sentence in [sentence for category in categories for sentence in category.lacks]:
        print(f"warning: {sentence}", file=sys.stderr)
    needed = options.repetitions or set(options.method) & set(RECONSTRUCTS)
    model = load_model(options.model) if needed else None

    def on_image(now: Progress) -> None:
        left = f"{now.seconds_left / 60:.0f} min left"
        line = f"\r{now.category}, {now.method}: {now.done} of {now.total} images, {left}   "
        print(line, end="\n" if now.done == now.total else "", file=sys.stderr, flush=True)

    if options.repetitions and model:
        return _repetitions(options, model, categories, settings)
    if not options.json:
        titles = "".join(f"{title:>16}" for title in COLUMNS.values())
        print(f"{'category':20} {'method':12} shots seed images{titles}", flush=True)
    for row in evaluate(
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


def _repetitions(
    options: argparse.Namespace, model: MaskedAutoencoder, categories: Sequence[Any], settings: Settings
) -> int:
    from maeday_core.repetitions import repetitions

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


def _report(options: argparse.Namespace) -> int:
    from maeday_core.report import report

    for path in report(options.results, options.out or options.results / "report", load_model(options.model)):
        print(path)
    return 0


def _corpus(options: argparse.Namespace) -> int:
    build_corpus(options.out, options.packages, log=lambda line: print(line, file=sys.stderr, flush=True))
    return 0


def _pretrain(options: argparse.Namespace) -> int:
    from maeday_core.pretraining import pretrain

    start = load_model(options.model, dtype=torch.float32) if options.model and not options.resume else None
    options.out.parent.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(options.corpus)
    left_out = "; ".join(f"{count} {reason}" for reason, count in corpus.left_out.items())
    print(
        f"{len(corpus.train)} pictures to train on, {len(corpus.held_out)} held out; left out: {left_out or 'none'}",
        file=sys.stderr,
    )
    pretrain(
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


def _bench(options: argparse.Namespace) -> int:
    from maeday_core import bench

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
