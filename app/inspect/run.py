"""What the events of the Inspect tab do that run a model: each handler answers with the components that it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from app.cards import Kind, message
from app.errors import sentence
from app.events import Answer, Values, lost, unchanged
from app.files import nothing_to_download, offered, written
from app.gpu import computed
from app.html import render
from app.ignoring import Taking
from app.inspect import good_parts
from app.inspect.asking import Asking, asked
from app.inspect.examples import chosen_example
from app.inspect.inspected import Inspected, Whole
from app.inspect.layout import InspectTab
from app.inspect.looks import Looks, map_name, subject
from app.inspect.question import Question
from app.inspect.settings import chosen
from app.inspect.strip import Strip, number_in, once_more, strip_html
from app.models import load_tools
from app.temporary import check_space
from maeday_core import ImageError, Reference, load_image
from maeday_core.drawing.shown import Shown, shown
from maeday_core.serving.jobs import Look
from maeday_core.texts import say

NOT_KEPT = "This photo is not kept any more; add it again."
GIVEN_UP = "The note in the corner says why. Press Detect to try again."


@dataclass(frozen=True)
class Inspection:
    """The handlers of the tab, those of what is shown apart."""

    tab: InspectTab
    looks: Looks
    asking: Asking

    def start(self, view: Shown | None) -> Answer:
        """What a click changes at once, before its turn comes: what is there is an earlier result from now on."""
        card = message("Starting", "If others inspect photos now, you take turns.", "busy")
        return {
            **self._begun(view),
            self.tab.result.verdict: card,
            **self.running(True),
            **self._no_files(),
        }

    def detect(self, values: Values, margin: float | None = None) -> Iterator[Answer]:
        """Run one detection, showing it as it sharpens; ends with the files to download.

        Args:
            values: of the components.
            margin: how far the score lies above the threshold; None for the threshold among the values.
        """
        if not values[self.tab.photo]:
            yield self._problem("There is no photo yet", "Add one, or click an example above.", kind="hint")
            return
        if lost(values[self.tab.good_parts.adapted], values[self.tab.good_parts.reference]):
            yield self._without_good_parts(values)
            return
        try:
            yield from self._answer(asked(self.tab, values, Path(values[self.tab.photo]), margin), values)
        except Exception as error:
            yield self._problem("This did not work", sentence(error, "another photo"))

    def start_at_once(self, values: Values) -> Answer:
        """What a new photo changes at once: a run starts, if the visitor wants that."""
        wanted = values[self.tab.at_once] and values[self.tab.photo]
        return self.start(values[self.tab.shown]) if wanted else self.outdated(values[self.tab.shown])

    def detect_at_once(self, values: Values) -> Iterator[Answer]:
        """A new photo: inspected at once, or not, as the visitor wants; where it was taken away, that is said.

        Gradio still tells `start_at_once` of the photo that was taken away.
        """
        if values[self.tab.at_once]:
            yield from self.detect(values)
        else:
            yield unchanged()

    def try_example(self, view: Shown | None, event: gr.EventData) -> Answer:
        """The example that was clicked is the photo."""
        return {self.tab.photo: str(chosen_example(event)), **self.start(view)}

    def detect_incoming(self, values: Values) -> Iterator[Answer]:
        """Run a detection on a picture from another tab: by how much it is unusual is what it was there."""
        incoming, by_hand = values[self.tab.incoming], not values[self.tab.result.auto]
        margin = incoming.margin if incoming and by_hand else None
        yield from self.detect(values, margin)
        if margin is not None and incoming.told:
            yield {self.tab.result.subject: subject(say(incoming.told))}

    def detect_again(self, values: Values) -> Iterator[Answer]:
        """Judge the same photo, now that the reference is another; where it is the same, nothing is to be done.

        The result from before goes first, so that Stop does not bring it back.
        """
        view, reference = values[self.tab.shown], values[self.tab.good_parts.reference]
        same = view and (view.reference is reference if reference else not view.reference)
        if reference and not values[self.tab.photo]:
            yield self._problem("Now add a photo", "The good parts judge it.", kind="hint")
        elif same or not values[self.tab.photo]:
            yield unchanged()
        else:
            yield self._begun(view)
            yield from self.detect(values)

    def detect_anew(self, values: Values) -> Iterator[Answer]:
        """Judge the same photo, now that something else is ignored or was said; nothing without a photo."""
        if not values[self.tab.photo]:
            yield unchanged()
            return
        yield self._begun(values[self.tab.shown])
        yield from self.detect(values)

    def recall(self, strip: Strip, reference: Reference | None, view: Shown | None, event: gr.EventData) -> Answer:
        """The page asks again what it asked about the earlier photo that was clicked."""
        return self.recalled(strip, number_in(event), reference, view)

    def recalled(self, strip: Strip, number: int, reference: Reference | None, view: Shown | None) -> Answer:
        """The page asks again what it asked about an earlier photo."""
        one = strip.of(number)
        if one is None or not one.question.path.is_file():
            raise gr.Error(say(NOT_KEPT), print_exception=False)
        strip, question = replace(strip, current=one.number), one.question
        return {
            self.tab.photo: str(question.path),
            **self.asking.offer_methods(reference, question.method.name),
            self.tab.settings.model: question.model,
            **chosen(self.tab.settings, question.settings),
            self.tab.result.alarm_rate: question.settings.alarm_rate,
            self.tab.result.auto: question.by_hand is None,
            **Taking(self.tab.ignore).given(question.region),
            self.tab.strip.kept: strip,
            self.tab.strip.entries: strip_html(strip),
            **self.start(view),
            self.tab.result.verdict: once_more(one),
        }

    def detect_recalled(self, values: Values) -> Iterator[Answer]:
        """The result of an earlier photo: as it was kept, or made again, with the good parts of then."""
        one = values[self.tab.strip.kept].shown
        try:
            if one is None:
                raise ImageError(say(NOT_KEPT))
            kept = one.whole and one.whole.is_there
            yield from self._kept(one, one.whole, values) if kept else self._answer(one.question, values)
        except Exception as error:
            yield self._problem("This did not work", sentence(error, "another photo"))

    def shown_again(self, values: Values) -> Answer:
        """The result that is shown, as the strip has it judged now."""
        one = values[self.tab.strip.kept].shown
        if one is None or one.whole is None:
            return unchanged()
        values = {**values, self.tab.shown: one.whole.view}
        return self._seen(one.question, one.whole.view, values) | self._saved(one.whole, values)

    def _answer(self, question: Question, values: Values) -> Iterator[Answer]:
        tab, method, reference = self.tab, question.method, question.reference
        check_space()
        query = load_image(question.path)
        tools = yield from load_tools(question.model, question.settings, method, self._busy)
        before, doubt = self._before(question, values), reference.doubt_of(query)
        if reference and not before:
            yield self._busy("Looking without the good parts first", "Then with them, side by side.")
        look = Look(query, method.name, reference, zero_shot_too=before is None, region=question.region)
        for result in computed(look, replace(tools, partial=True)):
            if reference and not result.made_by.shots:
                before = shown(question.name, query, result)
                continue
            result = question.judged(result)
            view = shown(question.name, query, result, before, doubt, reference)
            values = {**values, tab.shown: view, **self._judging(question, result.image_score)}
            in_strip = self._in_strip(question, values) if result.complete else {}
            values = {**values, **in_strip}
            yield self._seen(question, view, values) | in_strip
            whole = Whole(view, written(map_name(view), result.save_map)) if result.complete else None
            del result  # 48 MB of a large picture, while the next one is computed
        yield self._saved(whole, values) | {tab.strip.kept: values[tab.strip.kept].keeping(whole)}

    def _before(self, question: Question, values: Values) -> Shown | None:
        """What was found without good parts, where the photo that is shown is asked again with others."""
        view, one = values[self.tab.shown], values[self.tab.strip.kept].shown
        if view is None or one is None or view.name != one.question.name or not view.result.complete:
            return None
        return view.before if one.question.is_again_without_good_parts(question) else None

    def _kept(self, one: Inspected, whole: Whole, values: Values) -> Iterator[Answer]:
        """A result that was kept whole, as it was judged last."""
        judging = self._judging(one.question, whole.view.result.image_score)
        values = {**values, self.tab.shown: whole.view, **judging}
        yield self._seen(one.question, whole.view, values)
        yield self._saved(whole, values)

    def _seen(self, question: Question, view: Shown, values: Values) -> Answer:
        return {
            **self.looks.show(view, values),
            **self.running(not (view.result.complete or view.stopped)),
            self.tab.result.subject: subject(f"{question}."),
            **self._no_files(),
        }

    def _saved(self, whole: Whole, values: Values) -> Answer:
        saved = self.looks.saved(self.looks.judged(values) or whole.view)
        return saved | {self.tab.result.error_map: offered(whole.error_map)}

    def _in_strip(self, question: Question, values: Values) -> Answer:
        """The answer is in the strip with its verdict, for another run may begin before its files are written."""
        panel = self.tab.strip
        strip = values[panel.kept].with_answer(question, self.looks.judged(values) or values[self.tab.shown])
        return {panel.kept: strip, panel.entries: strip_html(strip), panel.column: gr.Column(visible=True)}

    def _judging(self, question: Question, score: float) -> Answer:
        """The values that decide the verdict, as the question has them."""
        result, by_hand = self.tab.result, question.limit_for(score)
        judging = {result.auto: by_hand is None, result.alarm_rate: question.settings.alarm_rate}
        return judging if by_hand is None else judging | {result.threshold: by_hand}

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
        error_map = offered(written(map_name(view), view.result.save_map))
        stopped = self.looks.show(replace(view, stopped=True), values)
        return stopped | {self.tab.result.error_map: error_map} | self.running(False)

    def give_up(self) -> Answer:
        """The end of a run could not be shown either: Detect can be pressed again."""
        return {self.tab.result.verdict: message("This did not work", GIVEN_UP, "problem"), **self.running(False)}

    def outdated(self, view: Shown | None) -> Answer:
        """What is shown belongs to another question than the one that the page asks now."""
        text = say("Earlier result, for {name}.", name=view.name) if view else ""
        return {self.tab.result.subject: render("subject", text=text, earlier=True) if view else ""}

    def running(self, running: bool) -> Answer:
        """Detect, Several, Stop and Learn while something runs, or not."""
        return {
            self.tab.several: gr.UploadButton(interactive=not running),
            self.tab.detect: gr.Button(interactive=not running),
            self.tab.stop: gr.Button(interactive=running),
            self.tab.good_parts.tune: gr.Button(interactive=not running),
        }

    def _busy(self, title: str, text: str) -> Answer:
        return {self.tab.result.verdict: message(title, text, "busy"), **self.running(True), **self._no_files()}

    def _problem(self, title: str, text: str, kind: Kind = "problem") -> Answer:
        """The card says what is wrong, and nothing of an earlier photo stays beside it."""
        return {
            **self._nothing(),
            self.tab.result.verdict: message(title, text, kind),
            self.tab.result.subject: "",
            self.tab.first: gr.HTML(visible=False),
            self.tab.result.column: gr.Column(visible=False),
            self.tab.result.threshold: gr.Slider(interactive=True),
            **self.running(False),
            **self._no_files(),
        }

    def _without_good_parts(self, values: Values) -> Answer:
        """The good parts that the panel says are in use are lost: nothing is judged, and the panel says so."""
        problem = self._problem("The good parts were forgotten", good_parts.FORGOTTEN)
        methods = self.asking.offer_methods(None, values[self.tab.settings.method])
        return problem | good_parts.forgotten(self.tab.good_parts) | methods

    def _begun(self, view: Shown | None) -> Answer:
        """A run has begun: there is room for its result, and what is there is an earlier one."""
        room = {self.tab.first: gr.HTML(visible=False), self.tab.result.column: gr.Column(visible=True)}
        return self._nothing() | self.outdated(view) | room

    def _nothing(self) -> Answer:
        """No result."""
        return {self.tab.shown: None, self.tab.showing: False}

    def _no_files(self) -> Answer:
        result = self.tab.result
        files = result.figure, result.error_map, result.report, result.coco
        return {button: nothing_to_download() for button in files}
