"""The command line: `python -m maeday_core detect|adapt|evaluate|corpus|pretrain|bench`.

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
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maeday_core.adaptation import MAX_SHOTS, PRESETS, Adapter, FineTuning, load_adapter
from maeday_core.corpus import PACKAGES, build_corpus, load_corpus
from maeday_core.detector import Settings, detect
from maeday_core.errors import ImageError, MaedayError, SettingsError
from maeday_core.images import find_images, load_image
from maeday_core.masks import SAMPLINGS
from maeday_core.model import MaskedAutoencoder
from maeday_core.shots import doubt_of_query
from maeday_core.weights import default_model, load_model


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
    good = command.add_mutually_exclusive_group()
    good.add_argument(
        "--normals", nargs="+", metavar="PATH", help="one to eight photos of good parts to adapt to first"
    )
    good.add_argument("--adapter", type=Path, metavar="FILE", help="what `adapt` wrote")
    _add_preset(command)
    command.add_argument("--seed", type=int, default=Settings.seed, help="of the masks and the adaptation")
    command.add_argument("--out", type=Path, metavar="DIR", help="write error maps (.npy) and figures (.png)")
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    command.set_defaults(run=_detect)

    command = commands.add_parser("adapt", help="fine-tune on photos of good parts and write an adapter")
    command.add_argument("shots", nargs="+", metavar="SHOT", help="picture files and folders of them, 1 to 8 pictures")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    _add_method(command)
    _add_preset(command)
    command.add_argument("--steps", type=int, help="iterations; by default the preset's")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")
    command.set_defaults(run=_adapt)

    command = commands.add_parser("evaluate", help="AUROC over a data set in the MVTec-AD layout")
    command.add_argument("root", metavar="ROOT", help="one category, or a folder of categories")
    command.add_argument("--category", nargs="+", default=[], metavar="NAME", help="only these")
    _add_method(command)
    command.add_argument("--shots", type=int, default=0, choices=range(MAX_SHOTS + 1), help="good parts to adapt to")
    _add_preset(command)
    command.add_argument("--seeds", type=int, nargs="+", default=[0], help="of masks and shots, one run each")
    command.add_argument("--out", type=Path, metavar="DIR", help="write results.jsonl and scores.jsonl there")
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    command.set_defaults(run=_evaluate)

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
    command.add_argument("what", nargs="?", default="detect", choices=["detect", "adapt"])
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_bench)
    return parser


def _add_method(command: argparse.ArgumentParser) -> None:
    command.add_argument("--method", default="maeday", choices=["maeday"], help="how anomalies are found")
    command.add_argument("--model", default=default_model(), help="bundled, base, large, huge, owner/name or a path")
    command.add_argument("--masks", type=int, default=Settings.masks, help="N, masks an image (the paper: 32)")
    command.add_argument("--mask-ratio", type=float, default=Settings.mask_ratio, help="share hidden (the paper: 0.75)")
    command.add_argument("--sampling", default=Settings.sampling, choices=SAMPLINGS)
    command.add_argument("--patches", default=Settings.patches, choices=["all", "masked"], help="which count")
    command.add_argument("--error-space", default=Settings.error_space, choices=["rgb", "normalised"])


def _add_preset(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default="default", choices=PRESETS, help="how to fine-tune (`paper`: as it does)")


def _settings(options: argparse.Namespace, seed: int) -> Settings:
    return Settings(options.masks, options.mask_ratio, seed, options.sampling, options.patches, options.error_space)


def _detect(options: argparse.Namespace) -> int:
    from maeday_core.pictures import save_figure

    settings = _settings(options, options.seed)
    paths = find_images(options.queries)
    model = load_model(options.model)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        own = options.out.resolve()  # the figures of an earlier run are no queries
        paths = [p for p in paths if not (p.name.endswith("-maeday.png") and p.resolve().parent == own)]
    adapter = None
    if options.adapter:
        adapter = load_adapter(options.adapter)
    elif options.normals:
        adapter = _fine_tune(model, options.normals, options, settings)
    detector = adapter.apply(model, settings) if adapter else model
    names: set[str] = set()
    failed = 0
    for path in paths:
        try:
            query = load_image(path)
        except ImageError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        result = detect(detector, query, settings, adapter.calibration if adapter else None)
        if adapter and (doubt := doubt_of_query(query, adapter.appearances)):
            print(f"warning: {path}: {doubt}", file=sys.stderr)
        map_path = None
        if options.out:
            stem = _unique(path.stem, names)
            map_path = options.out / f"{stem}-error-map.npy"
            np.save(map_path, result.error_map)
            save_figure(query, result, result.first_threshold, options.out / f"{stem}-maeday.png")
        if options.json:
            row = {"path": str(path), "image_score": result.image_score, "seconds": round(result.seconds, 4)}
            row |= {**result.settings, "model": options.model, "threshold": result.first_threshold}
            _print_json({**row, "error_map": str(map_path) if map_path else None})
        else:
            print(f"{result.image_score:8.4f}  {path}", flush=True)
    return 2 if failed else 0


def _fine_tune(
    model: MaskedAutoencoder, paths: Sequence[str], options: argparse.Namespace, settings: Settings
) -> Adapter:
    shots = (load_image(path) for path in find_images(paths))
    tuning = FineTuning(model, shots, options.preset, options.seed, getattr(options, "steps", None), settings)
    for step in tuning:
        if sys.stderr.isatty() or step.step % 10 == 0 or step.step == step.steps:
            line = f"step {step.step} of {step.steps}, loss {step.loss:.4f}, {step.seconds_left:.0f} s left"
            print(line, file=sys.stderr, flush=True)
    adapter = tuning.finish()
    for doubt in adapter.doubts:
        print(f"warning: {doubt}", file=sys.stderr)
    return adapter


def _adapt(options: argparse.Namespace) -> int:
    if options.out.suffix != ".safetensors":
        raise SettingsError(
            f"Adapters are written as safetensors: give a file name with that ending, not {options.out}."
        )
    model = load_model(options.model)
    start = time.perf_counter()
    adapter = _fine_tune(model, options.shots, options, _settings(options, options.seed))
    seconds = time.perf_counter() - start
    options.out.parent.mkdir(parents=True, exist_ok=True)
    adapter.save(options.out)
    row = {"path": str(options.out), "model": options.model, "preset": adapter.preset, "steps": adapter.steps}
    row |= {"seed": adapter.seed, "shots": adapter.calibration.shots, "seconds": round(seconds, 2)}
    row |= {"loss": adapter.losses[-1] if adapter.losses else None, "threshold": adapter.calibration.threshold}
    row |= {"doubts": adapter.doubts}
    if options.json:
        _print_json(row)
    else:
        print(f"wrote {options.out}: {adapter.steps} steps in {seconds:.1f} s, threshold {row['threshold']:.2f}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from maeday_core.evaluation import METRICS, evaluate, find_categories

    settings = _settings(options, options.seeds[0])
    categories = find_categories(options.root, options.category)
    model = load_model(options.model)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for name in ("results.jsonl", "scores.jsonl"):
            (options.out / name).write_text("")

    def write(name: str, row: dict[str, Any]) -> None:
        if options.out:
            with (options.out / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    def on_image(category: str, done: int, total: int) -> None:
        print(f"\r{category}: {done} of {total} images", end="\n" if done == total else "", file=sys.stderr, flush=True)

    if not options.json:
        titles = "".join(f"{title:>13}" for title in ("image AUROC", "pixel AUROC", "AUPRO", "F1-max"))
        print(f"{'category':20} seed  images{titles}", flush=True)
    for row in evaluate(
        model,
        categories,
        settings,
        options.seeds,
        options.shots,
        options.preset,
        on_image,
        lambda score: write("scores.jsonl", score),
    ):
        write("results.jsonl", row)
        if options.json:
            _print_json(row)
        else:
            cells = [f"{'-' if row[metric] is None else format(row[metric], '.1f'):>13}" for metric in METRICS]
            seed = "" if row["seed"] is None else row["seed"]
            print(f"{row['category']:20} {seed:>4} {row['images']:7}{''.join(cells)}", flush=True)
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
    from maeday_core.bench import bench_adapt, bench_detect

    for row in {"detect": bench_detect, "adapt": bench_adapt}[options.what]():
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
