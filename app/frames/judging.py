"""What a visitor says of frames: an object, fine, ignore it here; taken back, and loaded from a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.errors import sentence
from app.events import Answer, Values, unchanged
from app.frames import answers
from app.frames.batch import Batch, Criteria
from app.frames.here import also_ignored
from app.frames.run import criteria_of
from app.frames.said import Told
from app.frames.triage import Triage
from app.gradio_fixes import uploaded
from app.ignoring import taken
from maeday_core.frames.triage import Judged
from maeday_core.io.corrections import load_corrections, now
from maeday_core.texts import say

TAKEN_BACK = "This frame was judged an object; it is ignored now. Press Object (y) to judge it so again."
NOTHING_HERE = "There is no unusual place in this frame to ignore."


@dataclass(frozen=True)
class Judging:
    """The handlers of what is said.

    Attributes:
        triage: shows what follows from it.
    """

    triage: Triage

    def say_object(self, values: Values) -> Answer:
        """There is an object in the chosen frame; the next one follows."""
        return self._say(values, Judged.OBJECT)

    def say_fine(self, values: Values) -> Answer:
        """The chosen frame is fine; the next one follows."""
        return self._say(values, Judged.FINE)

    def ignore_here(self, values: Values) -> Answer:
        """What is unusual in the chosen frame is ignored in all frames from now on; what is next follows."""
        batch, number = self._batch(values)
        verdict = batch.verdict(number) if batch else None
        if batch is None or verdict is None or number is None:
            return unchanged()
        criteria = criteria_of(self.triage.tab, values)
        mask = also_ignored(criteria.ignore, batch.judgement, verdict)
        if mask is None:
            raise gr.Error(say(NOTHING_HERE), print_exception=False)
        before, criteria = criteria.ignore, replace(criteria, ignore=mask)
        batch = batch.judged_again(criteria)
        judged = batch.verdict(number)
        elsewhere = judged is not None and judged.anomalous  # there may be an object
        said = None if elsewhere else also_ignored_as(batch.said.get(number))
        batch = batch.saying(Told(number, said, now(), before, mask), criteria)
        return self._shown(batch, criteria, number) | taken(self.triage.tab.ignore, mask)

    def take_back(self, values: Values) -> Answer:
        """The last thing that was said does not hold: its frame is shown, and what it changed is as before."""
        batch, _ = self._batch(values)
        if batch is None or not batch.told.told:
            return unchanged()
        *_, last = batch.told.told
        criteria, batch = criteria_of(self.triage.tab, values), replace(batch, told=batch.told.back())
        answer: Answer = {}
        if last.after is not None and criteria.ignore is last.after:
            criteria = replace(criteria, ignore=last.before)
            answer = taken(self.triage.tab.ignore, last.before)
        batch = self.triage.new(batch.judged_again(criteria))
        return answer | self._all(batch, criteria) | answers.chosen(self.triage.tab, batch, last.number)

    def load(self, values: Values) -> Answer:
        """What was said before, here or in Inspect, holds again of the frames that are here."""
        batch, number = self._batch(values)
        panel = self.triage.tab.result.chosen
        if batch is None:
            return unchanged()
        try:
            corrections = load_corrections(uploaded(values[panel.load]))
        except Exception as error:
            raise gr.Error(sentence(error, "another file"), print_exception=False) from None
        criteria = criteria_of(self.triage.tab, values)
        batch = replace(batch, told=batch.told.with_loaded(batch.judgement, corrections)).judged_again(criteria)
        return self._shown(batch, criteria, number) | {panel.load: None}

    def _say(self, values: Values, judged: Judged) -> Answer:
        batch, number = self._batch(values)
        if batch is None or number is None or batch.verdict(number) is None:
            return unchanged()
        criteria = criteria_of(self.triage.tab, values)
        return self._shown(batch.saying(Told(number, judged, now()), criteria), criteria, number)

    def _batch(self, values: Values) -> tuple[Batch | None, int | None]:
        """What can be judged, and the number of the chosen frame.

        Raises:
            gradio.Error: it was forgotten.
        """
        tab = self.triage.tab
        batch = values[tab.batch]
        answers.not_lost(batch, values[tab.begun])
        return (batch if batch and batch.idle else None), values[tab.result.chosen.number]

    def _shown(self, batch: Batch, criteria: Criteria, number: int | None) -> Answer:
        """A batch as it is judged now, and the next frame to judge; where all are judged, the same one."""
        batch, following = self.triage.new(batch), batch.next
        return self._all(batch, criteria) | answers.chosen(
            self.triage.tab, batch, number if following is None else following
        )

    def _all(self, batch: Batch, criteria: Criteria) -> dict[Any, Any]:
        return answers.shown(self.triage.tab, batch, criteria.threshold is None)


def also_ignored_as(before: Judged | None) -> Judged:
    """What a person says of a frame by ignoring a place in it: a frame that was fine stays so, an object is taken back.

    The page tells that it is.
    """
    if before is Judged.OBJECT:
        gr.Info(say(TAKEN_BACK))
    return Judged.FINE if before is Judged.FINE else Judged.IGNORED
