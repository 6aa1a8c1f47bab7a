"""What stands where on the Frames tab: what to look at, what to ignore, how, and what a run gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.events import mark
from app.frames.batch import delete
from app.frames.result_panel import ResultPanel, result_panel
from app.ignoring import IgnorePanel, lay_out_ignoring
from app.models import model_choices
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.frames.sources import FORMATS
from maeday_core.io.images import SUFFIXES

MASKS = 4
ABOUT_IGNORING = "Paint over a sky, a time stamp or the vehicle's bonnet once; it is ignored in all frames."


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
        ignore, result = self.ignore, self.result
        limit = {result.limit, result.auto, result.follow}
        return {*limit, self.settings.least_area, ignore.mask, ignore.painted}


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
            ignore = lay_out_ignoring("frames", lifetime, ABOUT_IGNORING, "Paint on the chosen frame")
            settings = _settings(methods)
        with gr.Column(scale=7, min_width=340, elem_id="frames-result"):
            result = result_panel()
    return FramesTab(batch, begun, run, ignore, settings, result)


def _run() -> RunPanel:
    files = gr.File(
        label="Photos, zips, videos",
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
    with gr.Accordion("Clean frames, or a file learned from them (optional)", open=False):
        good = gr.File(
            label=f"1 to {MAX_SHOTS} clean frames, or one saved .safetensors",
            file_count="multiple",
            file_types=[*sorted(SUFFIXES), ".safetensors"],
            height=170,
            elem_id="frames-good",
        )
    return RunPanel(files, start, pause, stop, example, good)


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
