"""What happens when on the Inspect tab."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from app.events import AT_ONCE, LATEST, PRIVATE, components
from app.ignoring import ignored_anew
from app.inspect import good_parts
from app.inspect.asking import Asking, method_choices
from app.inspect.correcting import Correcting
from app.inspect.ignoring import Ignoring
from app.inspect.layout import InspectTab, lay_out
from app.inspect.learning import Learning
from app.inspect.looks import Looks
from app.inspect.run import Inspection
from app.inspect.saving import Saving
from app.inspect.several import Several

MAX_RUNS = 8
SCROLL = """const subject = document.getElementById("subject"), {top} = subject.getBoundingClientRect();
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    if (innerWidth < 768 || top < 0 || top > innerHeight) subject.scrollIntoView({behavior});"""
"""On a phone, and wherever the verdict is out of sight."""
SCROLL_TO_VERDICT = f"""(...given) => {{
    {SCROLL}
    return given;
}}"""
SCROLL_TO_NEW_VERDICT = f"""() => {{
    if (!document.querySelector("#query img")) return;
    {SCROLL}
}}"""
SAVE = """() => document.querySelector("#strip-file").click()"""


def inspect_tab(lifetime: int) -> InspectTab:
    """Lay out the tab and wire its events; a visitor's result is forgotten after `lifetime` seconds.

    Returns:
        The tab: another one puts what to inspect into `incoming`, and sees in `shown` what was found last.
    """
    tab = lay_out(lifetime, method_choices(None))
    inspection = Inspection(tab, Looks(tab), Asking(tab))
    learning = Learning(inspection)
    runs = [*_detections(inspection), *_detections_after_learning(learning), *_detections_after_ignoring(inspection)]
    runs += _detections_after_correcting(Correcting(inspection))
    tab.stop.click(learning.stop, cancels=runs, queue=False, **PRIVATE)
    for run in runs:
        run.success(**_all_masks(inspection))
        _end_of(run, inspection)
    _wire_choices(inspection)
    _wire_looks(inspection)
    _wire_strip(inspection)
    return tab


def _detection(tab: InspectTab) -> dict[str, Any]:
    """Options of the event that runs a detection."""
    result, strip = tab.result, tab.strip
    return {
        "inputs": tab.asked | {tab.photo, tab.at_once, tab.shown, result.own_scale, tab.said.marked, strip.kept},
        "outputs": [
            *(tab.photo, tab.shown, tab.showing, tab.settings.method, tab.first, *tab.buttons),
            *components(result),
            *tab.good_parts.outputs,
            *(strip.kept, strip.column, strip.entries),
        ],
        "concurrency_limit": MAX_RUNS,
        **LATEST,
    }


def _detections(inspection: Inspection) -> list[Any]:
    """Detect, a new photo, several, an example, an earlier photo and a picture from another tab start a detection."""
    tab, outputs = inspection.tab, _detection(inspection.tab)["outputs"]
    at_once: dict[str, Any] = {"outputs": outputs, "js": SCROLL_TO_VERDICT, "queue": False, **PRIVATE}
    start = {"fn": inspection.start, "inputs": tab.shown, **at_once}
    detect = {"fn": inspection.detect, **_detection(tab)}
    tab.detect.click(**start)
    arrived = {tab.photo, tab.at_once, tab.shown}
    tab.photo.input(inspection.start_at_once, arrived, **at_once)
    several = {**detect, "fn": Several(inspection).detect, "inputs": detect["inputs"] | {tab.several}}
    several["js"] = SCROLL_TO_VERDICT
    several["outputs"] = [*outputs, *tab.settings.inputs, *tab.ignore.taken]
    tried = tab.examples.click(inspection.try_example, tab.shown, **at_once)
    recalled = tab.strip.entries.click(
        inspection.recall,
        [tab.strip.kept, tab.good_parts.reference, tab.shown],
        **{**at_once, "outputs": [*outputs, *tab.settings.inputs, *tab.ignore.taken]},
    )
    taken = tab.incoming.change(
        inspection.asking.take,
        [tab.incoming, tab.good_parts.reference],
        [tab.photo, tab.result.auto, *tab.settings.inputs],
        **PRIVATE,
    )
    detect_incoming = {**detect, "fn": inspection.detect_incoming, "inputs": detect["inputs"] | {tab.incoming}}
    return [
        tab.detect.click(**detect),
        tab.photo.input(**{**detect, "fn": inspection.detect_at_once}),
        tab.several.upload(**several),
        tried.then(**detect),
        recalled.then(**{**detect, "fn": inspection.detect_recalled}),
        taken.then(**start).then(**detect_incoming),
    ]


def _detections_after_learning(learning: Learning) -> list[Any]:
    """Whatever changes the reference offers other methods and judges the photo again."""
    inspection, tab = learning.inspection, learning.inspection.tab
    panel = tab.good_parts
    learn: dict[str, Any] = {
        "fn": learning.fine_tune,
        "inputs": {panel.shots.kept, panel.reference, panel.adapted, panel.name, tab.ignore.mask, tab.ignore.painted}
        | tab.settings.inputs,
        "outputs": [*panel.outputs, *tab.buttons],
        "concurrency_limit": MAX_RUNS,
        **PRIVATE,
    }
    changes = [
        panel.tune.click(**learn),
        panel.example.click(learning.try_example, None, [tab.photo, *components(panel.shots)], **PRIVATE).then(**learn),
        panel.upload.upload(
            partial(good_parts.load, panel),
            [panel.upload, panel.reference, panel.adapted],
            [*panel.outputs, panel.name],
            **PRIVATE,
        ),
        panel.forget.click(partial(good_parts.forget, panel), None, panel.outputs, **PRIVATE),
    ]
    panel.name.input(
        partial(good_parts.renamed, panel),
        [panel.reference, panel.name],
        [panel.reference, panel.download],
        **AT_ONCE,
    )
    offered = [tab.settings.method, tab.result.auto]
    return [
        change.then(inspection.asking.offer_methods, [panel.reference, tab.settings.method], offered, **PRIVATE)
        .then(None, js=SCROLL_TO_NEW_VERDICT)
        .then(**{**_detection(tab), "fn": inspection.detect_again})
        for change in changes
    ]


def _detections_after_ignoring(inspection: Inspection) -> list[Any]:
    """Whatever changes what is ignored judges the photo again; the panel has the photo to paint on."""
    tab, ignoring, ignore = inspection.tab, Ignoring(inspection.tab), inspection.tab.ignore
    photo, laid_out = [ignore.opened, tab.photo], ignore.laid_out
    ignore.accordion.expand(ignoring.open, photo, laid_out, **PRIVATE)
    tab.photo.change(ignoring.change_photo, photo, laid_out, **PRIVATE)
    ignore.canvas.click(ignoring.take_photo, tab.photo, laid_out, **PRIVATE)
    cleared = ignore.clear.click(ignoring.clear, photo, ignore.taken | laid_out, **PRIVATE)
    again = {**_detection(tab), "fn": inspection.detect_anew}
    return [
        change.then(None, js=SCROLL_TO_NEW_VERDICT).then(**again)
        for change in (*ignored_anew(ignoring.taking), cleared)
    ]


def _detections_after_correcting(correcting: Correcting) -> list[Any]:
    """Whatever the visitor says of a photo judges it again."""
    inspection, tab, panel = correcting.inspection, correcting.inspection.tab, correcting.inspection.tab.said
    said = [panel.said, panel.marked, panel.card, panel.back, panel.save, panel.load]
    options: dict[str, Any] = {
        "inputs": {tab.shown, tab.strip.kept, tab.good_parts.reference, tab.good_parts.name, *said[:2], panel.load},
        "outputs": [*said, *tab.good_parts.outputs, *tab.buttons],
        **PRIVATE,
    }
    changes = [
        panel.normal.click(correcting.say_normal, **options, concurrency_limit=MAX_RUNS),
        panel.defect.click(correcting.say_defect, **options, concurrency_limit=MAX_RUNS),
        panel.back.click(correcting.take_back, **options),
        panel.load.upload(correcting.load, **options, concurrency_limit=MAX_RUNS),
    ]
    offered = [tab.settings.method, tab.result.auto]
    return [
        change.success(
            inspection.asking.offer_methods, [tab.good_parts.reference, tab.settings.method], offered, **PRIVATE
        ).then(**{**_detection(tab), "fn": inspection.detect_anew})
        for change in changes
    ]


def _end_of(run: Any, inspection: Inspection) -> None:
    """A run that was stopped counts as failed, and only once nothing more can come from it."""
    tab, result = inspection.tab, inspection.tab.result
    outputs = _detection(tab)["outputs"]
    once = {**AT_ONCE, "trigger_mode": "once"}
    end = run.failure(inspection.end, {tab.shown, tab.showing, result.own_scale} | result.judged_by, outputs, **once)
    end.then(**_files(inspection)).then(**_all_masks(inspection))
    end.failure(inspection.give_up, None, [result.verdict, *tab.buttons], **once)


def _wire_choices(inspection: Inspection) -> None:
    """Method and settings: what is shown was asked otherwise."""
    tab = inspection.tab
    tab.settings.method.input(inspection.asking.automatic, None, tab.result.auto, **AT_ONCE)
    paper = tab.settings.paper.click(inspection.asking.as_in_the_paper, None, [*tab.settings.inputs], **AT_ONCE)
    paper.then(inspection.outdated, tab.shown, tab.result.subject, **AT_ONCE)
    changes = [one.input for one in tab.settings.inputs if hasattr(one, "input")]
    gr.on([*changes, tab.photo.clear], inspection.outdated, tab.shown, tab.result.subject, **AT_ONCE)


def _wire_looks(inspection: Inspection) -> None:
    """Threshold, false alarms, colour scale, mask and clicked place: none of them runs the model."""
    tab, result, masks, looks = inspection.tab, inspection.tab.result, inspection.tab.result.masks, inspection.looks
    redraw: dict[str, Any] = {
        "fn": looks.redraw,
        "inputs": {tab.shown, tab.showing, result.own_scale} | result.judged_by,
        "outputs": [
            *(result.verdict, result.before_and_after, result.evidence, result.overlay, result.heat),
            *(result.places, result.why),
        ],
        **AT_ONCE,
    }
    show_mask: dict[str, Any] = {
        "fn": looks.show_mask,
        "inputs": [tab.shown, masks.index, result.own_scale, tab.showing],
        "outputs": [result.verdict, masks.saw],
        **AT_ONCE,
    }
    files = _files(inspection)
    result.threshold.input(inspection.asking.by_hand, None, result.auto, **AT_ONCE).then(**redraw).then(**files)
    judged_by: set[Any] = {tab.shown} | result.judged_by
    result.auto.input(looks.set_automatic, judged_by, result.threshold, **AT_ONCE).then(**redraw).then(**files)
    allowed = result.alarm_rate.input(looks.allow, judged_by, [result.auto, result.threshold], **AT_ONCE)
    allowed.then(**redraw).then(**files)
    for_all = {**files, "fn": looks.judge_all, "inputs": files["inputs"] | {tab.showing}}
    for_all["outputs"] = [result.verdict, *(tab.strip.kept, tab.strip.entries, tab.strip.compared)]
    result.for_all.click(**for_all)
    result.own_scale.input(**redraw).then(**show_mask).then(**_all_masks(inspection))
    masks.index.input(**show_mask)
    masks.every.expand(None, None, masks.opened, js="() => true").then(**_all_masks(inspection))
    masks.every.collapse(None, None, masks.opened, js="() => false")
    judged = {tab.shown, tab.showing} | result.judged_by
    why = [result.verdict, result.places, result.why]
    result.places.input(looks.show_place, judged | {result.places}, why, **AT_ONCE)
    result.heat.select(looks.show_point, judged, why, **AT_ONCE)


def _wire_strip(inspection: Inspection) -> None:
    """Comparing two, and saving."""
    strip = inspection.tab.strip
    saving = Saving(strip)
    shown = [strip.kept, strip.entries, strip.compared]
    strip.entries.select(saving.pin, strip.kept, shown, **AT_ONCE)
    strip.compared.click(saving.close, strip.kept, shown, **AT_ONCE)
    for button, save in ((strip.csv, saving.table), (strip.report, saving.report)):
        button.click(save, strip.kept, strip.file, **AT_ONCE).then(None, js=SAVE)


def _files(inspection: Inspection) -> dict[str, Any]:
    """The figure and the report are written anew, and the strip."""
    tab, result = inspection.tab, inspection.tab.result
    return {
        "fn": inspection.looks.files,
        "inputs": {tab.shown, tab.strip.kept} | result.judged_by,
        "outputs": [result.figure, result.report, result.coco, tab.strip.kept, tab.strip.entries, tab.strip.compared],
        **LATEST,
    }


def _all_masks(inspection: Inspection) -> dict[str, Any]:
    """The gallery is drawn anew."""
    tab, result = inspection.tab, inspection.tab.result
    return {
        "fn": inspection.looks.show_all_masks,
        "inputs": [tab.shown, result.own_scale, result.masks.opened],
        "outputs": result.masks.gallery,
        **AT_ONCE,
    }
