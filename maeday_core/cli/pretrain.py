"""Train a masked autoencoder on your own pictures."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.options import add_model
from maeday_core.cli.output import print_note, progress_bar
from maeday_core.io.files import check_place


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--corpus", nargs="+", required=True, metavar="DIR", help="folders of pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="the weights")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M", help="training time")
    parser.add_argument(
        "--steps", type=int, default=100_000, metavar="N", help="batches of 64 crops, if --minutes does not end it"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first weights, the crops and the masks")
    add_model(parser, "start from the weights of this model (bundled, a path), not from random ones")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="the .state file of an interrupted run")


def run(options: Namespace) -> int:
    """Train; the rows of the curve go to standard error."""
    import torch

    from maeday_core.model.load import load_model
    from maeday_core.pretraining.corpus import load_corpus
    from maeday_core.pretraining.plan import Plan
    from maeday_core.pretraining.train import pretrain

    check_place(options.out)
    plan = Plan(steps=options.steps, minutes=options.minutes, seed=options.seed)
    start = load_model(options.model, dtype=torch.float32) if options.model and not options.resume else None
    pictures = load_corpus(options.corpus)
    left_out = "; ".join(f"{count} {reason}" for reason, count in pictures.left_out.items()) or "none"
    print_note(f"{len(pictures.train)} pictures to train on, {len(pictures.held_out)} held out; left out: {left_out}")
    with progress_bar() as show:

        def log(row: dict[str, float]) -> None:
            print_note(json.dumps(row))
            show("Training", max(row["step"] / plan.steps, row["minutes"] / plan.minutes))

        show("Training", 0)
        pretrain(pictures, options.out, plan, start=start, resume=options.resume, log=log)
    print_note(f"wrote {options.out}")
    return 0
