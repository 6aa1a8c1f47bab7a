"""Evaluate methods on a data set in the layout of MVTec-AD or VisA."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from maeday_core.cli.options import add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_json, print_line, print_warning, progress_bar

COLUMNS = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
    "f1_max": "F1-max",
    "hit_rate": "hits",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("root", metavar="ROOT", help="one category, or a folder of categories")
    parser.add_argument("--category", nargs="+", default=[], metavar="NAME", help="only these")
    add_method(parser, several=True)
    add_settings(parser, without=["seed"])
    parser.add_argument("--shots", type=int, nargs="+", default=[0], metavar="K", help="good parts to learn from")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of masks and shots, one run each")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write results.jsonl and scores.jsonl; run again to go on"
    )
    parser.add_argument(
        "--repetitions",
        action="store_true",
        help="instead, MAEDAY zero-shot after 1 to 64 masks (the paper's Figure 3)",
    )
    parser.add_argument("--keep-maps", action="store_true", help="keep every error map in DIR/maps")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")
