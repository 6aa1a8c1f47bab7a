"""The run over a visitor's frames: it starts, pauses, stops, and shows what it has so far."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from app.errors import sentence
from app.events import Answer, Values, unchanged
from app.frames import answers, cards
from app.frames.batch import Asked, Batch, Criteria, State, begin, delete
from app.frames.layout import FramesTab
from app.frames.learning import learned
from app.gpu import computed
from app.gradio_fixes import finite
from app.ignoring import not_forgotten
from app.models import load_tools
from app.temporary import check_space
from maeday_core import Settings, SettingsError
from maeday_core.frames import FrameRecord
from maeday_core.methods import find
from maeday_core.serving.jobs import Seen, Watch, to_the_end
from maeday_core.texts import say

REFRESH = 1.0
"""Seconds between two tables of a run, at least."""
SHARE = 5
"""Judging the frames so far takes at most one part in so many of the time."""
GOING_ON = "A run is going on", "Pause or stop it first."
NO_FRAMES = "There are no frames yet", "Add photos, a zip archive or a video, or try the example."
TURNS = "If others work here now, you take turns."
FORGOTTEN_BEFORE = "What was done before was forgotten. If others work here now, you take turns."
NOTE_SAYS_WHY = "The note in the corner says why. Press Start to try again."
OTHERS = "other frames"


@dataclass
class Wishes:
    """What a visitor asks of a run while it runs.

    Attributes:
        end: the state to end in after the frame in work; None to go on.
        threshold: None for the automatic one.
    """

    end: State | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Watching:
    """The handlers of a run.

    Attributes:
        tab: its components.
        example: a zip archive to try it with.
        running: the wishes of each session whose run is going on.
    """

    tab: FramesTab
    example: Path
    running: dict[str, Wishes] = field(default_factory=dict)

    def start(self, values: Values, request: gr.Request) -> Iterator[Answer]:
        """Look at all frames, showing every now and then what there is; a paused run goes on where it was."""
        session = _session(request)
        if session in self.running:
            yield answers.note(self.tab, *GOING_ON)
            return
        wishes = self.running[session] = Wishes(threshold=criteria_of(self.tab, values).threshold)
        try:
            yield from self._run(values, wishes)
        except Exception as error:
            yield answers.problem(self.tab, sentence(error, OTHERS))
        finally:
            self.running.pop(session, None)

    def pause(self, request: gr.Request) -> None:
        """End the run after the frame in work; it can go on."""
        if wishes := self.running.get(_session(request)):
            wishes.end = State.PAUSED

    def stop(self, batch: Batch | None, begun: bool, request: gr.Request) -> Answer:
        """End the run after the frame in work; a paused one cannot go on any more."""
        if wishes := self.running.get(_session(request)):
            wishes.end = State.STOPPED
        elif batch and batch.state is State.PAUSED:
            stopped, run = replace(batch, state=State.STOPPED), self.tab.run
            buttons = {run.start: gr.Button(say("Start")), run.stop: gr.Button(interactive=False)}
            return {self.tab.batch: stopped, self.tab.result.card: cards.status(stopped), **buttons}
        return answers.forgotten(self.tab) if answers.lost(batch, begun) else unchanged()

    def try_example(self) -> Answer:
        """The example's frames."""
        return {self.tab.run.files: [str(self.example)]}

    def forget_chosen(self) -> Answer:
        """No frame is chosen."""
        return answers.none_chosen(self.tab)

    def change_settings(self) -> Answer:
        """With other settings a paused run does not go on."""
        return {self.tab.run.start: gr.Button(say("Start"))}

    def set_limit(self, limit: float, request: gr.Request) -> Answer:
        """The limit was moved, perhaps while a run is going on."""
        if wishes := self.running.get(_session(request)):
            wishes.threshold = limit
        return {self.tab.result.auto: False}

    def drag_limit(self, event: gr.SelectData, request: gr.Request) -> Answer:
        """The line in the timeline was dragged: the slider follows."""
        limit = round(max(finite(event.value), 0.0), 3)
        return self.set_limit(limit, request) | {self.tab.result.limit: limit}

    def set_automatic(self, auto: bool, limit: float, request: gr.Request) -> None:
        """The limit is automatic, or by hand again."""
        if wishes := self.running.get(_session(request)):
            wishes.threshold = None if auto else limit

    def give_up(self) -> Answer:
        """The answer of a run could not be shown: Start can be pressed again."""
        return answers.problem(self.tab, NOTE_SAYS_WHY)

    def _run(self, values: Values, wishes: Wishes) -> Iterator[Answer]:
        asked = asked_of(self.tab, values)
        if not asked.files:
            yield answers.ended(self.tab, *NO_FRAMES)
            return
        not_forgotten(values[self.tab.ignore.painted], values[self.tab.ignore.mask])
        check_space()
        batch: Batch | None = values[self.tab.batch]
        yield self._say(cards.STARTING, FORGOTTEN_BEFORE if answers.lost(batch, values[self.tab.begun]) else TURNS)
        method = find(asked.method)
        tools = yield from load_tools(asked.model, settings_of(asked), method, self._say)
        reference = yield from learned(asked.good, method, tools, self._say)
        old, going_on = batch, batch is not None and batch.goes_on_with(asked)
        batch = batch if batch and going_on else begin(asked)
        watch = Watch(batch.run, batch.sources, asked.method, reference, asked.keep_maps)
        found = to_the_end(lambda job: computed(job, tools), watch)
        try:
            for answer in self._watch(batch, found, wishes, criteria_of(self.tab, values)):
                delete(None if going_on else old)
                yield answer
        except Exception:  # it did not begin: what was there before is still there
            delete(None if going_on else batch)
            raise

    def _watch(
        self, batch: Batch, found: Generator[Seen, None, None], wishes: Wishes, criteria: Criteria
    ) -> Iterator[Answer]:
        """The loop over the frames; ends with the files to download, also where something goes wrong later."""
        known, measured, shown, cost, problem = len(batch.run.records()), 0, 0.0, 0.0, ""
        batch = replace(batch, state=State.RUNNING)
        try:
            with closing(found):
                for one in found:
                    measured += isinstance(one, FrameRecord)
                    start = time.monotonic()
                    if measured > known and start - shown > max(REFRESH, SHARE * cost):
                        yield self._judged(batch, wishes, criteria, camera=False)
                        shown = time.monotonic()
                        cost = shown - start
                        os.utime(batch.run.folder)  # in use
                    if wishes.end:
                        break
        except Exception as error:
            if not batch.kept:  # the server ends
                raise SettingsError(answers.FORGOTTEN) from error
            if not measured:
                raise
            problem = sentence(error, OTHERS)
        batch = replace(batch, state=State.PAUSED if problem else wishes.end or State.DONE)
        answer = self._judged(batch, wishes, criteria, problem=problem)
        try:
            answer |= answers.files(self.tab, answer[self.tab.batch])
        except Exception as error:
            answer |= {self.tab.result.card: cards.status(answer[self.tab.batch], sentence(error, OTHERS))}
        yield answer

    def _judged(
        self, batch: Batch, wishes: Wishes, criteria: Criteria, camera: bool = True, problem: str = ""
    ) -> Answer:
        """The batch as it is now, under the limit that the visitor wishes now."""
        batch = batch.judged(replace(criteria, threshold=wishes.threshold), camera)
        return answers.shown(self.tab, batch, wishes.threshold is None, problem)

    def _say(self, title: str, text: str) -> Answer:
        return answers.note(self.tab, title, text)


def asked_of(tab: FramesTab, values: Values) -> Asked:
    """What a run depends on."""
    run, settings = tab.run, tab.settings
    return Asked(
        files=tuple(values[run.files] or ()),
        good=tuple(values[run.good] or ()),
        every=float(values[settings.every] or 1.0),
        method=values[settings.method],
        tile=values[settings.tile],
        masks=int(values[settings.masks]),
        model=values[settings.model],
        keep_maps=values[settings.keep_maps],
    )


def criteria_of(tab: FramesTab, values: Values) -> Criteria:
    """What a verdict depends on."""
    threshold = None if values[tab.result.auto] else values[tab.result.limit]
    return Criteria(
        threshold, int(values[tab.settings.least_area]), values[tab.ignore.mask], bool(values[tab.result.follow])
    )


def settings_of(asked: Asked) -> Settings:
    """How the frames are seen."""
    return Settings(masks=asked.masks, sampling="balanced", tile=asked.tile)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""
