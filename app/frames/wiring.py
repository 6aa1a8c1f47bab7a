"""What happens when on the Frames tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app.events import AT_ONCE, LATEST, PRIVATE, components
from app.frames.ignoring import Ignoring
from app.frames.judging import Judging
from app.frames.layout import FramesTab, lay_out
from app.frames.run import Watching
from app.frames.triage import Triage
from app.ignoring import ignored_anew
from maeday_core.methods import ENSEMBLE, METHODS, Shots

MAX_RUNS = 8
ONCE: dict[str, Any] = {**PRIVATE, "trigger_mode": "once"}
"""Of what a visitor says of a frame: what comes before the next one is shown does not count for that one."""
SCROLL_TO_RESULT = """() => {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    if (innerWidth < 768) document.getElementById("frames-card").scrollIntoView({behavior});
}"""


def frames_tab(lifetime: int, tabs: gr.Tabs, incoming: gr.State, example: Path) -> None:
    """Lay out the tab and wire its events.

    Args:
        lifetime: seconds after which a visitor's frames are deleted.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        example: a zip archive to try it with.
    """
    tab = lay_out(lifetime, method_choices())
    watching, triage = Watching(tab, example), Triage(tab, tabs, incoming)
    _wire_run(watching, triage)
    _wire_criteria(watching, triage, Ignoring(tab))
    _wire_chosen(triage)
    _wire_judging(Judging(triage))


def method_choices() -> list[tuple[str, str]]:
    """Titles and names of the methods that can do without clean frames, the ensemble first."""
    able = [method for method in METHODS.values() if method.offered and method.shots is not Shots.REQUIRED]
    return [(method.title, method.name) for method in sorted(able, key=lambda method: method != ENSEMBLE)]


def _shown(tab: FramesTab) -> set[Any]:
    """What shows a batch."""
    result, run = tab.result, tab.run
    buttons = {run.start, run.example, run.pause, run.stop}
    return {tab.batch, tab.begun, result.spoken, result.limit, *_said(tab), *buttons}


def _said(tab: FramesTab) -> set[Any]:
    """What changes with what the visitor says of a frame."""
    result = tab.result
    shown = {result.card, result.worst, result.timeline, result.table, result.chosen.judged}
    return {*shown, *result.chosen.judging, result.chosen.back, *components(result.files)}


def _one(tab: FramesTab) -> set[Any]:
    """What shows one frame."""
    chosen = tab.result.chosen
    return {chosen.number, chosen.column, chosen.facts, chosen.slider, tab.result.timeline}


def _wire_run(watching: Watching, triage: Triage) -> None:
    """Start, an example, pause and stop; other settings mean another run."""
    tab, run, chosen = watching.tab, watching.tab.run, watching.tab.result.chosen
    start: dict[str, Any] = {
        "fn": watching.start,
        "inputs": tab.asked | tab.criteria | {tab.batch, tab.begun},
        "outputs": _shown(tab),
        "concurrency_limit": MAX_RUNS,
        **PRIVATE,
    }
    forget: dict[str, Any] = {"fn": watching.forget_chosen, "outputs": {chosen.number, chosen.column}, **AT_ONCE}
    problem = {tab.result.card, tab.result.spoken, run.start, run.example, run.pause, run.stop}
    give_up: dict[str, Any] = {"fn": watching.give_up, "outputs": problem, **AT_ONCE}
    choose_first: dict[str, Any] = {
        "fn": triage.choose_first,
        "inputs": [tab.batch, chosen.number],
        "outputs": _one(tab),
        **AT_ONCE,
    }
    for button in (run.start, run.example):
        button.click(None, js=SCROLL_TO_RESULT)
    example = run.example.click(watching.try_example, None, run.files, **PRIVATE)
    for begun in (run.start.click(**forget), example.then(**forget)):
        ran = begun.then(**start)
        ran.failure(**give_up)
        ran.success(**choose_first)
    run.pause.click(watching.pause, None, None, **AT_ONCE)
    run.stop.click(watching.stop, [tab.batch, tab.begun], _shown(tab) | {chosen.number, chosen.column}, **AT_ONCE)
    for setting in tab.asked:
        setting.change(watching.change_settings, None, run.start, **AT_ONCE)


def _wire_criteria(watching: Watching, triage: Triage, ignoring: Ignoring) -> None:
    """Limit, least area and ignored region judge the frames again; none of them runs the model."""
    tab, result, ignore = watching.tab, watching.tab.result, watching.tab.ignore
    judge: dict[str, Any] = {
        "fn": triage.judge_again,
        "inputs": tab.criteria | {tab.batch, tab.begun, result.chosen.number},
        "outputs": _shown(tab) | _one(tab),
        **LATEST,
    }
    files = [ignore.opened, tab.run.files, tab.settings.every]
    canvas = ignore.laid_out
    for event in (
        result.limit.input(watching.set_limit, result.limit, result.auto, **AT_ONCE),
        result.timeline.input(watching.drag_limit, None, [result.auto, result.limit], **AT_ONCE),
        result.auto.input(watching.set_automatic, [result.auto, result.limit], None, **AT_ONCE),
        result.follow.input(lambda: None, None, None, **AT_ONCE),
        tab.settings.least_area.change(lambda: None, None, None, **AT_ONCE),
        *ignored_anew(ignoring.taking),
        ignore.clear.click(ignoring.clear, files, ignore.taken | canvas, **PRIVATE),
    ):
        event.then(**judge).then(**_write(triage))
    ignore.accordion.expand(ignoring.open, [*files, tab.batch, result.chosen.number], canvas, **PRIVATE)
    tab.run.files.change(ignoring.take_files, files, canvas, **PRIVATE)
    ignore.canvas.click(ignoring.take_chosen, [tab.batch, tab.begun, result.chosen.number], canvas, **PRIVATE)


def _wire_chosen(triage: Triage) -> None:
    """A frame chosen in the timeline, the gallery or the table, and the way from there to Inspect."""
    tab, result = triage.tab, triage.tab.result
    options: dict[str, Any] = {"inputs": [tab.batch, tab.begun], "outputs": _one(tab), **AT_ONCE}
    result.timeline.select(triage.choose_dot, **options)
    result.worst.select(triage.choose_thumbnail, **options)
    result.table.select(triage.choose_row, **options)
    outputs = [triage.incoming, triage.tabs]
    inputs = [tab.batch, tab.begun, result.chosen.number]
    result.chosen.inspect.click(triage.open_in_inspect, inputs, outputs, **PRIVATE)


def _wire_judging(judging: Judging) -> None:
    """What the visitor says of frames."""
    triage, tab = judging.triage, judging.triage.tab
    chosen, ignore = tab.result.chosen, tab.ignore
    inputs = tab.criteria | {tab.batch, tab.begun, chosen.number}
    options: dict[str, Any] = {"inputs": inputs, "outputs": _shown(tab) | _one(tab) | ignore.taken, **ONCE}
    loading = {**options, "inputs": inputs | {chosen.load}, "outputs": options["outputs"] | {chosen.load}}
    for said in (
        chosen.object.click(judging.say_object, queue=False, **options),
        chosen.fine.click(judging.say_fine, queue=False, **options),
        chosen.ignore.click(judging.ignore_here, **options),
        chosen.back.click(judging.take_back, **options),
        chosen.load.upload(judging.load, **loading),
    ):
        said.then(**_write(triage))


def _write(triage: Triage) -> dict[str, Any]:
    """Options of the event that writes the files to download."""
    tab = triage.tab
    return {"fn": triage.write_files, "inputs": tab.batch, "outputs": set(components(tab.result.files)), **LATEST}
