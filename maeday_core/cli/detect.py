"""Score pictures and map what does not belong."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maeday_core.cli.feedback import add_feedback, heard
from maeday_core.cli.good_parts import add_good_parts, reference_of
from maeday_core.cli.options import add_formats, add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_error, print_json, print_line, print_mistake, print_note, print_warning
from maeday_core.cli.regions import add_region, region_of
from maeday_core.cli.results import MAP_FORMATS, Folder, Wanted
from maeday_core.errors import ImageError, MaedayError, SettingsError
from maeday_core.io.folders import find_images
from maeday_core.io.images import MAX_BYTES, load_image

if TYPE_CHECKING:
    from maeday_core.cli.together import Look
    from maeday_core.methods import Detect, Reference


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("queries", nargs="+", metavar="QUERY", help="picture files and folders of them")
    add_method(parser)
    add_settings(parser, tile="auto")
    add_good_parts(parser)
    add_region(parser, align=True)
    add_feedback(parser)
    parser.add_argument(
        "--alone",
        action="store_true",
        help="without good parts: judge each picture by itself; else eight or more of one kind are judged together",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write anomaly maps (.npy), masks of what is outlined and figures (.png)",
    )
    add_formats(parser)
    parser.add_argument(
        "--map-format", nargs="+", default=[], choices=MAP_FORMATS, help="write maps as 16-bit or float pictures, too"
    )
    parser.add_argument("--overlays", action="store_true", help="write what is outlined on the picture, too (.png)")
    parser.add_argument("--report", action="store_true", help="write a page on each picture there, too (.html)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on standard output")


def run(options: Namespace) -> int:
    """Detect; a picture that cannot be read is named, and the others are scored."""
    from maeday_core.detection.feedback import UNMOVED, corrected
    from maeday_core.methods import detector, find

    method, tools = find(options.method), tools_of(options, settings_of(options), region=region_of(options))
    wanted = Wanted(options.report, options.overlays, tuple(options.map_format), tuple(options.format))
    if wanted != Wanted() and not options.out:
        raise SettingsError("What is to be written needs a place: give --out with the folder to write it to.")
    out = Folder(options.out, wanted) if options.out else None
    paths, failed = _pictures(options.queries)
    if not paths:
        return 2
    reference = reference_of(options, method, tools)
    moved = UNMOVED
    if options.feedback:
        reference, moved = heard(options.feedback, paths, method, tools, reference)
    work = Work(detector(method, tools, reference), reference, out, [2] if failed else [])
    looks: Iterator[Look] = (look._replace(result=corrected(look.result, moved)) for look in work.looks(paths))
    if not (reference or options.alone or options.feedback):
        from maeday_core.cli.together import judged_together
        from maeday_core.detection.peers import PEERS

        looks = judged_together(looks, method, tools) if len(paths) >= PEERS.least else looks
    with contextlib.closing(out) if out else contextlib.nullcontext():
        for look in looks:
            _print({"path": str(look.path), **work.written(look, options.model)}, options.json)
    return min(work.statuses, default=0)


@dataclass(frozen=True)
class Work:
    """What one run does with each picture.

    Attributes:
        detect: judges a picture.
        reference: what is known about good parts.
        out: where files are written; None for nowhere.
        statuses: exit statuses of what failed so far.
    """

    detect: Detect
    reference: Reference
    out: Folder | None
    statuses: list[int]

    def looks(self, paths: Iterable[Path]) -> Iterator[Look]:
        """Look at pictures; one that cannot be judged is named. Without files to write, all but the map is let go."""
        from maeday_core.cli.together import Look
        from maeday_core.methods import last
        from maeday_core.model.device import give_memory_back

        for path in paths:
            if self.out and self.out.wrote(path):
                continue
            try:
                query = load_image(_read(path), path.name)
                result = last(self.detect(query))
                give_memory_back()
                doubt = self.reference.doubt_of(query)
            except ImageError as error:
                print_error(f"{error} {_elsewhere(path)}".rstrip())
                self.statuses.append(2)
            except MaedayError:  # the same for every picture
                raise
            except Exception as error:
                self.statuses.append(print_mistake(error, f"{path}: "))
            else:
                yield Look(path, query, result if self.out else replace(result, seen=()), doubt, self.reference)

    def written(self, look: Look, model: str | None) -> dict[str, Any]:
        """The facts of a look, once its files are written and what is doubtful is said."""
        from maeday_core.serving.rows import row_of

        path, query, result, doubt, reference = look
        if doubt:
            print_warning(f"{path}: {doubt}")
        if result.made_by.windows:
            print_note(f"{path}: seen through {result.made_by.windows}")
        files: dict[str, Any] = {"error_map": None, "mask": None, "report": None}
        if self.out:
            from maeday_core.drawing.shown import shown

            view = shown(path.name, query, result, doubt=doubt, reference=reference)
            files |= self.out.write(path, query, result, view)
        return {**row_of(result, model), **files}


def _print(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        score, limit = row["image_score"], row["threshold"]
        sign = ">" if score > limit else "<="
        print_line(f"{score:8.4f} {sign} {limit:.4f}  {row['state']:9}  {row['path']}")


def _read(path: Path) -> Path | bytes:
    """What a pipe holds, which can be read once; else the path."""
    if not path.is_fifo():
        return path
    with path.open("rb") as pipe:
        return pipe.read(MAX_BYTES + 1)


def _pictures(queries: Sequence[str]) -> tuple[list[Path], int]:
    """The picture files that were given, and how many names stand for none or cannot be read; those are named, too."""
    paths, failed = list[Path](), list[object]()

    def fail(sentence: object) -> None:
        print_error(sentence)
        failed.append(sentence)

    for query in queries:
        try:
            paths += find_images([query], print_note, fail)
        except ImageError as error:
            fail(error)
    return paths, len(failed)


def _elsewhere(path: Path) -> str:
    """Which command takes a file that is no picture; empty where none does."""
    from maeday_core.frames.kinds import START, kind

    with contextlib.suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                if (found := kind(file.read(START))) in ("video", "archive"):
                    return f"Give a {found if found == 'video' else 'zip archive'} to `maeday frames`."
    return ""
