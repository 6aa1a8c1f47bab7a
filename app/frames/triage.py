"""Going through what a run gave: choose a frame, move the limit, open it in Inspect."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

import gradio as gr
from PIL import Image

from app.errors import sentence
from app.events import Answer, Values, unchanged
from app.frames import answers, cards
from app.frames.batch import Batch
from app.frames.layout import FramesTab
from app.frames.run import criteria_of, settings_of
from app.inspect import Incoming
from maeday_core.frames import Frame, Judgement, Verdict
from maeday_core.frames.triage import first
from maeday_core.texts import say

OPENED = "opened"
AS_IN_FRAMES = (
    "From Frames, where it was compared with the others. Here it is judged alone, and the limit is moved so that the "
    "verdict is that of Frames."
)
GONE = "This frame's file is no longer here; press Start again."
WITHOUT_GOOD = "Inspect judges this frame without the clean frames, so that the verdict may differ from that in Frames."
WITHOUT_CAMERA = (
    "Inspect judges this frame without what a camera that does not move always sees, so that the verdict may differ "
    "from that in Frames."
)
WITH_IGNORED = (
    "Inspect counts the region of this frame that is ignored in Frames, so that the verdict may differ from that in "
    "Frames."
)
OF_ANY_AREA = "Inspect judges this frame with objects of any area, so that the verdict may differ from that in Frames."


@dataclass(frozen=True)
class Triage:
    """The handlers of what a run gave.

    Attributes:
        tab: its components.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        newest: each run's batch as the page shows it now, by the run's folder: files of an older one are out of date.
    """

    tab: FramesTab
    tabs: gr.Tabs
    incoming: gr.State
    newest: WeakValueDictionary[Path, Batch] = field(default_factory=WeakValueDictionary)

    def judge_again(self, values: Values) -> Answer:
        """The same frames under another limit, least area or ignored region; no model runs."""
        batch, number = values[self.tab.batch], values[self.tab.result.chosen.number]
        if answers.lost(batch, values[self.tab.begun]):
            return answers.forgotten(self.tab)
        if batch is None or not batch.idle:
            return unchanged()
        criteria = criteria_of(self.tab, values)
        batch = self.new(batch.judged_again(criteria))
        shown = answers.shown(self.tab, batch, criteria.threshold is None)
        return shown | answers.chosen(self.tab, batch, number)

    def write_files(self, batch: Batch | None) -> Answer:
        """The files to download, as the page shows the frames now; none if it shows them otherwise by then."""
        answer = answers.files(self.tab, batch) if batch else {}
        newest = self.newest.get(batch.run.folder, batch) if batch else None
        return answer if answer and newest is batch else unchanged()

    def choose(self, batch: Batch | None, number: int | None) -> Answer:
        """One frame at full width, with its objects."""
        return (answers.chosen(self.tab, batch, number) if batch else {}) or unchanged()

    def choose_first(self, batch: Batch | None, number: int | None) -> Answer:
        """After a run, the frame to look at first, unless another one was chosen."""
        return self.choose(batch, batch.next if batch and batch.idle and number is None else number)

    def choose_row(self, batch: Batch | None, begun: bool, event: gr.SelectData) -> Answer:
        """A frame by its row in the table, which begins with its rank."""
        answers.not_lost(batch, begun)
        with suppress(LookupError, TypeError, ValueError, OverflowError):
            ranked = dict(enumerate(batch.judgement.worst if batch else (), 1))
            return self.choose(batch, ranked[int(float(event.row_value[0]))].record.number)
        return unchanged()

    def choose_thumbnail(self, batch: Batch | None, begun: bool, event: gr.SelectData) -> Answer:
        """A frame by its place in the gallery."""
        answers.not_lost(batch, begun)
        shown = dict(enumerate(first(batch.judgement)[: cards.WORST] if batch else ()))
        chosen = shown.get(event.index) if isinstance(event.index, int) else None
        return self.choose(batch, chosen.record.number) if chosen else unchanged()

    def choose_dot(self, batch: Batch | None, begun: bool, event: gr.SelectData) -> Answer:
        """A frame by its number, which its dot in the timeline has."""
        answers.not_lost(batch, begun)
        return self.choose(batch, event.index) if isinstance(event.index, int) else unchanged()

    def open_in_inspect(self, batch: Batch | None, begun: bool, number: int | None) -> Answer:
        """Hand the chosen frame to Inspect, as it was in its source."""
        answers.not_lost(batch, begun)
        verdict = batch.verdict(number) if batch else None
        if batch is None or verdict is None:
            return unchanged()
        asked, record, differs = batch.asked, verdict.record, other_question(batch.judgement, verdict)
        path = batch.run.folder / OPENED / str(record.number) / f"{record.safe_name}.png"
        frame = _frame_of(batch, verdict)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame.picture).save(path)
        except OSError as error:
            raise gr.Error(sentence(error, "another frame"), print_exception=False) from None
        margin = None if differs else verdict.image_score - verdict.threshold
        settings, now = settings_of(asked), time.time()
        incoming = Incoming(str(path), settings, asked.method, asked.model, margin, differs, now, AS_IN_FRAMES)
        return {self.incoming: incoming, self.tabs: gr.Tabs(selected="inspect")}

    def new(self, batch: Batch) -> Batch:
        """A batch that the page will show."""
        self.newest[batch.run.folder] = batch
        return batch


def other_question(judgement: Judgement, verdict: Verdict) -> str:
    """Why Inspect, which sees one frame alone, asks another question than the batch; nothing where it asks the same.

    By its own ground a frame is as far above the limit as in the batch, where all are brought to one ground.
    """
    baseline = judgement.baseline
    if verdict.record.ordinary is not None:
        return WITHOUT_GOOD
    if baseline.excess is not None:
        return WITHOUT_CAMERA
    if baseline.ignore is not None:
        return WITH_IGNORED
    return OF_ANY_AREA if verdict.anomalous != (verdict.image_score > verdict.threshold) else ""


def _frame_of(batch: Batch, verdict: Verdict) -> Frame:
    """The frame in its source.

    Raises:
        gradio.Error: it is no longer there.
    """
    key = verdict.record.key
    for found in batch.sources.frames(lambda other: other == key):
        if isinstance(found, Frame):
            return found
    raise gr.Error(say(GONE), print_exception=False)
