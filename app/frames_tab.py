"""The Frames tab: many pictures or a video, one list of what to look at first."""

from __future__ import annotations

import html
import logging
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
from PIL import Image

from app.gradio_fixes import uploaded
from app.models import in_turns, loading, loading_backbone, model_choices, without_folders
from app.views import message
from maeday_core import ImageError, MaedayError, Settings, SettingsError, load_image
from maeday_core.adaptation import MAX_SHOTS
from maeday_core.embeddings import BACKBONES
from maeday_core.frames import (
    MAPS,
    ROWS,
    TABLE,
    Judged,
    Looked,
    Normal,
    judge,
    look,
    normal,
    printable,
    write_left_out,
    write_rows,
)
from maeday_core.frames_report import (
    PICTURES,
    annotated,
    objects,
    reason,
    timeline,
    worst_first,
    write_pictures,
    write_report,
)
from maeday_core.images import SUFFIXES, RGBImage
from maeday_core.methods import NAMES, Detect, Reference, default_backbone, detector, learn, load_reference
from maeday_core.sources import VIDEOS, Frame, LeftOut, count_frames, read_frames, unique

MAX_FRAMES = 500
WORST = 12
KEPT = 2 * 3600  # seconds that the files of a visitor who is gone may stay
MISTAKE = "The program made a mistake; its log says more."
MASKS = 4
OPENED = "opened"
SOURCES = "sources"
SHIPPED = (PICTURES, MAPS)
REFRESH = 1.0  # seconds between two tables, at least; judging all frames takes at most a fifth of the time
SHARE = 5
HEADERS = ["#", "Score", "Verdict", "Frame", "Time (s)", "Objects"]
HINT = message(
    "Which of these frames should you look at first?",
    "Add photos, a zip of them or a video, and press Start. Frames are judged against each other, so that most of them "
    "should be clean; no reference is needed.",
)
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


def frames_tab(lifetime: int, tabs: gr.Tabs, incoming: gr.State, example: Path) -> None:
    """Lay out the tab.

    Args:
        lifetime: seconds after which a visitor's frames are deleted.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        example: a zip archive to try it with.
    """
    batch = gr.State(None, time_to_live=lifetime, delete_callback=_delete)
    ignore, chosen = gr.State(None, time_to_live=lifetime), gr.State(None)
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            files = gr.File(
                label="Photos, zip archives or videos",
                file_count="multiple",
                file_types=[*sorted(SUFFIXES), ".zip", *sorted(VIDEOS)],
                height=170,
                elem_id="frame-files",
            )
            with gr.Row():
                start = gr.Button("Start", variant="primary", elem_id="frames-start", min_width=80)
                pause = gr.Button("Pause", interactive=False, elem_id="frames-pause", min_width=80)
                stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="frames-stop", min_width=80)
            tried = gr.Button("Try an example: eleven frames of asphalt", size="sm", elem_id="frames-example")
            with gr.Accordion("Clean frames or an adapter (optional)", open=False):
                good = gr.File(
                    label=f"1 to {MAX_SHOTS} clean frames, or one saved .safetensors",
                    file_count="multiple",
                    file_types=[*sorted(SUFFIXES), ".safetensors"],
                    height=140,
                    elem_id="frames-good",
                )
            with gr.Accordion("Ignore a region", open=False, elem_id="frames-ignore"):
                gr.Markdown("Paint over a sky, a time stamp or the vehicle's bonnet once; it is ignored in all frames.")
                paint = gr.ImageEditor(
                    label="Paint what to ignore",
                    sources=[],
                    transforms=[],
                    layers=False,
                    brush=gr.Brush(colors=["#ff3ea5"], default_size=40, color_mode="fixed"),
                    height=320,
                    format="png",
                    buttons=[],
                    elem_id="frames-paint",
                )
                with gr.Row():
                    canvas = gr.Button("Take a frame to paint on", size="sm", elem_id="frames-canvas", min_width=120)
                    apply = gr.Button("Ignore what is painted", size="sm", elem_id="frames-apply", min_width=120)
                    clear = gr.Button("Ignore nothing", size="sm", elem_id="frames-clear", min_width=100)
            with gr.Accordion("Settings", open=False):
                every = gr.Number(
                    1.0, label="Video: seconds between frames", minimum=0.04, maximum=60, elem_id="frames-every"
                )
                method = gr.Radio(
                    [(NAMES[name], name) for name in ("ensemble", "self", "maeday")],
                    value="ensemble",
                    label="Method",
                    info="With clean frames the ensemble compares with them; self-reference needs none.",
                )
                tile = gr.Radio(
                    [("through windows", "on"), ("whole, 224 x 224", "off")],
                    value="on",
                    label="How the frames are seen",
                    info="Windows see a frame at its own detail, without squeezing it.",
                )
                masks = gr.Slider(1, 32, MASKS, step=1, label="Masks (N), balanced")
                least = gr.Slider(
                    0, 5000, 0, step=50, label="Least area of an object, in pixels of the frame", elem_id="frames-least"
                )
                choices = model_choices()
                model = gr.Dropdown(choices, value=choices[0][1], label="Model")
                keep_maps = gr.Checkbox(False, label="Put every map (.npy) into the zip archive")
        with gr.Column(scale=7, min_width=340):
            card = gr.HTML(HINT, elem_id="frames-card")
            plot = gr.HTML("", elem_id="frames-timeline")
            threshold = gr.Slider(
                0,
                3,
                1,
                step=0.01,
                label="Threshold",
                info="Move it freely: the model does not run again.",
                elem_id="frames-threshold",
            )
            auto = gr.Checkbox(
                True, label="automatic: what is unusual among these frames", container=False, elem_id="frames-auto"
            )
            gallery = gr.Gallery(
                label="The worst frames: click one",
                columns=4,
                height=270,
                object_fit="contain",
                format="jpeg",
                allow_preview=False,
                buttons=[],
                elem_id="frames-worst",
            )
            with gr.Column(visible=False, elem_id="frames-chosen") as panel:
                facts = gr.HTML("", elem_id="frames-facts")
                slider = gr.ImageSlider(
                    label="Frame | heat map, objects",
                    type="numpy",
                    format="png",
                    interactive=False,
                    slider_position=4,
                    max_height=520,
                    elem_id="frames-slider",
                )
                inspect = gr.Button("Open in Inspect, with its masks", size="sm", elem_id="frames-inspect")
            table = gr.Dataframe(
                headers=HEADERS,
                datatype="str",
                type="array",
                interactive=False,
                label="All frames, the worst first: click one",
                max_height=420,
                wrap=True,
                column_widths=["48px", "80px", "110px", "330px", "95px", "95px"],
                elem_id="frames-table",
            )
            with gr.Row():
                downloads = [
                    gr.DownloadButton(label, interactive=False, size="sm", elem_id=name, min_width=90)
                    for label, name in (
                        ("Table (CSV)", "frames-csv"),
                        ("JSON Lines", "frames-jsonl"),
                        ("Report (HTML)", "frames-report"),
                        ("Everything (zip)", "frames-zip"),
                    )
                ]

    private = {"api_visibility": "private", "show_progress": "hidden"}
    quick = {"queue": False, "trigger_mode": "always_last", **private}
    asked = [files, good, every, method, tile, masks, model, keep_maps]
    shown = [batch, card, plot, table, gallery, threshold, start, tried, pause, stop]
    run = {
        "fn": _run,
        "inputs": [*asked, batch, threshold, auto, least, ignore],
        "outputs": [*shown, *downloads],
        "concurrency_limit": 8,
        **private,
    }
    redraw = {
        "fn": _again,
        "inputs": [batch, threshold, auto, least, ignore],
        "outputs": shown,
        "trigger_mode": "always_last",
        **private,
    }
    write = {
        "fn": _files,
        "inputs": batch,
        "outputs": downloads,
        "trigger_mode": "always_last",
        **private,
    }
    look_at = {"outputs": [chosen, panel, facts, slider], **quick}
    fresh = {"fn": lambda: (None, gr.Column(visible=False)), "outputs": [chosen, panel], **quick}
    start.click(**fresh).then(**run)
    tried.click(lambda: [str(example)], None, files, **private).then(**fresh).then(**run)
    pause.click(_pause, None, None, **quick)
    stop.click(_stop, None, None, **quick)
    for event in (
        threshold.input(_by_hand, threshold, auto, **quick),
        auto.input(_automatic, [auto, threshold], None, **quick),
        least.release(lambda: None, None, None, **quick),
        apply.click(_painted, paint, ignore, **private),
        clear.click(lambda: (None, None), None, [ignore, paint], **private),
    ):
        event.then(**redraw).then(_chosen, [batch, chosen], **look_at).then(**write)
    canvas.click(_canvas, [batch, chosen], paint, **private)
    table.select(_by_row, batch, **look_at)
    gallery.select(_by_thumbnail, batch, **look_at)
    inspect.click(_open, [batch, chosen], [incoming, tabs], **private)


def _run(
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
        for model in loading(model_name):
            if isinstance(model, str):
                yield _say(message(f"Loading the model {model_name}", model, "busy"), working=True)
        for network in loading_backbone(model_name):
            if isinstance(network, str):
                yield _say(message("Loading the network that compares patches", network, "busy"), working=True)
        reference = Reference()
        if good:
            yield _say(message("Learning from the clean frames", "This takes half a minute.", "busy"), working=True)
            reference = _learned([uploaded(path) for path in good], method, model, model_name, settings)
        find = detector(method, model, default_backbone(model_name), settings, reference)
        asked = {"files": files, "good": good, "every": float(every or 1.0), "method": method, "tile": tile}
        asked |= {"masks": masks, "model": model_name, "maps": keep_maps}
        if batch is None or batch.state != "paused" or batch.asked != asked or not batch.folder.exists():
            _delete(batch)
            batch = _begun(asked)
        yield from _watch(batch, find, live, least, ignore)
    except MaedayError as error:
        yield _say(message("This did not work", without_folders(str(error)), "problem"), working=False)
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
        shutil.copy(path, folder / SOURCES / unique(Path(path).name, taken))
    batch = Batch(folder, asked, 0)
    return replace(batch, total=min(count_frames(batch.sources, asked["every"]), MAX_FRAMES))


def _watch(batch: Batch, find: Detect, live: Live, least: int, ignore: RGBImage | None) -> Iterator[tuple[Any, ...]]:
    """The loop over the frames; ends with the files to download, also where something goes wrong."""
    batch = replace(batch, looked=(), left_out=(), state="running")
    drawn, cost, problem = 0.0, 0.0, ""
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
            if start - drawn > max(REFRESH, SHARE * cost):
                batch = _judged(batch, live.threshold, least, ignore, camera=False)
                batch, *shown = _show(batch, live.threshold)
                drawn = time.monotonic()
                cost = drawn - start
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
    yield (batch, *shown, *_files(batch))


def _learned(paths: Sequence[str], method: str, model: Any, model_name: str, settings: Settings) -> Iterator[Reference]:
    """What the clean frames tell, or what was saved of them."""
    saved = [path for path in paths if path.lower().endswith(".safetensors")]
    if saved and len(paths) > 1:
        raise SettingsError("Give either clean frames or one saved file, not both.")
    if method == "self":
        raise SettingsError("Self-reference uses no clean frames: leave them out, or choose the ensemble.")
    if saved:
        reference = load_reference(saved[0])
        if any(bank.backbone not in BACKBONES for bank in reference.banks):
            raise SettingsError("What was saved compares with a network that this page does not offer.")
        return reference
    if len(paths) > MAX_SHOTS:
        raise SettingsError(f"{len(paths)} clean frames were given; keep 1 to {MAX_SHOTS}.")
    return learn(method, model, default_backbone(model_name), map(load_image, paths), settings=settings)


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
        (annotated(one, batch.folder, batch.usual, batch.ignore), f"{one.image_score:.2f} {one.looked.name}")
        for one in worst[:WORST]
    ]
    top = max([limit, *(one.image_score for one in worst)], default=1)
    return (
        replace(batch, thumbnails=tuple(one.looked.number for one in worst[:WORST])),
        _card(batch, limit, threshold is not None, problem),
        timeline(batch.judged, limit),
        rows,
        thumbnails,
        gr.Slider(maximum=round(max(1.5 * top, 0.1), 2), **({"value": round(limit, 3)} if threshold is None else {})),
        gr.Button("Resume" if batch.state == "paused" else "Start", interactive=not running),
        *(gr.Button(interactive=on) for on in (not running, running, running)),
    )


def _card(batch: Batch, limit: float, by_hand: bool, problem: str) -> str:
    found = [one for one in batch.judged if one.boxes]
    done, total = len(batch.judged), max(batch.total, len(batch.judged))
    count = sum(len(one.boxes) for one in found)
    if not done:
        title = "No frame could be read" if batch.state != "running" else "Starting"
    elif found:
        title = f"{len(found)} of {done} frames hold something that does not belong"
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
    lost = "".join(
        f"<li>{html.escape(Path(one.path).name)}: {html.escape(without_folders(one.reason))}</li>"
        for one in batch.left_out[:20]
    )
    more = len(batch.left_out) - 20
    lost += f"<li>and {more} more; the report names all</li>" if more > 0 else ""
    beneath = f"<p>{len(batch.left_out)} left out:</p><ul>{lost}</ul>" if lost else ""
    if problem:
        return message("This did not work", f"{problem} What was done is kept. {progress}", "problem", beneath)
    kind = "busy" if batch.state == "running" else "anomalous" if found else "calm" if done else "problem"
    return message(title, progress + text, kind, beneath)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _say(card: str, working: bool) -> tuple[Any, ...]:
    """Only the card and the buttons change."""
    buttons = (gr.Button(interactive=on) for on in (not working, not working, working, working))
    return (gr.skip(), card, *[gr.skip()] * 4, *buttons, *[gr.skip()] * 4)


def _pause(request: gr.Request) -> None:
    if live := _running.get(request.session_hash or ""):
        live.end = "pause"


def _stop(request: gr.Request) -> None:
    if live := _running.get(request.session_hash or ""):
        live.end = "stop"


def _by_hand(threshold: float, request: gr.Request) -> bool:
    if live := _running.get(request.session_hash or ""):
        live.threshold = threshold
    return False


def _automatic(auto: bool, threshold: float, request: gr.Request) -> None:
    if live := _running.get(request.session_hash or ""):
        live.threshold = None if auto else threshold


def _again(batch: Batch | None, threshold: float, auto: bool, least: int, ignore: RGBImage | None) -> tuple[Any, ...]:
    """The same frames under another threshold, least area or ignored region; no model runs."""
    if batch is None or not batch.alive:
        return (gr.skip(),) * 10
    limit = None if auto else threshold
    usual = batch.usual if batch.ignore is ignore else None
    return _show(_judged(batch, limit, least, ignore, usual), limit)


def _files(batch: Batch | None) -> tuple[Any, ...]:
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


def _by_row(batch: Batch | None, event: gr.SelectData) -> tuple[Any, ...]:
    return _chosen(batch, int(float(event.row_value[0])) - 1)


def _by_thumbnail(batch: Batch | None, event: gr.SelectData) -> tuple[Any, ...]:
    if batch is None or event.index >= len(batch.thumbnails):
        return (gr.skip(),) * 4
    return _chosen(batch, batch.thumbnails[event.index])


def _chosen(batch: Batch | None, number: int | None) -> tuple[Any, ...]:
    """The chosen frame at full width, with its objects."""
    one = _frame(batch, number)
    if batch is None or one is None:
        return (gr.skip(),) * 4
    lines = "".join(
        f"<li>{box.width} x {box.height} px at ({box.x}, {box.y}), area {box.area} px, peak {box.peak:.2f}</li>"
        for box in one.boxes[:8]
    )
    facts = (
        f"<h3>{html.escape(one.looked.name)}</h3><p>image score <b>{one.image_score:.2f}</b>, threshold "
        f"<b>{one.threshold:.2f}</b>, {objects(len(one.boxes))}, {one.looked.width} x {one.looked.height} px</p>"
        f"<ul>{lines}</ul>"
    )
    pair = one.looked.picture(batch.folder), annotated(one, batch.folder, batch.usual, batch.ignore, heat=True)
    return number, gr.Column(visible=True), facts, pair


def _frame(batch: Batch | None, number: int | None) -> Judged | None:
    if batch is None or number is None or not batch.folder.exists():
        return None
    return next((one for one in batch.judged if one.looked.number == number), None)


def _canvas(batch: Batch | None, number: int | None) -> Any:
    """A frame to paint on: the chosen one, or the first."""
    one = _frame(batch, number) or (batch.judged[0] if batch and batch.judged and batch.folder.exists() else None)
    if batch is None or one is None:
        raise gr.Error("There is no frame to paint on yet: press Start first.", print_exception=False)
    return one.looked.picture(batch.folder)


def _painted(value: dict[str, Any] | None) -> RGBImage | None:
    """The painted places, white on black; None where there are none."""
    layers = [layer for layer in (value or {}).get("layers", ()) if layer is not None and layer.ndim == 3]
    painted = [layer[..., 3] > 0 for layer in layers if layer.shape[2] == 4]
    if not painted or not np.any(painted):
        return None
    mask = np.any(painted, axis=0)
    return np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)


def _open(batch: Batch | None, number: int | None) -> tuple[Any, Any]:
    """Hand the chosen frame, as it was in its source, to Inspect."""
    one = _frame(batch, number)
    if batch is None or one is None:
        return gr.skip(), gr.skip()
    for found in read_frames(batch.sources, batch.asked["every"], lambda key: key == one.looked.key, batch.names):
        if isinstance(found, Frame):
            path = batch.folder / OPENED / f"{one.looked.stem}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(found.picture).save(path)
            return (str(path), batch.asked["method"], batch.asked["tile"], time.time()), gr.Tabs(selected="inspect")
    return gr.skip(), gr.skip()


def _delete(batch: Batch | None) -> None:
    if batch:
        shutil.rmtree(batch.folder, ignore_errors=True)
