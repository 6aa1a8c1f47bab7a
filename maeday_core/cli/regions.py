"""Regions that do not count: the arguments that name their masks."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.cli.output import print_warning

if TYPE_CHECKING:
    from maeday_core.detection.region import Mask, Region


def add_region(parser: ArgumentParser, align: bool = False) -> None:
    """Add `--ignore` and `--roi` and, where the mask may follow a part, `--align-ignore`."""
    parser.add_argument("--ignore", type=Path, metavar="MASK", help="a picture, bright where nothing counts")
    parser.add_argument("--roi", type=Path, metavar="MASK", help="a picture, bright where alone something counts")
    if align:
        parser.add_argument(
            "--align-ignore",
            type=Path,
            metavar="PICTURE",
            help="that the masks were made for: they follow the part that it shows where it was moved",
        )


def region_of(options: Namespace) -> Region | None:
    """What is ignored; None where all counts.

    Raises:
        ImageError: a file is no picture.
        SettingsError: nothing would count.
    """
    from maeday_core.detection.region import load_region

    region = load_region(options.ignore, options.roi, getattr(options, "align_ignore", None))
    if region and not region.ignored.any():
        print_warning(f"{options.ignore or options.roi} marks nothing to ignore.")
    return region


def mask_of(options: Namespace) -> Mask | None:
    """What is ignored in all frames, which are judged anew without being looked at again; it may be all of them."""
    from maeday_core.detection.region import load_mask, united

    interest = ~load_mask(options.roi) if options.roi else None
    ignored = united(load_mask(options.ignore) if options.ignore else None, interest)
    if ignored is not None and ignored.min() == ignored.max():
        marked = "all of a frame: no frame can be anomalous" if ignored.any() else "nothing: nothing is ignored"
        print_warning(f"{options.ignore or options.roi} marks {marked}.")
    return ignored
