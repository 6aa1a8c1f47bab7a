"""The command line: `maeday COMMAND ...`, which is `python -m maeday_core COMMAND ...`; one file a command.

A command is imported when it is given, and imports what takes seconds, torch and all that needs it, in its function
`run`, so that help and errors in the arguments come at once.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol

import maeday_core
from maeday_core.cli.output import print_error, print_line, print_mistake
from maeday_core.errors import MaedayError
from maeday_core.io.files import sha256


class Command(Protocol):
    """A module of this package."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it, printing as it goes; returns the exit status."""


COMMANDS = {
    "detect": "Score pictures and map what does not belong.",
    "adapt": "Learn from photos of good parts and write what was learned.",
    "frames": "Find foreign objects in folders, zip archives and videos.",
    "watch": "Watch a camera, a stream or a folder that fills, and give a verdict on what arrives.",
    "serve": "Serve other programs: REST, described at /openapi.json.",
    "evaluate": "Evaluate methods on a data set: MVTec-AD's layout, VisA, BTAD, Real-IAD, or good and bad pictures.",
    "report": "Make the paper's tables and figures from what `maeday evaluate --out` wrote.",
    "corpus": "Build the bundled model's corpus from Debian packages.",
    "pretrain": "Train a masked autoencoder on your own pictures.",
    "export": "Write a model as ONNX or OpenVINO's format, with a program that runs it without PyTorch.",
    "bench": "Measure speed on this machine.",
    "space": "Put the page on a Hugging Face Space of your own.",
}
"""What each command does, so that help of the program need not import them."""


def command(name: str) -> Command:
    """The module of a command."""
    module: Any = importlib.import_module(f"{__name__}.{name}")
    return module


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: by default those of the process.

    Returns:
        The exit status: 0 done, 1 a mistake of the program, 2 unusable input.

    Raises:
        SystemExit: after `--help` and `--version` (0), and where the arguments are unusable (2).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # any name can be printed in any encoding
    try:
        given = sys.argv[1:] if arguments is None else arguments
        options = _parser(given).parse_args(given)
        return command(options.command).run(options)
    except MaedayError as error:
        print_error(error)
        return 2
    except BrokenPipeError:  # whoever read standard output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print_error(f"{error.filename or 'a file'}: {error.strerror or error}")
        return 2
    except Exception as error:
        return print_mistake(error)


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the program, with the arguments of the command that is among those that were given."""
    parser = _Parser(prog="maeday", description="Anomaly detection with a masked autoencoder.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show which program and model this is, and exit")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        own = subparsers.add_parser(name, help=summary, description=summary)
        if name in given:
            command(name).add_arguments(own)
    return parser


class _Version(argparse.Action):
    """Says which program and which bundled weights these are: what a report of a fault needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from maeday_core.model.bundled import BUNDLED_FILE

        print_line(f"{parser.prog} {maeday_core.__version__}, bundled model {sha256(BUNDLED_FILE)[:12]}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """A parser whose errors take one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")
