"""What happens when on the Inspect tab."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from app.events import AT_ONCE, LATEST, PRIVATE, components
from app.inspect import good_parts
from app.inspect.layout import InspectTab, lay_out
from app.inspect.learning import Learning
from app.inspect.run import Inspection, method_choices

MAX_RUNS = 8
SCROLL_TO_VERDICT = """() => {
    if (innerWidth < 768) document.getElementById("verdict").scrollIntoView({behavior: "smooth"});
    return [];
}"""
SCROLL_TO_NEW_VERDICT = """() => {
    const photo = document.querySelector("#query img");
    if (photo && innerWidth < 768) document.getElementById("verdict").scrollIntoView({behavior: "smooth"});
}"""


def inspect_tab(lifetime: int) -> gr.State:
    """Lay out the tab and wire its events; a visitor's result is forgotten after `lifetime` seconds.

    Returns:
        Where another tab puts what to inspect: an `Incoming`.
    """
    inspection = Inspection(lay_out(lifetime, method_choices(None)))
    learning = Learning(inspection)
    runs = [*_detections(inspection), *_detections_after_learning(learning)]
    inspection.tab.stop.click(learning.stop, cancels=runs, queue=False, **PRIVATE)
    for run in runs:
        _end_of(run, inspection)
    _wire_choices(inspection)
    _wire_looks(inspection)
    return inspection.tab.incoming


def _detection(tab: InspectTab) -> dict[str, Any]:
    """Options of the event that runs a detection."""
    result = tab.result
    buttons = [tab.detect, tab.stop, tab.good_parts.tune]
    chosen = {tab.photo, tab.method, tab.good_parts.reference, tab.good_parts.adapted, result.own_scale}
    return {
        "inputs": chosen | result.judged_by | tab.settings.inputs,
        "outputs": [tab.shown, tab.showing, tab.method, *components(result), *tab.good_parts.outputs, *buttons],
        "concurrency_limit": MAX_RUNS,
        **LATEST,
    }


def _detections(inspection: Inspection) -> list[Any]:
    """Detect, an example and a picture from another tab start a detection."""
    tab, result = inspection.tab, inspection.tab.result
    start: dict[str, Any] = {
        "fn": inspection.start,
        "js": SCROLL_TO_VERDICT,
        "outputs": _detection(tab)["outputs"],
        "queue": False,
        **PRIVATE,
    }
    detect = {"fn": inspection.detect, **_detection(tab)}
    taken = tab.incoming.change(
        inspection.take,
        [tab.incoming, tab.good_parts.reference],
        [tab.photo, tab.method, result.auto, *tab.settings.inputs],
        **PRIVATE,
    )
    detect_incoming = {**detect, "fn": inspection.detect_incoming}
    detect_incoming["inputs"] = detect_incoming["inputs"] | {tab.incoming}
    tab.detect.click(**start)
    return [
        tab.detect.click(**detect),
        tab.examples.load_input_event.then(**start).then(**detect),
        taken.then(**start).then(**detect_incoming),
    ]


def _detections_after_learning(learning: Learning) -> list[Any]:
    """Whatever changes the reference offers other methods and judges the photo again."""
    inspection, tab = learning.inspection, learning.inspection.tab
    panel = tab.good_parts
    learn: dict[str, Any] = {
        "fn": learning.fine_tune,
        "inputs": {panel.shots, panel.reference, panel.adapted, tab.method} | tab.settings.inputs,
        "outputs": [*panel.outputs, tab.detect, tab.stop, panel.tune],
        "concurrency_limit": MAX_RUNS,
        **PRIVATE,
    }
    changes = [
        panel.tune.click(**learn),
        panel.example.click(learning.try_example, None, [tab.photo, panel.shots], **PRIVATE).then(**learn),
        panel.upload.upload(
            partial(good_parts.load, panel), [panel.upload, panel.reference, panel.adapted], panel.outputs, **PRIVATE
        ),
        panel.forget.click(partial(good_parts.forget, panel), None, panel.outputs, **PRIVATE),
    ]
    return [
        change.then(inspection.offer_methods, [panel.reference, tab.method], [tab.method, tab.result.auto], **PRIVATE)
        .then(None, js=SCROLL_TO_NEW_VERDICT)
        .then(inspection.detect_again, **_detection(tab))
        for change in changes
    ]


def _end_of(run: Any, inspection: Inspection) -> None:
    """A run that was stopped counts as failed, and only once nothing more can come from it."""
    tab, result = inspection.tab, inspection.tab.result
    outputs = _detection(tab)["outputs"]
    once = {**AT_ONCE, "trigger_mode": "once"}
    end = run.failure(inspection.end, {tab.shown, tab.showing, result.own_scale} | result.judged_by, outputs, **once)
    end.then(**_files(inspection)).then(**_all_masks(inspection))
    end.failure(inspection.give_up, None, [result.verdict, tab.detect, tab.stop, tab.good_parts.tune], **once)


def _wire_choices(inspection: Inspection) -> None:
    """Method and settings."""
    tab = inspection.tab
    tab.method.input(inspection.automatic, None, tab.result.auto, **AT_ONCE)
    tab.settings.paper.click(inspection.as_in_the_paper, None, [tab.method, *tab.settings.inputs], **AT_ONCE)


def _wire_looks(inspection: Inspection) -> None:
    """Threshold, false alarms, colour scale, mask and clicked place: none of them runs the model."""
    tab, result, masks = inspection.tab, inspection.tab.result, inspection.tab.result.masks
    redraw: dict[str, Any] = {
        "fn": inspection.redraw,
        "inputs": {tab.shown, tab.showing, result.own_scale} | result.judged_by,
        "outputs": [result.verdict, result.before_and_after, result.evidence, result.overlay, result.heat],
        **AT_ONCE,
    }
    show_mask: dict[str, Any] = {
        "fn": inspection.show_mask,
        "inputs": [tab.shown, masks.index, result.own_scale, tab.showing],
        "outputs": [result.verdict, masks.masked, masks.reconstruction, masks.difference],
        **AT_ONCE,
    }
    files = _files(inspection)
    result.threshold.input(inspection.by_hand, None, result.auto, **AT_ONCE).then(**redraw).then(**files)
    judged_by: set[Any] = {tab.shown} | result.judged_by
    result.auto.input(inspection.set_automatic, judged_by, result.threshold, **AT_ONCE).then(**redraw).then(**files)
    allowed = result.alarm_rate.input(inspection.allow, judged_by, [result.auto, result.threshold], **AT_ONCE)
    allowed.then(**redraw).then(**files)
    result.own_scale.input(**redraw).then(**show_mask).then(**_all_masks(inspection))
    masks.index.input(**show_mask)
    result.heat.select(inspection.show_nearest, [tab.shown, tab.showing], [result.verdict, result.nearest], **AT_ONCE)


def _files(inspection: Inspection) -> dict[str, Any]:
    """The figure and the report are written anew."""
    tab, result = inspection.tab, inspection.tab.result
    return {
        "fn": inspection.files,
        "inputs": {tab.shown} | result.judged_by,
        "outputs": [result.figure, result.report],
        **LATEST,
    }


def _all_masks(inspection: Inspection) -> dict[str, Any]:
    """The gallery is drawn anew."""
    tab, result = inspection.tab, inspection.tab.result
    return {
        "fn": inspection.show_all_masks,
        "inputs": [tab.shown, result.own_scale],
        "outputs": result.masks.gallery,
        **AT_ONCE,
    }
