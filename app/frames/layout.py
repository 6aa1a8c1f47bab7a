"""What stands where on the Frames tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.cards import message
from app.events import mark
from app.frames.batch import delete
from app.gradio_fixes import CLAMPED
from app.models import model_choices
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.frames.sources import FORMATS
from maeday_core.io.images import SUFFIXES

MASKS = 4
HINT = message(
    "Which of these frames should you look at first?",
    "Add photos, a zip of them or a video, and press Start. They are judged against each other, with no reference.",
)
HEADERS = {"#": 48, "Score": 80, "Verdict": 110, "Frame": 330, "Time (s)": 95, "Objects": 95}
"""Columns of the table, and their widths in pixels."""


@dataclass(frozen=True)
class RunPanel:
    """What to look at, and the buttons of a run."""

    files: gr.File
    start: gr.Button
    pause: gr.Button
    stop: gr.Button
    example: gr.Button
    good: gr.File


@dataclass(frozen=True)
class IgnorePanel:
    """Painting over what to ignore; `mask` is what was painted, `painted` marks that there is some."""

    mask: gr.State
    painted: gr.Checkbox
    paint: gr.ImageEditor
    canvas: gr.Button
    apply: gr.Button
    clear: gr.Button


@dataclass(frozen=True)
class SettingsPanel:
    """How the frames are seen, and what an object is."""

    every: gr.Number
    method: gr.Radio
    tile: gr.Radio
    masks: gr.Slider
    least_area: gr.Slider
    model: gr.Dropdown
    keep_maps: gr.Checkbox


@dataclass(frozen=True)
class ChosenPanel:
    """One frame at full width; `number` is the frame's."""

    number: gr.State
    column: gr.Column
    facts: gr.HTML
    slider: gr.ImageSlider
    inspect: gr.Button


@dataclass(frozen=True)
class FilesPanel:
    """Files to download."""

    table: gr.DownloadButton
    rows: gr.DownloadButton
    report: gr.DownloadButton
    archive: gr.DownloadButton


@dataclass(frozen=True)
class ResultPanel:
    """What a run gives so far."""

    card: gr.HTML
    timeline: gr.HTML
    threshold: gr.Slider
    auto: gr.Checkbox
    worst: gr.Gallery
    chosen: ChosenPanel
    table: gr.Dataframe
    files: FilesPanel


@dataclass(frozen=True)
class FramesTab:
    """The whole tab; `batch` holds the visitor's frames, `begun` marks that there are some."""

    batch: gr.State
    begun: gr.Checkbox
    run: RunPanel
    ignore: IgnorePanel
    settings: SettingsPanel
    result: ResultPanel

    @property
    def asked(self) -> set[Any]:
        """What a run depends on: with another of these it begins anew."""
        chosen = self.settings
        return {
            self.run.files,
            self.run.good,
            chosen.every,
            chosen.method,
            chosen.tile,
            chosen.masks,
            chosen.model,
            chosen.keep_maps,
        }

    @property
    def criteria(self) -> set[Any]:
        """What a verdict depends on beside the maps."""
        ignore = self.ignore
        return {self.result.threshold, self.result.auto, self.settings.least_area, ignore.mask, ignore.painted}


def lay_out(lifetime: int, methods: list[tuple[str, str]]) -> FramesTab:
    """Lay out the tab.

    Args:
        lifetime: seconds after which a visitor's frames are deleted.
        methods: titles and names of the methods, the default first.
    """
    batch, begun = gr.State(None, time_to_live=lifetime, delete_callback=delete), mark()
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            run = _run()
            ignore = _ignore(lifetime)
            settings = _settings(methods)
        with gr.Column(scale=7, min_width=340):
            result = _result()
    return FramesTab(batch, begun, run, ignore, settings, result)


def _run() -> RunPanel:
    files = gr.File(
        label="Photos, zip archives or videos",
        file_count="multiple",
        file_types=sorted(FORMATS),
        height=170,
        elem_id="frame-files",
    )
    with gr.Row():
        start = gr.Button("Start", variant="primary", elem_id="frames-start", min_width=80)
        pause = gr.Button("Pause", interactive=False, elem_id="frames-pause", min_width=80)
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="frames-stop", min_width=80)
    example = gr.Button("Try an example: eleven frames of asphalt", size="sm", elem_id="frames-example")
    with gr.Accordion("Clean frames or an adapter (optional)", open=False):
        good = gr.File(
            label=f"1 to {MAX_SHOTS} clean frames, or one saved .safetensors",
            file_count="multiple",
            file_types=[*sorted(SUFFIXES), ".safetensors"],
            height=140,
            elem_id="frames-good",
        )
    return RunPanel(files, start, pause, stop, example, good)


def _ignore(lifetime: int) -> IgnorePanel:
    mask, painted = gr.State(None, time_to_live=lifetime), mark()
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
    return IgnorePanel(mask, painted, paint, canvas, apply, clear)


def _settings(methods: list[tuple[str, str]]) -> SettingsPanel:
    choices = model_choices()
    with gr.Accordion("Settings", open=False):
        return SettingsPanel(
            every=gr.Number(
                1.0, label="Video: seconds between frames", minimum=0.04, maximum=60, elem_id="frames-every"
            ),
            method=gr.Radio(
                methods,
                value=methods[0][1],
                label="Method",
                info="With clean frames the ensemble compares with them; self-reference needs none.",
                elem_id="frames-method",
            ),
            tile=gr.Radio(
                [("through windows", "on"), ("whole, 224 x 224", "off")],
                value="on",
                label="How the frames are seen",
                info="Windows see a frame at its own detail, without squeezing it.",
                elem_id="frames-tile",
            ),
            masks=gr.Slider(1, 32, MASKS, step=1, label="Masks (N), balanced", elem_id="frames-masks"),
            least_area=gr.Slider(
                0, 5000, 0, step=50, label="Least area above the threshold, in pixels", elem_id="frames-least"
            ),
            model=gr.Dropdown(choices, value=choices[0][1], label="Model", elem_id="frames-model"),
            keep_maps=gr.Checkbox(False, label="Put every map (.npy) into the zip archive", elem_id="frames-maps"),
        )


def _result() -> ResultPanel:
    return ResultPanel(
        card=gr.HTML(HINT, elem_id="frames-card"),
        timeline=gr.HTML("", elem_id="frames-timeline"),
        threshold=gr.Slider(
            0,
            3,
            1,
            step=0.01,
            label="Threshold",
            info="Move it freely: the model does not run again.",
            elem_id="frames-threshold",
            elem_classes=CLAMPED,
        ),
        auto=gr.Checkbox(
            True,
            label="automatic: what is unusual among these or the clean frames",
            container=False,
            elem_id="frames-auto",
        ),
        worst=gr.Gallery(
            label="The worst frames: click one",
            columns=4,
            height=270,
            object_fit="contain",
            format="jpeg",
            allow_preview=False,
            buttons=[],
            elem_id="frames-worst",
        ),
        chosen=_chosen(),
        table=gr.Dataframe(
            headers=list(HEADERS),
            datatype="str",
            type="array",
            interactive=False,
            label="All frames, the worst first: click one",
            max_height=420,
            wrap=True,
            column_widths=[f"{width}px" for width in HEADERS.values()],
            elem_id="frames-table",
        ),
        files=_files(),
    )


def _chosen() -> ChosenPanel:
    number = gr.State(None)
    with gr.Column(visible=False, elem_id="frames-chosen") as column:
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
    return ChosenPanel(number, column, facts, slider, inspect)


def _files() -> FilesPanel:
    with gr.Row():
        return FilesPanel(
            _download("Table (CSV)", "frames-csv"),
            _download("JSON Lines", "frames-jsonl"),
            _download("Report (HTML)", "frames-report"),
            _download("Everything (zip)", "frames-zip"),
        )


def _download(label: str, elem_id: str) -> gr.DownloadButton:
    return gr.DownloadButton(label, interactive=False, size="sm", elem_id=elem_id, min_width=90)
