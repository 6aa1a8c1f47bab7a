"""The command line: `python -m maeday_core detect|adapt|frames|evaluate|report|corpus|pretrain|bench`.

Exit status: 0 done, 2 unusable arguments or input, 130 interrupted. What the commands do is in `commands`.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maeday_core.cli import commands
from maeday_core.detection.reconstruction import TILE, Settings
from maeday_core.errors import MaedayError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, PRESETS
from maeday_core.methods.base import METHODS
from maeday_core.model.backbone import BACKBONES
from maeday_core.model.load import default_model
from maeday_core.model.masks import SAMPLINGS
from maeday_core.pretraining.packages import PACKAGES

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
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    command = subparsers.add_parser("detect", help="score pictures and map what does not belong")
    command.add_argument("queries", nargs="+", metavar="QUERY", help="picture files and folders of them")
    _add_method(command)
    _add_tile(command)
    _add_good_parts(command)
    command.add_argument("--seed", type=int, default=Settings.seed, help="of the masks and the adaptation")
    command.add_argument("--out", type=Path, metavar="DIR", help="write error maps (.npy) and figures (.png)")
    command.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    command.set_defaults(run=commands.detect)

    command = subparsers.add_parser("adapt", help="learn from photos of good parts and write what was learned")
    command.add_argument("shots", nargs="+", metavar="SHOT", help="picture files and folders of them, 1 to 8 pictures")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    _add_method(command, default="ensemble")
    _add_tile(command)
    _add_preset(command)
    command.add_argument("--steps", type=int, help="iterations; by default the preset's")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")
    command.set_defaults(run=commands.adapt)

    command = subparsers.add_parser("frames", help="find foreign objects in folders, zip archives and videos")
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
    command.set_defaults(run=commands.frames)

    command = subparsers.add_parser("evaluate", help="AUROC over a data set in the MVTec-AD layout")
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
    command.set_defaults(run=commands.evaluate)

    command = subparsers.add_parser("report", help="the paper's tables and figures from what `evaluate --out` wrote")
    command.add_argument("results", type=Path, metavar="DIR", help="where `evaluate` wrote")
    command.add_argument("--out", type=Path, metavar="DIR", help="by default DIR/report")
    command.add_argument("--model", default=default_model(), help="draws what it saw of some pictures")
    command.set_defaults(run=commands.report)

    command = subparsers.add_parser("corpus", help="build the bundled model's corpus from Debian packages")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--packages", nargs="+", default=PACKAGES, metavar="NAME", help=" ".join(PACKAGES))
    command.set_defaults(run=commands.corpus)

    command = subparsers.add_parser("pretrain", help="train a masked autoencoder on your own pictures")
    command.add_argument("--corpus", nargs="+", required=True, metavar="DIR", help="folders of pictures")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    command.add_argument("--minutes", type=float, default=math.inf, help="training time")
    command.add_argument("--steps", type=int, default=100_000, help="batches of 64 crops, if --minutes does not end it")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--model", help="start from the weights of this model (bundled, a path), not from random ones")
    command.add_argument("--resume", type=Path, metavar="FILE", help="the .state file of an interrupted run")
    command.set_defaults(run=commands.pretrain)

    command = subparsers.add_parser("bench", help="measure speed on this machine")
    command.add_argument("what", nargs="?", default="detect", choices=["detect", "adapt", "embeddings", "tiling"])
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=commands.bench)
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
