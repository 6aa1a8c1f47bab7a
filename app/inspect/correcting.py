"""What a visitor says of a photo changes the next verdicts at once: a normal one joins the good parts, a missed defect
lowers the limit. All of it can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr

from app.cards import message
from app.errors import sentence
from app.events import Answer, Values, lost, unchanged
from app.files import downloadable, nothing_to_download
from app.gpu import computed
from app.gradio_fixes import uploaded
from app.inspect.good_parts import forget, in_use
from app.inspect.inspected import Inspected
from app.inspect.run import Inspection
from app.inspect.said import HINT, Said, Told
from app.models import load_tools
from maeday_core import Reference, Shots
from maeday_core.drawing.shown import Shown
from maeday_core.io.corrections import Correction, Label, load_corrections, now, save_corrections
from maeday_core.io.files import sha256
from maeday_core.serving.jobs import Join
from maeday_core.texts import say

FILE = "corrections.jsonl"
NOTHING_SHOWN = "There is no finished verdict to correct; inspect a photo first."
ELSEWHERE = "Corrections of pictures that are not here: {count}; they stay in the file."
FORGOTTEN = "What you said in this visit was forgotten; load the corrections that you saved, or say it again."


@dataclass(frozen=True)
class Correcting:
    """The handlers of what is said."""

    inspection: Inspection

    def say_normal(self, values: Values) -> Iterator[Answer]:
        """The photo that is shown is normal."""
        yield from self._say(values, Label.NORMAL)

    def say_defect(self, values: Values) -> Iterator[Answer]:
        """The photo that is shown has a defect."""
        yield from self._say(values, Label.DEFECT)

    def take_back(self, values: Values) -> Answer:
        """The last thing that was said does not hold; all is as it was before, unless other good parts are in use."""
        tab, said = self.inspection.tab, self._said(values)
        if not said.told:
            return unchanged()
        *_, last = said.told
        answer = self._told(said.without(last.correction.picture))
        known = values[tab.good_parts.reference] or Reference()
        if last.after is not None and known.learned is last.after.learned:
            answer |= in_use(tab.good_parts, last.before) if last.before else forget(tab.good_parts)
        return answer

    def load(self, values: Values) -> Iterator[Answer]:
        """What was said before holds again, of the photos of this visit; of others it is kept for the file."""
        tab = self.inspection.tab
        try:
            corrections = load_corrections(uploaded(values[tab.said.load]))
        except Exception as error:
            yield {tab.said.card: message("This did not work", sentence(error, "another file"), "problem")}
            return
        here = {sha256(one.question.path): one for one in values[tab.strip.kept].entries if one.question.path.is_file()}
        for one in corrections:
            if one.picture in here:
                for answer in self._say_of(here[one.picture], values, one):
                    values = {component: answer.get(component, value) for component, value in values.items()}
                    yield answer
        said = self._said(values)
        kept = tuple(one for one in corrections if one.picture not in here)
        yield self._told(replace(said, loaded=(*said.loaded, *kept))) | {tab.said.load: None}

    def _say(self, values: Values, label: Label) -> Iterator[Answer]:
        one = values[self.inspection.tab.strip.kept].shown
        view: Shown | None = values[self.inspection.tab.shown]
        if one is None or view is None or not view.result.complete or not one.question.path.is_file():
            raise gr.Error(say(NOTHING_SHOWN), print_exception=False)
        path = one.question.path
        place = view.places[0]
        box = tuple(round(side / view.shrink) for side in (place.left, place.top, place.width, place.height))
        correction = Correction(sha256(path), label, now(), box if place.outlined else None, path.name)  # type: ignore[arg-type]
        try:
            yield from self._say_of(one, values, correction)
        except Exception as error:
            problem = message("This did not work", sentence(error, "another photo"), "problem")
            yield {self.inspection.tab.said.card: problem, **self.inspection.running(False)}

    def _say_of(self, one: Inspected, values: Values, correction: Correction) -> Iterator[Answer]:
        tab, question, said = self.inspection.tab, one.question, self._said(values)
        method, reference = question.method, values[tab.good_parts.reference] or Reference()
        score = one.score / max(one.automatic, 1e-9)
        if correction.label is Label.DEFECT or method.shots is Shots.NONE:
            yield self._told(said.plus(Told(correction, score)))
            return
        yield {tab.said.card: message("It joins the good parts", "This takes a moment.", "busy")}
        tools = yield from load_tools(question.model, question.settings, method, self._busy)
        job = Join(question.path, method.name, reference, correction.picture, question.region)
        (joined,) = computed(job, tools)
        told = Told(correction, score, before=reference or None, after=joined)
        name = str(values[tab.good_parts.name] or "")
        yield self._told(said.plus(told)) | in_use(tab.good_parts, joined, name=name) | self.inspection.running(False)

    def _told(self, said: Said) -> Answer:
        panel = self.inspection.tab.said
        some = bool(said.told or said.loaded)
        return {
            panel.said: said,
            panel.marked: some,
            panel.card: _card(said),
            panel.back: gr.Button(interactive=bool(said.told)),
            panel.save: downloadable(FILE, lambda to: save_corrections(said.corrections, to))
            if some
            else nothing_to_download(),
        }

    def _said(self, values: Values) -> Said:
        """What was said so far.

        Raises:
            gradio.Error: it was forgotten.
        """
        panel = self.inspection.tab.said
        if lost(values[panel.marked], values[panel.said]):
            raise gr.Error(say(FORGOTTEN), print_exception=False)
        return values[panel.said] or Said()

    def _busy(self, title: str, text: str) -> Answer:
        return {self.inspection.tab.said.card: message(title, text, "busy")}


def _card(said: Said) -> str:
    """What was said so far, and what it changed."""
    if not said.told and not said.loaded:
        return message(*HINT)
    count, joined = len(said.told), said.joined
    told = [said.moved.told]
    if joined:
        one_or_more = "1 photo joined the good parts." if joined == 1 else "{count} photos joined the good parts."
        told.insert(0, say(one_or_more, count=joined))
    if said.loaded:
        told.append(say(ELSEWHERE, count=len(said.loaded)))
    title = say("1 correction" if count == 1 else "{count} corrections", count=count)
    return message(title, " ".join(filter(None, [*told, say("The next verdicts follow.")])), "adapted")
