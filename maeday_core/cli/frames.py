"""Find foreign objects in folders, zip archives and videos."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from maeday_core.cli.good_parts import add_good_parts, reference_of
from maeday_core.cli.options import add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_error, print_json, print_line, print_note, progress_bar
from maeday_core.errors import SettingsError

KEPT = ("sources", "method", "model", "backbone", "preset", "normals", "adapter")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="folders, zip archives, videos, pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="results; run again to go on")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between frames of a video")
    add_method(parser, default="ensemble")
    add_settings(parser, masks=4, sampling="balanced", tile="on")
    add_good_parts(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="by default what is unusual for these frames")
    parser.add_argument("--ignore", type=Path, metavar="MASK", help="a picture, bright where nothing counts")
    parser.add_argument("--least-area", type=int, default=0, metavar="PIXELS", help="smaller regions are no objects")
    parser.add_argument("--keep-maps", action="store_true", help="write every map, float32, to DIR/maps")
    parser.add_argument("--json", action="store_true", help="one JSON object a frame on standard output, at the end")


def run(options: Namespace) -> int:
    """Go through the frames, then judge all of them together."""
    from maeday_core.frames import run as frames
    from maeday_core.frames.report import found_in, reason, write_pictures, write_report
    from maeday_core.frames.sources import LeftOut, count_frames
    from maeday_core.methods import detector, find

    if options.threshold is not None and not 0 <= options.threshold < math.inf:
        raise SettingsError(f"The threshold is {options.threshold:g}; give 0 or more.")
    settings = settings_of(options)
    method, tools = find(options.method), tools_of(options, settings)
    ignore = frames.load_ignore(options.ignore) if options.ignore else None
    total = count_frames(options.sources, options.every, frames.results_in(options.out))
    detect = detector(method, tools, reference_of(options, method, tools))
    kept = {name: str(getattr(options, name)) for name in KEPT} | {"settings": asdict(settings)}
    looked: list[frames.Looked] = []
    left_out: list[LeftOut] = []
    options.out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as show:
        for found in frames.look(
            options.sources, detect, options.out, options.every, kept, keep_maps=options.keep_maps
        ):
            if not looked and not left_out:
                frames.write_rows(options.out, ())
            if isinstance(found, LeftOut):
                print_error(f"{found.path}: {found.reason}")
                left_out.append(found)
                continue
            looked.append(found)
            one = frames.judge_so_far(looked, options.out, options.threshold, options.least_area, ignore)
            frames.append_row(options.out, one)
            if not options.json:
                print_line(f"{one.image_score:8.4f}  {one.verdict:9}  {found.name}")
            show(f"{len(looked)} of {total} frames", min(len(looked) / total, 1))
    usual = frames.normal(looked, options.out, ignore)
    judged = list(frames.judge(looked, options.out, usual, options.threshold, options.least_area, ignore))
    frames.write_rows(options.out, judged)
    frames.write_left_out(options.out, left_out)
    write_pictures(options.out, judged, usual, ignore)
    report = write_report(options.out, judged, usual, left_out, ignore)
    anomalous = sum(one.verdict == "anomalous" for one in judged)
    because = reason(usual, judged[0].threshold if judged else usual.threshold)
    print_note(f"\n{found_in(anomalous, len(judged))}. {because} See {report}.")
    for one in judged if options.json else ():  # last: whoever reads them may stop early
        print_json(one.row)
    return 0 if judged else 2
