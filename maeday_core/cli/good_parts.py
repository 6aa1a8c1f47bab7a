"""Photos of good parts: the arguments that name them, and learning from them while a person waits."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.cli.output import print_note, print_warning, progress_bar
from maeday_core.errors import ImageError
from maeday_core.io.folders import find_images
from maeday_core.io.images import Photos

if TYPE_CHECKING:
    from maeday_core.methods import Method, Reference, Tools


def add_good_parts(parser: ArgumentParser) -> None:
    """Add `--normals` and `--adapter`, of which one may be given."""
    good = parser.add_mutually_exclusive_group()
    good.add_argument(
        "--normals",
        nargs="+",
        metavar="PATH",
        help="photos of good parts to learn from first: one to eight, for patchcore any number",
    )
    good.add_argument("--adapter", type=Path, metavar="FILE", help="what `maeday adapt` wrote")


def reference_of(options: Namespace, method: Method, tools: Tools) -> Reference:
    """What is known about good parts: read, learned now, or nothing."""
    from maeday_core.methods import Reference, load_reference

    if options.adapter:
        reference = load_reference(options.adapter)
        return replace(reference, name=reference.name or options.adapter.stem)
    return learn_from(options.normals, method, tools) if options.normals else Reference()


def learn_from(paths: Sequence[str], method: Method, tools: Tools) -> Reference:
    """Learn from files and folders of photos, with a progress bar; doubts about the photos are printed."""
    from maeday_core.methods import learn

    photos = Photos(find_images(paths, print_note))
    for path in photos.paths:
        if Path(path).is_fifo():
            raise ImageError(f"{path} is a pipe, which can be read only once; good parts are read again: give a file.")
    with progress_bar() as show:
        reference = learn(method, tools, photos, lambda progress: show(progress.doing, progress.share))
    for doubt in reference.doubts:
        print_warning(doubt)
    return reference
