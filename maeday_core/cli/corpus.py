"""Build the bundled model's corpus from Debian packages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.output import print_note
from maeday_core.pretraining.packages import PACKAGES, build_corpus


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--packages", nargs="+", default=PACKAGES, metavar="NAME", help=f"by default {', '.join(PACKAGES)}"
    )


def run(options: Namespace) -> int:
    """Build it."""
    build_corpus(options.out, options.packages, print_note)
    return 0
