"""Measure speed on this machine."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.output import print_json, print_line
from maeday_core.errors import SettingsError
from maeday_core.io.files import check_folder

BENCHMARKS = ("detect", "adapt", "embeddings", "tiling", "frames", "scaling", "memory", "startup")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("what", nargs="?", default="detect", choices=BENCHMARKS, help="by default detect")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write the figures as JSON, Markdown and, of scaling, a plot"
    )


def run(options: Namespace) -> int:
    """Measure, and print each figure as soon as it is known."""
    try:
        benchmark = importlib.import_module(f"benchmarks.{options.what}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("benchmarks"):
            raise
        raise SettingsError(
            "The benchmarks come with the source: run `python -m maeday_core bench` in a checkout of the repository."
        ) from error
    if options.out:
        check_folder(options.out)
    rows = []
    for row in benchmark.run():
        rows.append(row)
        if options.json:
            print_json(row)
        else:
            print_line(f"{row['what']:60} {row['value']:10.4g} {row['unit']}")
    if options.out:
        importlib.import_module("benchmarks.report").write(options.what, rows, options.out)
    return 0
