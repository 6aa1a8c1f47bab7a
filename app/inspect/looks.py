"""How a result is looked at: threshold, colours, masks, places, files. None of it runs the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.annotated import photo_coco
from app.cards import NOTHING, message
from app.events import Answer, Values, unchanged
from app.files import downloadable
from app.html import render
from app.inspect.layout import InspectTab
from app.inspect.maps import comparison, every_mask, map_to_click, mask_pictures
from app.inspect.saving import strip_shown
from app.inspect.strip import Strip
from maeday_core.detection import places
from maeday_core.detection.decision import Verdict
from maeday_core.drawing.cards import before_and_after, evidence, verdict
from maeday_core.drawing.command import command
from maeday_core.drawing.report import report_page
from maeday_core.drawing.shown import Shown, mask_count
from maeday_core.drawing.why_cards import place_labels, why_place, why_point
from maeday_core.texts import say

LONGEST_STEM = 80
PLACES = {str(number) for number in range(1, places.MOST + 1)}
JUDGED_ALL = "This limit judges all inspected photos now: {count}, of which above it: {found}."
JUDGED_SOME = (
    "This limit judges {count} of {total} inspected photos now, of which above it: {found}. The others were inspected "
    "by another method or model, or without good parts, where it means nothing."
)
FORGOTTEN = "The result of this visit was forgotten; press Detect again."


@dataclass(frozen=True)
class Looks:
    """The handlers of what is shown of a result."""

    tab: InspectTab

    def show(self, view: Shown, values: Values) -> Answer:
        """A result, finished or not."""
        result, count = self.tab.result, mask_count(view.result)
        own_scale, running = values[result.own_scale], not (view.result.complete or view.stopped)
        values = {**values, self.tab.shown: view}
        judged = self.judged(values) or view
        return {
            self.tab.shown: view,
            self.tab.showing: True,
            **self.redraw(values),
            result.threshold: threshold_slider(judged, interactive=not running),
            result.masks.column: gr.Column(visible=count > 0),
            result.masks.index: gr.Slider(maximum=max(count, 2), value=1, interactive=count > 1 and not running),
            **self.show_mask(view, 1, own_scale),
            result.masks.gallery: "",
            result.command: render("command", line=command(view)),
        }

    def redraw(self, values: Values) -> Answer:
        """The same result under another threshold or colour scale."""
        view = self.judged(values)
        if view is None:
            return self.forgotten(values[self.tab.showing])
        result, own_scale = self.tab.result, values[self.tab.result.own_scale]
        return {
            result.verdict: verdict(view, own_scale),
            result.before_and_after: panel(before_and_after(view, own_scale)),
            result.evidence: panel(evidence(view, own_scale)),
            result.overlay: comparison(view, own_scale),
            result.heat: map_to_click(view, own_scale),
            **self._places(view),
        }

    def _places(self, view: Shown) -> Answer:
        """The places of a finished result, and why the first stands out."""
        result = self.tab.result
        if not (view.result.complete or view.stopped):
            return {result.places: gr.Radio([], value=None, visible=False), result.why: panel(NOTHING)}
        choices = [(label, str(number)) for number, label in enumerate(place_labels(view), 1)]
        return {
            result.places: gr.Radio(choices, value=choices[0][1], visible=True),
            result.why: panel(why_place(view)),
        }

    def set_automatic(self, values: Values) -> Answer:
        """Back to the automatic threshold, or on from it by hand."""
        view = self.judged(values)
        return {self.tab.result.threshold: threshold_slider(view)} if view else unchanged()

    def allow(self, values: Values) -> Answer:
        """Another share of false alarms: the threshold is the automatic one for it."""
        auto, view = self.tab.result.auto, self.judged({**values, self.tab.result.auto: True})
        return {auto: True} | ({self.tab.result.threshold: threshold_slider(view)} if view else {})

    def show_mask(self, view: Shown | None, index: int, own_scale: bool, showing: bool = False) -> Answer:
        """One of the masks, by its number."""
        if view is None:
            return self.forgotten(showing)
        return {self.tab.result.masks.saw: mask_pictures(view.result.reconstructions, int(index), own_scale)}

    def show_all_masks(self, view: Shown | None, own_scale: bool, opened: bool) -> Answer:
        """All masks at once, where their place is open."""
        if view is None or not opened:
            return unchanged()
        return {self.tab.result.masks.gallery: every_mask(view.result.reconstructions, own_scale)}

    def show_place(self, values: Values) -> Answer:
        """Why one of the places stands out, by its number."""
        view, number = self.judged(values), str(values[self.tab.result.places])
        if view is None:
            return self.forgotten(values[self.tab.showing])
        return {self.tab.result.why: panel(why_place(view, int(number) if number in PLACES else 1))}

    def show_point(self, values: Values, event: gr.SelectData) -> Answer:
        """Why the place that was clicked is as unusual as it is."""
        view = self.judged(values)
        if view is None:
            return self.forgotten(values[self.tab.showing])
        at = place_in(view, event.index)
        return {self.tab.result.places: gr.Radio(value=None), self.tab.result.why: panel(why_point(view, *at))}

    def files(self, values: Values) -> Answer:
        """The files, as the page shows them now, and the strip under the same threshold."""
        view = self.judged(values)
        if view is None:
            return unchanged()
        strip: Strip = values[self.tab.strip.kept].judged(view)
        return self.saved(view) | strip_shown(self.tab.strip, strip)

    def judge_all(self, values: Values) -> Answer:
        """All inspected photos that it can judge are judged by this limit."""
        view = self.judged(values)
        if view is None:
            return self.forgotten(values[self.tab.showing])
        strip: Strip = values[self.tab.strip.kept].judged(view)
        strip, count, total = strip.judged_alike(), len(strip.alike), len(strip.entries)
        found = sum(one.verdict is Verdict.ANOMALOUS for one in strip.alike)
        gr.Info(say(JUDGED_ALL if count == total else JUDGED_SOME, count=count, total=total, found=found))
        return strip_shown(self.tab.strip, strip)

    def saved(self, view: Shown) -> Answer:
        """The figure, the report and what is outlined."""
        from maeday_core.drawing.figure import save_figure  # Matplotlib, once there is a result

        stem = stem_of(view)
        return {
            self.tab.result.figure: downloadable(f"{stem}-maeday.png", lambda to: save_figure(view, to)),
            self.tab.result.report: downloadable(
                f"{stem}-report.html", lambda to: to.write_text(report_page(view), encoding="utf-8")
            ),
            self.tab.result.coco: downloadable(
                f"{stem}-coco.json", lambda to: to.write_text(photo_coco(view), encoding="utf-8")
            ),
        }

    def judged(self, values: Values) -> Shown | None:
        """The visitor's result under the threshold and the false alarms that are chosen now; None without one."""
        result, view = self.tab.result, values[self.tab.shown]
        if view is None:
            return None
        judged: Shown = view.allowing(values[result.alarm_rate])
        return judged if values[result.auto] else replace(judged, by_hand=values[result.threshold])

    def forgotten(self, showing: bool) -> Answer:
        """The answer without a result: a sentence where the page still shows one."""
        return {self.tab.result.verdict: message("Forgotten", FORGOTTEN, "problem")} if showing else unchanged()


def panel(html: Markup) -> gr.HTML:
    """A panel, which takes no space where it is empty."""
    return gr.HTML(html, visible=bool(html))


def threshold_slider(view: Shown, interactive: bool = True) -> gr.Slider:
    """The threshold's slider, which reaches as far as its unit does and never ends below the threshold."""
    maximum, step = view.result.unit.slider
    limit = round(view.limit, 3)
    return gr.Slider(maximum=max(maximum, limit), step=step, value=limit, interactive=interactive)


def place_in(view: Shown, index: Any) -> tuple[int, int]:
    """Column and row that were clicked.

    Raises:
        gradio.Error: they lie outside.
    """
    height, width = view.query.shape[:2]
    match index:
        case [int(x), int(y)] if 0 <= x < width and 0 <= y < height:
            return x, y
    raise gr.Error(say("This place is not in the picture; click into it."), print_exception=False)


def stem_of(view: Shown) -> str:
    """How files on a result begin."""
    return Path(view.name).stem[:LONGEST_STEM] or "query"


def map_name(view: Shown) -> str:
    """What the file of a map is called."""
    return f"{stem_of(view)}-error-map.npy"


def subject(text: str) -> Markup:
    """What the page says of what is shown."""
    return render("subject", text=text)
