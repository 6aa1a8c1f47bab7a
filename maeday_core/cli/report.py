"""Make the paper's tables and figures from what `maeday evaluate --out` wrote."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.options import add_model
from maeday_core.cli.output import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("results", type=Path, metavar="DIR", help="where `maeday evaluate` wrote")
    parser.add_argument("--out", type=Path, metavar="DIR", help="by default DIR/report")
    add_model(parser, "draws what it saw of some pictures; by default bundled")


def run(options: Namespace) -> int:
    """Write the report, and print what was written."""
    from maeday_core.evaluation.report.write import report
    from maeday_core.model.load import load_model

    for path in report(options.results, options.out or options.results / "report", load_model(options.model)):
        print_line(str(path))
    return 0
