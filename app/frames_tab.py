"""The Frames tab: many pictures or a video, one list of what to look at first. What stands where."""

from __future__ import annotations

import html
import time
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from app.batch import Batch, again, automatic, by_hand, delete, files_of, pause_run, run_frames, stop_run
from app.cards import message
from app.gradio_fixes import CLAMPED
from app.inspect import Incoming
from app.models import model_choices
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.frames.report import (
    annotated,
    objects,
)
from maeday_core.frames.run import (
    Judged,
)
from maeday_core.frames.sources import VIDEOS, Frame, read_frames
from maeday_core.io.images import SUFFIXES, RGBImage
from maeday_core.methods import find

MASKS = 4
OPENED = "opened"
HEADERS = ["#", "Score", "Verdict", "Frame", "Time (s)", "Objects"]
HINT = message(
    "Which of these frames should you look at first?",
    "Add photos, a zip of them or a video, and press Start. They are judged against each other, with no reference.",
)


def frames_tab(lifetime: int, tabs: gr.Tabs, incoming: gr.State, example: Path) -> None:
    """Lay out the tab.

    Args:
        lifetime: seconds after which a visitor's frames are deleted.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        example: a zip archive to try it with.
    """
    batch = gr.State(None, time_to_live=lifetime, delete_callback=delete)
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
                    canvas = gr.Button("1. Take a frame to paint on", size="sm", elem_id="frames-canvas", min_width=120)
                    apply = gr.Button("2. Ignore what is painted", size="sm", elem_id="frames-apply", min_width=120)
                    clear = gr.Button("Ignore nothing", size="sm", elem_id="frames-clear", min_width=100)
            with gr.Accordion("Settings", open=False):
                every = gr.Number(
                    1.0, label="Video: seconds between frames", minimum=0.04, maximum=60, elem_id="frames-every"
                )
                method = gr.Radio(
                    [(find(name).title, name) for name in ("ensemble", "self", "maeday")],
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
                    0, 5000, 0, step=50, label="Least area above the threshold, in pixels", elem_id="frames-least"
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
                elem_classes=CLAMPED,
            )
            auto = gr.Checkbox(
                True,
                label="automatic: what is unusual among these or the clean frames",
                container=False,
                elem_id="frames-auto",
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
        "fn": run_frames,
        "inputs": [*asked, batch, threshold, auto, least, ignore],
        "outputs": [*shown, *downloads],
        "concurrency_limit": 8,
        **private,
    }
    redraw = {
        "fn": again,
        "inputs": [batch, threshold, auto, least, ignore],
        "outputs": shown,
        "trigger_mode": "always_last",
        **private,
    }
    write = {
        "fn": files_of,
        "inputs": batch,
        "outputs": downloads,
        "trigger_mode": "always_last",
        **private,
    }
    look_at = {"outputs": [chosen, panel, facts, slider], **quick}
    fresh = {"fn": lambda: (None, gr.Column(visible=False)), "outputs": [chosen, panel], **quick}
    start.click(**fresh).then(**run)
    tried.click(lambda: [str(example)], None, files, **private).then(**fresh).then(**run)
    pause.click(pause_run, None, None, **quick)
    stop.click(stop_run, batch, [batch, start, stop], **quick)
    for setting in asked:
        setting.change(lambda: gr.Button("Start"), None, start, **quick)
    for event in (
        threshold.input(by_hand, threshold, auto, **quick),
        auto.input(automatic, [auto, threshold], None, **quick),
        least.change(lambda: None, None, None, **quick),
        apply.click(_painted, paint, ignore, **private),
        clear.click(lambda: (None, None), None, [ignore, paint], **private),
    ):
        event.then(**redraw).then(_chosen, [batch, chosen], **look_at).then(**write)
    canvas.click(_canvas, [batch, chosen], paint, **private)
    table.select(_by_row, batch, **look_at)
    gallery.select(_by_thumbnail, batch, **look_at)
    inspect.click(_open, [batch, chosen], [incoming, tabs], **private)


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
        gr.Warning("Nothing is painted yet: take a frame first, then paint over what to ignore.")
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
            asked = batch.asked
            wanted = Incoming(
                str(path), asked["method"], asked["tile"], asked["masks"], round(one.threshold, 3), time.time()
            )
            return wanted, gr.Tabs(selected="inspect")
    return gr.skip(), gr.skip()
