"""Find foreign objects in folders, zip archives and videos."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from maeday_core.cli.engine import add_engine, model_to_send, pool_of
from maeday_core.cli.feedback import add_feedback
from maeday_core.cli.good_parts import add_good_parts, reference_of
from maeday_core.cli.options import add_formats, add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_error, print_json, print_line, print_note, print_warning, progress_bar
from maeday_core.cli.regions import add_region, mask_of
from maeday_core.errors import SettingsError
from maeday_core.io.corrections import load_corrections
from maeday_core.io.files import check_folder, sha256
from maeday_core.io.folders import find_images
from maeday_core.io.remote import is_remote, located

if TYPE_CHECKING:
    from maeday_core.frames import FrameRecord, FrameRun, Judgement, Sources, Verdict
    from maeday_core.methods import Detect, Reference, Tools


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="folders, zip archives, videos, pictures; also s3://, gs://, hf://"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="results, also s3:// and so on; run again to go on")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between frames of a video")
    add_method(parser, default="ensemble")
    add_settings(parser, masks=4, sampling="balanced", tile="on")
    add_good_parts(parser)
    parser.add_argument("--threshold", type=float, metavar="T", help="by default what is unusual for these frames")
    add_region(parser)
    add_feedback(parser)
    parser.add_argument("--least-area", type=int, default=0, metavar="PIXELS", help="smaller regions are no objects")
    parser.add_argument("--keep-maps", action="store_true", help="write every map, float32, to DIR/maps")
    add_formats(parser)
    add_engine(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a frame on standard output")


def run(options: Namespace) -> int:
    """Run the detector on every frame, then judge all of them together."""
    from maeday_core.frames import FrameRun, Sources
    from maeday_core.frames.files import rows_of
    from maeday_core.methods import detector, find

    criteria = _criteria(options)
    out = located(options.out)
    if options.format and is_remote(out):
        raise SettingsError("A data set (--format) is written into a local folder: give one with --out.")
    check_folder(out)
    method, tools = find(options.method), tools_of(options, settings_of(options))
    frames, sources = FrameRun(out), Sources([*map(located, options.sources)], options.every)
    reference = reference_of(options, method, tools)
    detect = detector(method, tools, reference)
    depends_on = method.depends_on(tools, reference.shots).record()
    depends_on |= {"sources": str(options.sources), **_good_parts(options)}
    del depends_on["alarm_rate"]  # frames are judged anew without looking at them again
    if options.engine == "ray":
        _look_together(options, frames, sources, tools, reference, depends_on)
    else:
        _look(options, frames, sources, detect, depends_on, criteria)
    judgement = frames.judge(**criteria)
    if options.feedback and options.threshold is None:
        judgement = _corrected(judgement, options)
    report = frames.write(judgement)
    if options.format:
        _annotate(judgement, sources, frames, options.format)
    print_note(f"{_found(judgement)} {judgement.reason} See {report}.")
    for verdict, row in zip(judgement.verdicts, rows_of(judgement), strict=True):  # last: a reader may stop early
        if options.json:
            print_json(row)
        else:
            print_line(_line(verdict))
    return 0 if judgement.verdicts else 2


def _look(
    options: Namespace,
    frames: FrameRun,
    sources: Sources,
    detect: Detect,
    depends_on: dict[str, Any],
    criteria: dict[str, Any],
) -> None:
    """Look at the frames one by one, and say what is found by those so far."""
    from maeday_core.frames import LeftOut

    total = sources.count(frames.written)
    records: list[FrameRecord] = []
    with progress_bar() as show:
        for found in frames.look(sources, detect, depends_on, options.keep_maps):
            if isinstance(found, LeftOut):
                print_error(f"{found.path}: {found.reason}")
                continue
            records.append(found)
            verdict = frames.so_far(records, **criteria)
            if not options.json:
                print_note(f"so far: {_line(verdict)}")
            show(f"{len(records)} of {total} frames", len(records) / max(total, 1))


def _look_together(
    options: Namespace,
    frames: FrameRun,
    sources: Sources,
    tools: Tools,
    reference: Reference,
    depends_on: dict[str, Any],
) -> None:
    """Look at the frames by workers on Ray, and say how far they are."""
    pool, model = pool_of(options), model_to_send(options)
    from maeday_core.cluster.frames import Detector, look

    make = Detector(options.method, model, tools.settings, tools.backbone, options.preset, reference)
    total = sources.count(frames.written)
    with progress_bar() as show:
        for progress in look(frames, sources, make, pool, depends_on, options.keep_maps):
            show(progress.line(total), progress.done / max(total, 1))
    for left_out in frames.left_out():
        print_error(f"{left_out.path}: {left_out.reason}")


def _corrected(judgement: Judgement, options: Namespace) -> Judgement:
    """The verdicts under the limit that was moved by what was said of frames, now or in other runs over them."""
    from maeday_core.frames.said import labelled, moved_by

    corrections = load_corrections(options.feedback)
    said = labelled(judgement, corrections)
    if missing := len(corrections) - len({one.key for one in said.values()}):
        print_warning(
            f"{missing} of the {len(corrections)} pictures in {options.feedback} are not here, and do not count."
        )
    moved = moved_by(judgement, {number: one.label for number, one in said.items()})
    return judgement.at(None, options.least_area, moved)


def _annotate(judgement: Judgement, sources: Sources, frames: FrameRun, formats: Sequence[str]) -> None:
    """Write the frames and what was found in them as a data set; they are decoded once more, at their own size."""
    from maeday_core.annotations import Dataset
    from maeday_core.annotations.found import of_verdict
    from maeday_core.frames import Frame
    from maeday_core.frames.run import DATASET

    dataset = Dataset(frames.folder / DATASET, formats)
    verdicts = {verdict.record.key: verdict for verdict in judgement.verdicts}
    with progress_bar() as show:
        for done, found in enumerate(sources.frames(verdicts.__contains__, frames.written)):
            if isinstance(found, Frame):
                dataset.add(of_verdict(verdicts[found.key], judgement), found.picture)
                show("Writing the data set", done / len(verdicts))
    dataset.write()


def _found(judgement: Judgement) -> str:
    """What was found; where that is nothing, the frames to look at first."""
    from maeday_core.frames.triage import first, headline

    if judgement.anomalous or not judgement.verdicts:
        return f"{headline(judgement)}."
    return f"{headline(judgement)}: {', '.join(verdict.record.name for verdict in first(judgement))}."


def _line(verdict: Verdict) -> str:
    return f"{verdict.image_score:8.4f}  {verdict.verdict:9}  {verdict.record.name}"


def _good_parts(options: Namespace) -> dict[str, Any]:
    """The contents of the good parts, or of what was learned from them, whatever their names."""
    return {
        "normals": [sha256(path) for path in find_images(options.normals or [])],
        "adapter": sha256(options.adapter) if options.adapter else None,
    }


def _criteria(options: Namespace) -> dict[str, Any]:
    """What an object is, as it was given."""
    if options.threshold is not None and not 0 <= options.threshold < math.inf:
        raise SettingsError(f"The threshold is {options.threshold:g}; give 0 or more.")
    return {
        "threshold": options.threshold,
        "least_area": options.least_area,
        "ignore": mask_of(options),
        "alarm_rate": options.alarm_rate,
    }
