"""What an inspector said of pictures: the argument that names the file, and what follows from it."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.cli.output import print_note, print_warning
from maeday_core.io.corrections import Correction, Label, load_corrections
from maeday_core.io.files import sha256
from maeday_core.io.images import load_image

if TYPE_CHECKING:
    from maeday_core.detection.feedback import Moved
    from maeday_core.methods import Method, Reference, Tools


def add_feedback(parser: ArgumentParser) -> None:
    """Add `--feedback`."""
    parser.add_argument(
        "--feedback",
        type=Path,
        metavar="FILE",
        help="what was said of pictures on the page: normal ones join the good parts, missed defects lower the limit",
    )


def heard(
    file: Path, paths: Sequence[Path], method: Method, tools: Tools, reference: Reference
) -> tuple[Reference, Moved]:
    """The good parts with those that were called normal, and where the limit lies by the others.

    Args:
        file: of the corrections.
        paths: the queries, among which corrected pictures are looked for; else they lie where they lay.
        method: judges.
        tools: what it uses.
        reference: what is known about good parts.

    Raises:
        DatasetError: the file is none of corrections.
        ImageError: a corrected picture cannot be decoded.
    """
    from maeday_core.detection.feedback import moved_limit
    from maeday_core.methods import Shots, detector, joined_by, last

    corrections = load_corrections(file)
    places = {one.key: place for one, place in _places(corrections, file.parent, paths)}
    if missing := len(corrections) - len(places):
        print_warning(f"{missing} of the {len(corrections)} pictures in {file} are not here, and do not count.")
    scored = []
    for one in (one for one in corrections if one.key in places):
        place = places[one.key]
        if one.label is Label.NORMAL and method.shots is not Shots.NONE:
            reference = joined_by(method, tools, reference, load_image(place), place.name, one.picture)
        else:
            scored.append((one.label, place))
    scores: dict[Label, list[float]] = {label: [] for label in Label}
    if scored:
        detect = detector(method, tools, reference)
        for label, place in scored:
            result = last(detect(load_image(place)))
            scores[label].append(result.image_score / result.threshold.value)
    moved = moved_limit(scores[Label.NORMAL], scores[Label.DEFECT])
    joined = len(places) - len(scored)
    print_note(" ".join(filter(None, [f"{joined} pictures joined the good parts.", moved.told])))
    return reference, moved


def _places(corrections: Iterable[Correction], home: Path, paths: Sequence[Path]) -> Iterator[tuple[Correction, Path]]:
    """Where the corrected pictures lie, as far as they are here."""
    here = {sha256(path): path for path in paths if path.is_file()}
    for one in corrections:
        there = home / one.path
        if one.picture in here:
            yield one, here[one.picture]
        elif one.path and there.is_file() and sha256(there) == one.picture:
            yield one, there
