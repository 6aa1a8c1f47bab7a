"""What happens when on the Frames tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app.events import AT_ONCE, LATEST, PRIVATE, components
from app.frames.layout import FramesTab, lay_out
from app.frames.run import Watching
from maeday_core.methods import ENSEMBLE, METHODS, Shots

MAX_RUNS = 8


def frames_tab(lifetime: int, tabs: gr.Tabs, incoming: gr.State, example: Path) -> None:
    """Lay out the tab and wire its events.

    Args:
        lifetime: seconds after which a visitor's frames are deleted.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        example: a zip archive to try it with.
    """
    watching = Watching(lay_out(lifetime, method_choices()), example, tabs, incoming)
    _wire_run(watching)
    _wire_criteria(watching)
    _wire_chosen(watching)


def method_choices() -> list[tuple[str, str]]:
    """Titles and names of the methods that can do without clean frames, the ensemble first."""
    able = [method for method in METHODS.values() if method.offered and method.shots is not Shots.REQUIRED]
    return [(method.title, method.name) for method in sorted(able, key=lambda method: method != ENSEMBLE)]


def _shown(tab: FramesTab) -> set[Any]:
    """What shows a batch."""
    result, run = tab.result, tab.run
    buttons = {run.start, run.example, run.pause, run.stop}
    return {tab.batch, tab.begun, result.card, result.timeline, result.table, result.worst, result.threshold, *buttons}


def _reset(tab: FramesTab) -> set[Any]:
    """What is another where a batch was forgotten."""
    chosen = tab.result.chosen
    return _shown(tab) | {chosen.number, chosen.column, *components(tab.result.files)}


def _wire_run(watching: Watching) -> None:
    """Start, an example, pause and stop; other settings mean another run."""
    tab, run, chosen = watching.tab, watching.tab.run, watching.tab.result.chosen
    start: dict[str, Any] = {
        "fn": watching.start,
        "inputs": tab.asked | tab.criteria | {tab.batch, tab.begun},
        "outputs": _shown(tab) | set(components(tab.result.files)),
        "concurrency_limit": MAX_RUNS,
        **PRIVATE,
    }
    forget: dict[str, Any] = {"fn": watching.forget_chosen, "outputs": {chosen.number, chosen.column}, **AT_ONCE}
    buttons = {run.start, run.example, run.pause, run.stop}
    give_up: dict[str, Any] = {"fn": watching.give_up, "outputs": {tab.result.card, *buttons}, **AT_ONCE}
    example = run.example.click(watching.try_example, None, run.files, **PRIVATE)
    for begun in (run.start.click(**forget), example.then(**forget)):
        begun.then(**start).failure(**give_up)
    run.pause.click(watching.pause, None, None, **AT_ONCE)
    run.stop.click(watching.stop, [tab.batch, tab.begun], _reset(tab), **AT_ONCE)
    for setting in tab.asked:
        setting.change(watching.change_settings, None, run.start, **AT_ONCE)


def _wire_criteria(watching: Watching) -> None:
    """Threshold, least area and ignored region judge the frames again; none of them runs the model."""
    tab, result, ignore = watching.tab, watching.tab.result, watching.tab.ignore
    judge: dict[str, Any] = {
        "fn": watching.judge_again,
        "inputs": tab.criteria | {tab.batch, tab.begun},
        "outputs": _reset(tab),
        **LATEST,
    }
    write: dict[str, Any] = {
        "fn": watching.write_files,
        "inputs": tab.batch,
        "outputs": set(components(result.files)),
        **LATEST,
    }
    for event in (
        result.threshold.input(watching.set_threshold, result.threshold, result.auto, **AT_ONCE),
        result.auto.input(watching.set_automatic, [result.auto, result.threshold], None, **AT_ONCE),
        tab.settings.least_area.change(lambda: None, None, None, **AT_ONCE),
        ignore.apply.click(watching.take_paint, ignore.paint, [ignore.mask, ignore.painted], **PRIVATE),
        ignore.clear.click(watching.clear_paint, None, [ignore.mask, ignore.painted, ignore.paint], **PRIVATE),
    ):
        event.then(**judge).then(**_choose(watching)).then(**write)
    ignore.canvas.click(watching.offer_canvas, [tab.batch, tab.begun, result.chosen.number], ignore.paint, **PRIVATE)


def _wire_chosen(watching: Watching) -> None:
    """A frame chosen in the table or the gallery, and the way from there to Inspect."""
    tab, result = watching.tab, watching.tab.result
    options = _choose(watching) | {"inputs": [tab.batch, tab.begun]}
    result.table.select(**options | {"fn": watching.choose_row})
    result.worst.select(**options | {"fn": watching.choose_thumbnail})
    outputs = [watching.incoming, watching.tabs]
    result.chosen.inspect.click(
        watching.open_in_inspect, [tab.batch, tab.begun, result.chosen.number], outputs, **PRIVATE
    )


def _choose(watching: Watching) -> dict[str, Any]:
    """Options of the event that shows the chosen frame."""
    tab, chosen = watching.tab, watching.tab.result.chosen
    outputs = {chosen.number, chosen.column, chosen.facts, chosen.slider}
    return {"fn": watching.choose, "inputs": [tab.batch, chosen.number], "outputs": outputs, **AT_ONCE}
