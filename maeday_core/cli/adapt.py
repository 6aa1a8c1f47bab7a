"""Learn from photos of good parts and write what was learned."""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maeday_core.cli.good_parts import learn_from
from maeday_core.cli.options import add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_json, print_line
from maeday_core.cli.regions import add_region, region_of
from maeday_core.errors import OutputError, SettingsError
from maeday_core.io.files import check_place

if TYPE_CHECKING:
    from maeday_core.methods import Reference


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("shots", nargs="+", metavar="SHOT", help="picture files and folders of them, 1 to 8 pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="what was learned")
    add_method(parser, default="ensemble")
    add_settings(parser, tile="auto")
    add_region(parser, align=True)
    parser.add_argument("--steps", type=int, metavar="N", help="iterations; by default the preset's")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: Namespace) -> int:
    """Learn, and write."""
    from maeday_core.methods import find, save_reference

    if options.out.suffix != ".safetensors":
        raise SettingsError(
            f"What is learned is written as safetensors: give a name with that ending, not {options.out}."
        )
    check_place(options.out)
    method, tools = find(options.method), tools_of(options, settings_of(options), options.steps, region_of(options))
    start = time.perf_counter()
    reference = learn_from(options.shots, method, tools)
    seconds = time.perf_counter() - start
    try:
        save_reference(reference, options.out)
    except OutputError as error:
        raise OutputError(f"{error} {_rescued(reference, options.out.name)}") from error
    if options.json:
        row: dict[str, Any] = {"path": str(options.out), "method": method.name, "seed": options.seed}
        row |= {"seconds": round(seconds, 2), "doubts": reference.doubts}
        for learned in reference.learned.values():
            row |= learned.describe()
        print_json(row)
    else:
        print_line(f"{options.out}: {', '.join(learned.summary for learned in reference.learned.values())}")
    return 0


def _rescued(reference: Reference, name: str) -> str:
    """What was learned, written where temporary files are, for its own place takes it no longer; says where."""
    from maeday_core.methods import save_reference

    folder = Path(tempfile.mkdtemp(prefix="maeday-"))
    try:
        save_reference(reference, folder / name)
    except OutputError:
        folder.rmdir()
        return "What was learned is lost."
    return f"What was learned is kept in {folder / name}; move it."
