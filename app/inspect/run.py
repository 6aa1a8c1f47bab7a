"""What the events of the Inspect tab do: each method answers with the components that it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from app.cards import Kind, message
from app.errors import sentence
from app.events import Answer, Values, lost, unchanged
from app.files import downloadable, nothing_to_download
from app.inspect import good_parts
from app.inspect.layout import InspectTab
from app.inspect.settings import as_in_the_paper, chosen, settings_of
from app.models import load_tools
from app.temporary import check_space
from app.turns import in_turns
from maeday_core import MAEDAY, METHODS, Method, Reference, Settings, Shots, detector, find, load_image
from maeday_core.drawing.cards import before_and_after, evidence, nearest_patch, verdict
from maeday_core.drawing.figure import save_figure
from maeday_core.drawing.report import report_page
from maeday_core.drawing.shown import (
    Shown,
    all_masks,
    map_picture,
    mask_count,
    one_mask,
    overlay_pair,
    peak_of,
    shown,
)

LONGEST_STEM = 80
FORGOTTEN = "The result of this visit was forgotten; press Detect again."
GIVEN_UP = "The note in the corner says why. Press Detect to try again."
BY_GOOD_PARTS = (
    "This frame is judged by the good parts in use here, so that the verdict may differ from that in Frames."
)


@dataclass(frozen=True)
class Incoming:
    """A picture that another tab wants to see here.

    Attributes:
        path: of the picture.
        settings: how it was seen there.
        method, model: by which it was seen there.
        margin: by how much its score was above the threshold there, which is kept here; None where another question is
            asked there.
        differs: a sentence that says which question that is.
        time: of the request, so that the same picture twice is two requests.
    """

    path: str
    settings: Settings
    method: str
    model: str
    margin: float | None
    differs: str
    time: float


@dataclass(frozen=True)
class Inspection:
    """The handlers of the tab."""

    tab: InspectTab

    def start(self) -> Answer:
        """What a click changes at once, before its turn comes."""
        card = message("Starting", "If others inspect photos now, you take turns.", "busy")
        return {**self._nothing(), self.tab.result.verdict: card, **self.running(True), **self._no_files()}

    def detect(self, values: Values, margin: float | None = None) -> Iterator[Answer]:
        """Run one detection, showing it as it sharpens; ends with the files to download.

        Args:
            values: of the components.
            margin: how far the score lies above the threshold; None for the threshold among the values.
        """
        if not values[self.tab.photo]:
            yield self._problem("There is no photo yet", "Add one on the left, or click an example, then press Detect.")
            return
        if lost(values[self.tab.good_parts.adapted], values[self.tab.good_parts.reference]):
            yield self._without_good_parts(values)
            return
        try:
            yield from self._detect(values, margin)
        except Exception as error:
            yield self._problem("This did not work", sentence(error, "another photo"))

    def detect_incoming(self, values: Values) -> Iterator[Answer]:
        """Run a detection on a picture from another tab: by how much it is unusual is what it was there."""
        incoming, by_hand = values[self.tab.incoming], not values[self.tab.result.auto]
        yield from self.detect(values, incoming.margin if incoming and by_hand else None)

    def detect_again(self, values: Values) -> Iterator[Answer]:
        """Judge the same photo, now that the reference is another; nothing without a photo.

        The result from before goes first, so that Stop does not bring it back.
        """
        if not values[self.tab.photo]:
            yield unchanged()
            return
        yield self._nothing()
        yield from self.detect(values)

    def _detect(self, values: Values, margin: float | None) -> Iterator[Answer]:
        tab, path = self.tab, Path(values[self.tab.photo])
        own_scale = values[tab.result.own_scale]
        method = find(values[tab.method])
        reference = values[tab.good_parts.reference] if method.shots is not Shots.NONE else None
        reference = reference or Reference()
        settings = settings_of(tab.settings, values, values[tab.result.alarm_rate])
        check_space()
        query = load_image(path)
        tools = yield from load_tools(values[tab.settings.model], settings, method, self._busy)
        detect = detector(method, replace(tools, partial=True), reference)
        before, doubt = None, reference.doubt_of(query)
        if reference:
            yield self._busy("Looking without the good parts first", "Then with them, side by side.")
            alone = detector(method.zero_shot, tools.with_settings(tile=reference.tile))
            *_, result = in_turns(alone(query))
            before = shown(path.name, query, result)
        for result in filter(None, in_turns(detect(query))):
            view = shown(path.name, query, result, before, doubt)
            if margin is not None:
                values = {**values, tab.result.threshold: max(result.image_score - margin, 0.0)}
            yield self._show(view, values) | self._no_files()
        error_map = downloadable(f"{_stem(view)}-error-map.npy", lambda to: np.save(to, result.error_map))
        figure_and_report = self.files({**values, tab.shown: view})
        yield figure_and_report | {tab.result.error_map: error_map} | self.show_all_masks(view, own_scale)

    def end(self, values: Values) -> Answer:
        """After Stop, or after Gradio refused what was entered: show what there is.

        Gradio may report the end of a run twice; the second time changes nothing, for the next run may have begun.
        """
        view: Shown | None = values[self.tab.shown]
        if view and view.stopped:
            return unchanged()
        if view is None:
            text = "Press Detect to try again. If a setting was refused, the note in the corner says which."
            return self._problem("Nothing was computed", text, kind="hint")
        return self._show(replace(view, stopped=True), values)

    def give_up(self) -> Answer:
        """The end of a run could not be shown either: Detect can be pressed again."""
        return {self.tab.result.verdict: message("This did not work", GIVEN_UP, "problem"), **self.running(False)}

    def redraw(self, values: Values) -> Answer:
        """The same result under another threshold or colour scale."""
        view = self._judged(values)
        if view is None:
            return self._forgotten(values[self.tab.showing])
        result, own_scale = self.tab.result, values[self.tab.result.own_scale]
        return {
            result.verdict: verdict(view, own_scale),
            result.before_and_after: before_and_after(view, own_scale),
            result.evidence: evidence(view, own_scale),
            result.overlay: overlay_pair(view, own_scale),
            result.heat: map_picture(view, own_scale),
        }

    def set_automatic(self, values: Values) -> Answer:
        """Back to the automatic threshold, or on from it by hand."""
        view = self._judged(values)
        return {self.tab.result.threshold: threshold_slider(view)} if view else unchanged()

    def allow(self, values: Values) -> Answer:
        """Another share of false alarms: the threshold is the automatic one for it."""
        auto, view = self.tab.result.auto, self._judged({**values, self.tab.result.auto: True})
        return {auto: True} | ({self.tab.result.threshold: threshold_slider(view)} if view else {})

    def show_mask(self, view: Shown | None, index: int, own_scale: bool, showing: bool = False) -> Answer:
        """One of the masks, by its number."""
        if view is None:
            return self._forgotten(showing)
        masks, seen = self.tab.result.masks, view.result.reconstructions
        pictures = one_mask(seen, int(index), own_scale) if seen else (None, None, None)
        return dict(zip((masks.masked, masks.reconstruction, masks.difference), pictures, strict=True))

    def show_all_masks(self, view: Shown | None, own_scale: bool) -> Answer:
        """All masks at once."""
        if view is None:
            return unchanged()
        seen = view.result.reconstructions
        return {self.tab.result.masks.gallery: all_masks(seen, own_scale) if seen else []}

    def show_nearest(self, view: Shown | None, showing: bool, event: gr.SelectData) -> Answer:
        """What the place that was clicked looks like most."""
        if view is None:
            return self._forgotten(showing)
        return {self.tab.result.nearest: nearest_patch(view, *place_in(view, event.index))}

    def files(self, values: Values) -> Answer:
        """The figure and the report, as the page shows them now."""
        view = self._judged(values)
        if view is None:
            return unchanged()
        return {
            self.tab.result.figure: downloadable(f"{_stem(view)}-maeday.png", lambda to: save_figure(view, to)),
            self.tab.result.report: downloadable(
                f"{_stem(view)}-report.html", lambda to: to.write_text(report_page(view), encoding="utf-8")
            ),
        }

    def take(self, incoming: Incoming | None, reference: Reference | None) -> Answer:
        """A picture from another tab, to be seen as it was there, or as the good parts in use were."""
        if incoming is None:
            return unchanged()
        tab, settings = self.tab, incoming.settings
        if differs := BY_GOOD_PARTS if reference else incoming.differs:
            gr.Info(differs, duration=None)
        return {
            tab.photo: incoming.path,
            **self.offer_methods(reference, incoming.method),
            tab.settings.model: incoming.model,
            **chosen(tab.settings, replace(settings, tile=reference.tile) if reference else settings),
            tab.result.auto: bool(differs),
        }

    def offer_methods(self, reference: Reference | None, method: str) -> Answer:
        """The methods that can judge now, and the automatic threshold: one of another unit means nothing.

        Where the chosen method cannot, it is the first.
        """
        choices = method_choices(reference)
        chosen = method if method in [name for _, name in choices] else choices[0][1]
        return {self.tab.method: gr.Radio(choices, value=chosen), self.tab.result.auto: True}

    def as_in_the_paper(self) -> Answer:
        """The method and the settings of the paper."""
        return {self.tab.method: MAEDAY.name} | as_in_the_paper(self.tab.settings)

    def by_hand(self) -> Answer:
        """The threshold was moved."""
        return {self.tab.result.auto: False}

    def automatic(self) -> Answer:
        """The method is another: the threshold of the last one means nothing."""
        return {self.tab.result.auto: True}

    def running(self, running: bool) -> Answer:
        """Detect, Stop and Fine-tune while something runs, or not."""
        return {
            self.tab.detect: gr.Button(interactive=not running),
            self.tab.stop: gr.Button(interactive=running),
            self.tab.good_parts.tune: gr.Button(interactive=not running),
        }

    def _judged(self, values: Values) -> Shown | None:
        """The visitor's result under the threshold and the false alarms that are chosen now; None without one."""
        result, view = self.tab.result, values[self.tab.shown]
        if view is None:
            return None
        judged: Shown = view.allowing(values[result.alarm_rate])
        return judged if values[result.auto] else replace(judged, by_hand=values[result.threshold])

    def _show(self, view: Shown, values: Values) -> Answer:
        result, count = self.tab.result, mask_count(view.result)
        own_scale, running = values[result.own_scale], not (view.result.complete or view.stopped)
        values = {**values, self.tab.shown: view}
        drawn = self.redraw(values)
        judged = self._judged(values) or view
        return {
            self.tab.shown: view,
            self.tab.showing: True,
            **drawn,
            result.heat: gr.Image(drawn[result.heat], label=view.result.unit.title),
            result.nearest: nearest_patch(view, *peak_of(view)),
            result.threshold: threshold_slider(judged, interactive=not running),
            result.masks.column: gr.Column(visible=count > 0),
            result.masks.index: gr.Slider(maximum=max(count, 2), value=1, interactive=count > 1 and not running),
            **self.show_mask(view, 1, own_scale),
            **self.running(running),
        }

    def _busy(self, title: str, text: str) -> Answer:
        return {self.tab.result.verdict: message(title, text, "busy"), **self.running(True), **self._no_files()}

    def _problem(self, title: str, text: str, kind: Kind = "problem") -> Answer:
        """The card says what is wrong, and nothing of an earlier photo stays beside it."""
        result, masks = self.tab.result, self.tab.result.masks
        return {
            **self._nothing(),
            result.verdict: message(title, text, kind),
            **dict.fromkeys((result.before_and_after, result.evidence, result.nearest), ""),
            **dict.fromkeys((result.overlay, result.heat, masks.masked, masks.reconstruction, masks.difference)),
            masks.gallery: None,
            result.threshold: gr.Slider(interactive=True),
            **self.running(False),
            **self._no_files(),
        }

    def _without_good_parts(self, values: Values) -> Answer:
        """The good parts that the panel says are in use are lost: nothing is judged, and the panel says so."""
        problem = self._problem("The good parts were forgotten", good_parts.FORGOTTEN)
        return problem | good_parts.forgotten(self.tab.good_parts) | self.offer_methods(None, values[self.tab.method])

    def _nothing(self) -> Answer:
        """No result."""
        return {self.tab.shown: None, self.tab.showing: False}

    def _forgotten(self, showing: bool) -> Answer:
        """The answer without a result: a sentence where the page still shows one."""
        return {self.tab.result.verdict: message("Forgotten", FORGOTTEN, "problem")} if showing else unchanged()

    def _no_files(self) -> Answer:
        result = self.tab.result
        return {button: nothing_to_download() for button in (result.figure, result.error_map, result.report)}


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
    raise gr.Error("This place is not in the picture; click into it.", print_exception=False)


def can_judge(method: Method, reference: Reference) -> bool:
    """Whether a method can judge with the reference in use, or, if it uses none, beside it."""
    if method.shots is Shots.NONE or not reference:
        return method.shots is not Shots.REQUIRED
    return all(part.name in reference.learned for part in method.parts(good=True))


def method_choices(reference: Reference | None) -> list[tuple[str, str]]:
    """Titles and names of the methods that can judge now, the paper's first."""
    offered = [method for method in METHODS.values() if method.offered and can_judge(method, reference or Reference())]
    return [(method.title, method.name) for method in offered]


def _stem(view: Shown) -> str:
    return Path(view.name).stem[:LONGEST_STEM] or "query"
