"""One visitor's frames: the run that looks at them, what the page shows of it, and the files to take away."""

from __future__ import annotations

import html
import logging
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from markupsafe import Markup

from app.cards import message
from app.errors import without_folders
from app.gradio_fixes import uploaded
from app.models import in_turns, load_saved, load_tools
from maeday_core import ImageError, MaedayError, Photos, Settings, SettingsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.frames.report import (
    annotated,
    found_in,
    objects,
    reason,
    timeline,
    worst_first,
    write_pictures,
    write_report,
)
from maeday_core.frames.run import (
    MAPS,
    PICTURES,
    ROWS,
    TABLE,
    Judged,
    Looked,
    Normal,
    judge,
    load_looked,
    look,
    normal,
    printable,
    write_left_out,
    write_rows,
)
from maeday_core.frames.sources import LeftOut, count_frames, unique
from maeday_core.io.images import RGBImage
from maeday_core.methods import Detect, Reference, Tools, detector, find, learn

MAX_FRAMES = 500
WORST = 12
KEPT = 2 * 3600  # seconds that the files of a visitor who is gone may stay
REFRESH = 1.0  # seconds between two tables, at least; judging all frames takes at most a fifth of the time
SHARE = 5
SOURCES = "sources"
SHIPPED = (PICTURES, MAPS)
MISTAKE = "The program made a mistake; its log says more."
_running: dict[str, Live] = {}
"""What a visitor asks of a run while it runs, by session."""
_batches = tempfile.TemporaryDirectory(prefix="maeday-frames-")
"""Holds the folder of every visitor's run; gone with the program."""


@dataclass
class Live:
    """Wishes that reach a running loop: `pause` or `stop`, and a threshold, None being the automatic one."""

    end: str = ""
    threshold: float | None = None


@dataclass(frozen=True)
class Batch:
    """One visitor's frames so far; the files lie in `folder`.

    Attributes:
        asked: files and settings that a paused run must share to go on.
        total: how many frames there will be, about.
        thumbnails: numbers of the frames in the gallery, as it was drawn last.
        ignore: the mask that `usual` holds for.
        state: `running`, `paused`, `stopped` or `done`.
    """

    folder: Path
    asked: dict[str, Any]
    total: int
    looked: tuple[Looked, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    usual: Normal = field(default_factory=lambda: Normal(0, "", ()))
    judged: tuple[Judged, ...] = ()
    thumbnails: tuple[int, ...] = ()
    ignore: RGBImage | None = None
    state: str = "running"

    @property
    def worst(self) -> list[Judged]:
        """The frames by score, the highest first."""
        return worst_first(self.judged)

    @property
    def names(self) -> dict[str, str]:
        """What to call the files in `sources`."""
        return {str(path): path.name for path in self.sources}

    @property
    def sources(self) -> list[Path]:
        """The visitor's files, kept as long as the run is."""
        return sorted((self.folder / SOURCES).iterdir())

    @property
    def alive(self) -> bool:
        """Whether it can be judged anew: its files are there, and nothing is writing to them."""
        return self.state != "running" and self.folder.exists()


def run_frames(
    files: list[str] | None,
    good: list[str] | None,
    every: float | None,
    method: str,
    tile: str,
    masks: int,
    model_name: str,
    keep_maps: bool,
    batch: Batch | None,
    threshold: float,
    auto: bool,
    least: int,
    ignore: RGBImage | None,
    request: gr.Request,
) -> Iterator[tuple[Any, ...]]:
    """Look at all frames, showing what there is after each; a paused run goes on where it was."""
    session = request.session_hash or ""
    if session in _running:
        yield _say(message("A run is going on", "Pause or stop it first.", "busy"), working=True)
        return
    live = _running[session] = Live(threshold=None if auto else threshold)
    try:
        if not files:
            raise ImageError("There are no frames yet: add photos, a zip archive or a video on the left.")
        yield _say(message("Starting", "If others work here now, you take turns.", "busy"), working=True)
        settings = Settings(masks=int(masks), sampling="balanced", tile=tile)
        tools = yield from load_tools(model_name, settings, find(method), _busy)
        reference = Reference()
        if good:
            yield _say(message("Learning from the clean frames", "This takes half a minute.", "busy"), working=True)
            reference = _learned([uploaded(path) for path in good], method, tools)
        detect = detector(find(method), tools, reference)
        asked = {"files": files, "good": good, "every": float(every or 1.0), "method": method, "tile": tile}
        asked |= {"masks": masks, "model": model_name, "maps": keep_maps}
        if batch is None or batch.state != "paused" or batch.asked != asked or not batch.folder.exists():
            delete(batch)
            batch = _begun(asked)
        yield from _watch(batch, detect, live, least, ignore)
    except MaedayError as error:
        yield _say(message("This did not work", without_folders(str(error)), "problem"), working=False)
    except gr.Error as error:  # a file that was not uploaded here
        yield _say(message("This did not work", error.message, "problem"), working=False)
    except Exception:
        logging.getLogger(__name__).exception("inspecting frames failed")
        yield _say(message("This did not work", MISTAKE, "problem"), working=False)
    finally:
        _running.pop(session, None)


def _begun(asked: dict[str, Any]) -> Batch:
    """A new run with the visitor's files in its folder: Gradio forgets what was uploaded an hour ago."""
    for old in Path(_batches.name).iterdir():  # of visitors whose session was dropped
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=_batches.name))
    (folder / SOURCES).mkdir()
    taken: set[str] = set()
    for path in map(uploaded, asked["files"]):
        try:
            shutil.copy(path, folder / SOURCES / unique(Path(path).name, taken))
        except OSError as error:
            raise ImageError(f"{Path(path).name} is no longer here; add it again.") from error
    batch = Batch(folder, asked, 0)
    return replace(batch, total=min(count_frames(batch.sources, asked["every"]), MAX_FRAMES))


def _watch(batch: Batch, find: Detect, live: Live, least: int, ignore: RGBImage | None) -> Iterator[tuple[Any, ...]]:
    """The loop over the frames; ends with the files to download, also where something goes wrong."""
    batch = replace(batch, looked=(), left_out=(), state="running")
    drawn, cost, problem = 0.0, 0.0, ""
    known = len(load_looked(batch.folder))
    found = look(
        batch.sources, find, batch.folder, batch.asked["every"], names=batch.names, keep_maps=batch.asked["maps"]
    )
    try:
        for one in in_turns(found):
            if isinstance(one, LeftOut):
                batch = replace(batch, left_out=(*batch.left_out, one))
            elif len(batch.looked) < MAX_FRAMES:
                batch = replace(batch, looked=(*batch.looked, one))
            else:
                rest = LeftOut("The rest", f"More than {MAX_FRAMES} frames were given; use the command line for them.")
                batch = replace(batch, left_out=(*batch.left_out, rest))
                break
            start = time.monotonic()
            if len(batch.looked) > known and start - drawn > max(REFRESH, SHARE * cost):
                batch = _judged(batch, live.threshold, least, ignore, camera=False)
                batch, *shown = _show(batch, live.threshold)
                drawn = time.monotonic()
                cost = drawn - start
                os.utime(batch.folder)  # in use
                yield (batch, *shown, *[gr.skip()] * 4)
            if live.end:
                break
    except MaedayError as error:
        problem = without_folders(str(error))
    except Exception:
        logging.getLogger(__name__).exception("inspecting frames failed")
        problem = MISTAKE
    finally:
        found.close()
    end = "pause" if problem else live.end
    batch = replace(batch, state={"": "done", "pause": "paused", "stop": "stopped"}[end])
    batch = _judged(batch, live.threshold, least, ignore)
    batch, *shown = _show(batch, live.threshold, problem)
    yield (batch, *shown, *files_of(batch))


def _learned(paths: Sequence[str], method: str, tools: Tools) -> Reference:
    """What the clean frames tell, or what was saved of them."""
    saved = [path for path in paths if path.lower().endswith(".safetensors")]
    if saved and len(paths) > 1:
        raise SettingsError("Give either clean frames or one saved file, not both.")
    if saved:
        return load_saved(saved[0])
    if len(paths) > MAX_SHOTS:
        raise SettingsError(f"{len(paths)} clean frames were given; keep 1 to {MAX_SHOTS}.")
    return learn(find(method), tools, Photos(paths))


def _judged(
    batch: Batch,
    threshold: float | None,
    least: int,
    ignore: RGBImage | None,
    usual: Normal | None = None,
    camera: bool = True,
) -> Batch:
    """The batch under a threshold, None being its own; what is normal is told anew unless it is given."""
    usual = usual or normal(batch.looked, batch.folder, ignore, camera)
    judged = tuple(judge(batch.looked, batch.folder, usual, threshold, int(least), ignore))
    return replace(batch, usual=usual, judged=judged, ignore=ignore)


def _show(batch: Batch, threshold: float | None, problem: str = "") -> tuple[Any, ...]:
    limit = batch.usual.threshold if threshold is None else threshold
    running = batch.state == "running"
    worst = batch.worst
    rows = [
        [
            one.looked.number + 1,
            f"{one.image_score:.3f}",
            one.verdict,
            printable(one.looked.path),
            "" if one.looked.time is None else f"{one.looked.time:g}",
            len(one.boxes),
        ]
        for one in worst
    ]
    thumbnails = [
        (
            annotated(one, batch.folder, batch.usual, batch.ignore, labels=False),
            f"{one.image_score:.2f} · {one.looked.name}",
        )
        for one in worst[:WORST]
    ]
    top = max([limit, *(one.image_score for one in worst)], default=1)
    return (
        replace(batch, thumbnails=tuple(one.looked.number for one in worst[:WORST])),
        _card(batch, limit, threshold is not None, problem),
        timeline(batch.judged, limit),
        rows,
        thumbnails,
        _slider(limit, top, threshold is None) if worst else gr.skip(),
        gr.Button("Resume" if batch.state == "paused" else "Start", interactive=not running),
        *(gr.Button(interactive=on) for on in (not running, running, running or batch.state == "paused")),
    )


def _slider(limit: float, top: float, automatic: bool) -> gr.Slider:
    """The threshold's slider, reaching beyond all scores; where a visitor has put it by hand it stays."""
    maximum = round(max(1.5 * top, 0.1), 2)
    return gr.Slider(maximum=maximum, value=round(limit, 3)) if automatic else gr.Slider(maximum=maximum)


def _card(batch: Batch, limit: float, by_hand: bool, problem: str) -> str:
    found = [one for one in batch.judged if one.boxes]
    done, total = len(batch.judged), max(batch.total, len(batch.judged))
    count = sum(len(one.boxes) for one in found)
    if not done:
        title = "No frame could be read" if batch.state != "running" else "Starting"
    elif found:
        title = found_in(len(found), done)
    else:
        title = f"Nothing unusual in {done} frame{'s' * (done > 1)}"
    text = f"{objects(count)} above the threshold {limit:.2f}. " if found else ""
    text += reason(batch.usual, limit) if not by_hand else "The threshold was set by hand."
    text += " What was painted is ignored." if batch.ignore is not None else ""
    left = np.mean([one.seconds for one in batch.looked] or [0]) * max(total - len(batch.looked), 0)
    progress = {
        "running": f"{done} of {total} frames so far, about {_duration(left)} left. ",
        "paused": f"Paused after {done} of {total} frames; Resume goes on. ",
        "stopped": f"Stopped after {done} of {total} frames. ",
    }.get(batch.state, "")
    lost = "".join(f"<li>{html.escape(without_folders(one.reason))}</li>" for one in batch.left_out[:20])
    more = len(batch.left_out) - 20
    lost += f"<li>and {more} more; the report names all</li>" if more > 0 else ""
    beneath = Markup(f"<p>{len(batch.left_out)} left out:</p><ul>{lost}</ul>" if lost else "")
    if problem:
        return message("This did not work", f"{problem} What was done is kept. {progress}", "problem", beneath)
    kind = "busy" if batch.state == "running" else "anomalous" if found else "calm" if done else "problem"
    return message(title, progress + text, kind, beneath)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _busy(title: str, text: str) -> Any:
    return _say(message(title, text, "busy"), working=True)


def _say(card: str, working: bool) -> tuple[Any, ...]:
    """Only the card and the buttons change."""
    buttons = (gr.Button(interactive=on) for on in (not working, not working, working, working))
    return (gr.skip(), card, *[gr.skip()] * 4, *buttons, *[gr.skip()] * 4)


def pause_run(request: gr.Request) -> None:
    if live := _running.get(request.session_hash or ""):
        live.end = "pause"


def stop_run(batch: Batch | None, request: gr.Request) -> tuple[Any, Any, Any]:
    """End the run after the frame in work; a paused one goes on no more."""
    if live := _running.get(request.session_hash or ""):
        live.end = "stop"
    elif batch and batch.state == "paused":
        return replace(batch, state="stopped"), gr.Button("Start"), gr.Button(interactive=False)
    return gr.skip(), gr.skip(), gr.skip()


def by_hand(threshold: float, request: gr.Request) -> bool:
    if live := _running.get(request.session_hash or ""):
        live.threshold = threshold
    return False


def automatic(auto: bool, threshold: float, request: gr.Request) -> None:
    if live := _running.get(request.session_hash or ""):
        live.threshold = None if auto else threshold


def again(batch: Batch | None, threshold: float, auto: bool, least: int, ignore: RGBImage | None) -> tuple[Any, ...]:
    """The same frames under another threshold, least area or ignored region; no model runs."""
    if batch is None or not batch.alive:
        return (gr.skip(),) * 10
    limit = None if auto else threshold
    usual = batch.usual if batch.ignore is ignore else None
    return _show(_judged(batch, limit, least, ignore, usual), limit)


def files_of(batch: Batch | None) -> tuple[Any, ...]:
    """Table, rows, report and all of it in one archive, as the page shows them now."""
    if batch is None or not batch.judged or not batch.alive:
        return (gr.skip(),) * 4
    folder = batch.folder
    write_rows(folder, batch.judged)
    write_left_out(folder, batch.left_out)
    write_pictures(folder, batch.judged, batch.usual, batch.ignore)
    report = write_report(folder, batch.judged, batch.usual, batch.left_out, batch.ignore)
    archive = folder / "maeday-frames.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (path.parent.name in SHIPPED or path.parent == folder) and path != archive:
                packed.write(path, path.relative_to(folder))
    paths = (folder / TABLE, folder / ROWS, report, archive)
    return tuple(gr.DownloadButton(value=str(path), interactive=True) for path in paths)


def delete(batch: Batch | None) -> None:
    if batch:
        shutil.rmtree(batch.folder, ignore_errors=True)
