"""Watch a camera, a stream or a folder that fills, and give a verdict on what arrives."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.cli.good_parts import add_good_parts, reference_of
from maeday_core.cli.options import add_method, add_settings, settings_of, tools_of
from maeday_core.cli.output import print_json, print_line, print_mistake, print_note
from maeday_core.cli.regions import add_region, region_of
from maeday_core.errors import SettingsError
from maeday_core.io.files import check_folder, replacing

if TYPE_CHECKING:
    from maeday_core.methods import Reference
    from maeday_core.watching import Watched

TABLE, ALARMS = "watch.csv", "alarms"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("source", metavar="SOURCE", help="number of a camera, address of a stream, or a folder")
    add_method(parser, default="ensemble")
    add_settings(parser, masks=4, sampling="balanced", tile="auto")
    add_good_parts(parser)
    add_region(parser, align=True)
    parser.add_argument("--threshold", type=float, metavar="T", help="by default each picture's or the good parts'")
    parser.add_argument("--every", type=float, default=0.0, metavar="SECONDS", help="at least, between two verdicts")
    parser.add_argument("--frames", type=int, metavar="N", help="end after so many verdicts")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"add to {TABLE}, and keep a picture of each alarm")
    parser.add_argument("--webhook", metavar="URL", help="is told of each alarm as JSON, by POST")
    parser.add_argument(
        "--mqtt", metavar="URL", help="the same to a topic of a broker: mqtt://user:password@host/topic"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a verdict on standard output")


def run(options: Namespace) -> int:
    """Watch until it is ended: by `q` on standard input, Ctrl-C, SIGTERM or `--frames`."""
    from maeday_core.methods import detector, find
    from maeday_core.watching import Mqtt, Tally, Teller, Webhook, watch
    from maeday_core.watching.arrivals import arrivals

    _check(options)
    method, tools = find(options.method), tools_of(options, settings_of(options), region=region_of(options))
    source = arrivals(options.source, print_note)
    results = Results(options.out, options.threshold) if options.out else None
    kinds: list[tuple[type[Teller], str | None]] = [(Webhook, options.webhook), (Mqtt, options.mqtt)]
    tellers = [kind(address, print_note) for kind, address in kinds if address]
    reference = reference_of(options, method, tools)
    ended, paused = threading.Event(), threading.Event()
    _listen(ended, paused)
    tally = Tally(started=time.monotonic())
    try:
        detect = detector(method, tools, reference)
        for watched in watch(source, detect, ended, paused, options.threshold, options.every, print_mistake):
            if results:
                results.write(watched, reference)
            for teller in tellers if watched.alarm else ():
                teller.write(watched.row)
            tally.add(watched)
            _print(watched, options.json)
            if tally.judged == options.frames:
                ended.set()
    finally:
        ended.set()
        for teller in tellers:
            teller.close()
            print_note(f"{teller.delivered} alarms delivered by {type(teller).__name__}, {teller.undelivered} not.")
        print_note(tally.told(source))
    return 0


def _check(options: Namespace) -> None:
    if options.threshold is not None and not 0 <= options.threshold < math.inf:
        raise SettingsError(f"The threshold is {options.threshold:g}; give 0 or more.")
    if not 0 <= options.every < math.inf:
        raise SettingsError(f"A verdict every {options.every:g} seconds cannot be given; give 0 or more.")
    if options.frames is not None and options.frames < 1:
        raise SettingsError(f"{options.frames} verdicts cannot be given; give 1 or more.")


def _print(watched: Watched, as_json: bool) -> None:
    row = watched.row
    if as_json:
        print_json(row)
    else:
        sign = ">" if row["verdict"] == "anomalous" else "<="
        score = f"{row['image_score']:8.4f} {sign} {row['threshold']:.4f}"
        print_line(f"{score}  {row['verdict']:9}  {row['time']}  {row['path']}")


def _listen(ended: threading.Event, paused: threading.Event) -> None:
    """Lines on standard input: `p` pauses and goes on, `q` ends."""

    def listen() -> None:
        with contextlib.suppress(OSError, ValueError):  # it cannot be read
            for line in sys.stdin:
                match line.strip().lower():
                    case "q":
                        ended.set()
                        return
                    case "p" if paused.is_set():
                        paused.clear()
                        print_note("Going on.")
                    case "p":
                        paused.set()
                        print_note("Paused; p goes on, q ends.")

    if sys.stdin and not _in_background():
        threading.Thread(target=listen, daemon=True).start()


def _in_background() -> bool:
    """Whether the system would stop this process if it read its terminal."""
    with contextlib.suppress(OSError, ValueError):
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
    return False


class Results:
    """The folder of a watch: its table, and a picture of each alarm with what is outlined."""

    def __init__(self, folder: Path, threshold: float | None):
        from maeday_core.watching import Table

        check_folder(folder)
        self._folder, self._threshold, self._table = folder, threshold, Table(folder / TABLE)

    def write(self, watched: Watched, reference: Reference) -> None:
        """Write the line of a verdict; of an alarm, its picture before."""
        if watched.alarm:
            path = self._folder / ALARMS / f"{watched.row['time'].replace(':', '')}-{watched.shot.number}.jpg"
            self._draw(watched, reference, path)
            watched.row["picture"] = str(path)
        self._table.write(watched.row)

    def _draw(self, watched: Watched, reference: Reference, path: Path) -> None:
        from maeday_core.drawing.html import jpeg_bytes
        from maeday_core.drawing.shown import marked, shown

        view = replace(
            shown(watched.shot.path, watched.shot.picture, watched.result, reference=reference), by_hand=self._threshold
        )
        with replacing(path) as temporary:
            temporary.write_bytes(jpeg_bytes(marked(view, view.query)))
