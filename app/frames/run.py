"""What the events of the Frames tab do: each method answers with the components that it changes."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr
from PIL import Image

from app.cards import message
from app.errors import sentence
from app.events import Answer, Values, components, lost, unchanged
from app.files import nothing_to_download
from app.frames import cards
from app.frames.batch import Asked, Batch, Criteria, State, begin, delete
from app.frames.layout import FramesTab
from app.frames.paint import painted_mask
from app.gradio_fixes import uploaded
from app.inspect import Incoming
from app.models import load_saved, load_tools
from app.temporary import check_space
from app.turns import Work, in_turns
from maeday_core import ImageError, Settings, SettingsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.fewshot.learned import Progress
from maeday_core.frames import Frame, FrameRecord, Judgement, Verdict
from maeday_core.frames.files import ROWS, TABLE
from maeday_core.frames.report import annotated, timeline
from maeday_core.io.images import Photos
from maeday_core.methods import Detect, Method, Reference, Tools, detector, find, learning

REFRESH = 1.0
"""Seconds between two tables of a run, at least."""
SHARE = 5
"""Judging the frames so far takes at most one part in so many of the time."""
ADAPTER = ".safetensors"
OPENED = "opened"
FORGOTTEN = "The frames of this visit were forgotten; press Start to look at them again."
UNPAINTED = "What was painted to be ignored was forgotten; press 2 again below the picture, or Ignore nothing."


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
    """The handlers of the tab.

    Attributes:
        tab: its components.
        example: a zip archive to try it with.
        tabs: of the page, to go to Inspect.
        incoming: where Inspect takes a picture from.
        running: the wishes of each session whose run is going on.
    """

    tab: FramesTab
    example: Path
    tabs: gr.Tabs
    incoming: gr.State
    running: dict[str, Wishes] = field(default_factory=dict)

    def start(self, values: Values, request: gr.Request) -> Iterator[Answer]:
        """Look at all frames, showing every now and then what there is; a paused run goes on where it was."""
        session = _session(request)
        if session in self.running:
            yield self._say("A run is going on", "Pause or stop it first.")
            return
        wishes = self.running[session] = Wishes(threshold=self._criteria(values).threshold)
        try:
            yield from self._run(values, wishes)
        except Exception as error:
            yield self._problem(sentence(error, "other frames"))
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
            stopped = replace(batch, state=State.STOPPED)
            return {self.tab.batch: stopped, self.tab.run.start: gr.Button("Start"), self.tab.run.stop: _off()}
        return self._forgotten() if forgotten(batch, begun) else unchanged()

    def try_example(self) -> Answer:
        """The example's frames."""
        return {self.tab.run.files: [str(self.example)]}

    def forget_chosen(self) -> Answer:
        """No frame is chosen."""
        return {self.tab.result.chosen.number: None, self.tab.result.chosen.column: gr.Column(visible=False)}

    def change_settings(self) -> Answer:
        """With other settings a paused run does not go on."""
        return {self.tab.run.start: gr.Button("Start")}

    def set_threshold(self, threshold: float, request: gr.Request) -> Answer:
        """The threshold was moved, perhaps while a run is going on."""
        if wishes := self.running.get(_session(request)):
            wishes.threshold = threshold
        return {self.tab.result.auto: False}

    def set_automatic(self, auto: bool, threshold: float, request: gr.Request) -> None:
        """The threshold is automatic, or by hand again."""
        if wishes := self.running.get(_session(request)):
            wishes.threshold = None if auto else threshold

    def take_paint(self, layers: Sequence[Path | bytes]) -> Answer:
        """From now on, ignore what is painted."""
        try:
            mask = painted_mask(layers)
        except ImageError as error:
            raise gr.Error(str(error), print_exception=False) from None
        if mask is None:
            gr.Warning("Nothing is painted yet: take a frame first, then paint over what to ignore.")
        return {self.tab.ignore.mask: mask, self.tab.ignore.painted: mask is not None}

    def clear_paint(self) -> Answer:
        """Ignore nothing."""
        return {self.tab.ignore.mask: None, self.tab.ignore.painted: False, self.tab.ignore.paint: None}

    def offer_canvas(self, batch: Batch | None, begun: bool, number: int | None) -> Answer:
        """A frame to paint on: the chosen one, or the first."""
        not_forgotten(batch, begun)
        verdicts = batch.judgement.verdicts if batch else ()
        first = batch.verdict(verdicts[0].record.number) if batch and verdicts else None
        verdict = (batch.verdict(number) if batch else None) or first
        if verdict is None:
            raise gr.Error("There is no frame to paint on yet: press Start first.", print_exception=False)
        return {self.tab.ignore.paint: verdict.record.picture()}

    def judge_again(self, values: Values) -> Answer:
        """The same frames under another threshold, least area or ignored region; no model runs."""
        batch = values[self.tab.batch]
        if forgotten(batch, values[self.tab.begun]):
            return self._forgotten()
        if batch is None or not batch.idle:
            return unchanged()
        criteria = self._criteria(values)
        return self._show(batch.judged_again(criteria), automatic=criteria.threshold is None)

    def write_files(self, batch: Batch | None) -> Answer:
        """The files to download, as the page shows the frames now."""
        return (self._files(batch) if batch else {}) or unchanged()

    def choose_row(self, batch: Batch | None, begun: bool, event: gr.SelectData) -> Answer:
        """A frame by its row in the table, which begins with its number."""
        not_forgotten(batch, begun)
        with suppress(LookupError, TypeError, ValueError, OverflowError):
            return self.choose(batch, int(float(event.row_value[0])) - 1)
        return unchanged()

    def choose_thumbnail(self, batch: Batch | None, begun: bool, event: gr.SelectData) -> Answer:
        """A frame by its place in the gallery."""
        not_forgotten(batch, begun)
        shown = dict(enumerate(batch.judgement.worst[: cards.WORST] if batch else ()))
        chosen = shown.get(event.index) if isinstance(event.index, int) else None
        return self.choose(batch, chosen.record.number) if chosen else unchanged()

    def choose(self, batch: Batch | None, number: int | None) -> Answer:
        """One frame at full width, with its objects."""
        verdict = batch.verdict(number) if batch else None
        if batch is None or verdict is None:
            return unchanged()
        chosen = self.tab.result.chosen
        return {
            chosen.number: number,
            chosen.column: gr.Column(visible=True),
            chosen.facts: cards.facts(verdict),
            chosen.slider: (verdict.record.picture(), annotated(batch.judgement, verdict, heat=True)),
        }

    def open_in_inspect(self, batch: Batch | None, begun: bool, number: int | None) -> Answer:
        """Hand the chosen frame to Inspect, as it was in its source."""
        not_forgotten(batch, begun)
        verdict = batch.verdict(number) if batch else None
        if batch is None or verdict is None:
            return unchanged()
        key, asked = verdict.record.key, batch.asked
        frames = (found for found in batch.sources.frames(lambda other: other == key) if isinstance(found, Frame))
        frame = next(frames, None)
        if frame is None:
            raise gr.Error("This frame's file is no longer here; press Start again.", print_exception=False)
        path = batch.run.folder / OPENED / f"{verdict.record.stem}.png"
        try:
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(frame.picture).save(path)
        except OSError as error:
            raise gr.Error(sentence(error, "another frame"), print_exception=False) from None
        differs = other_question(batch.judgement, verdict)
        margin = None if differs else verdict.image_score - verdict.threshold
        incoming = Incoming(str(path), settings_of(asked), asked.method, asked.model, margin, differs, time.time())
        return {self.incoming: incoming, self.tabs: gr.Tabs(selected="inspect")}

    def _run(self, values: Values, wishes: Wishes) -> Iterator[Answer]:
        asked = self._asked(values)
        if not asked.files:
            raise ImageError("There are no frames yet: add photos, a zip archive or a video on the left.")
        if lost(values[self.tab.ignore.painted], values[self.tab.ignore.mask]):
            raise SettingsError(UNPAINTED)
        check_space()
        anew = forgotten(values[self.tab.batch], values[self.tab.begun])
        text = "If others work here now, you take turns."
        yield self._say("Starting", f"What was done before was forgotten. {text}" if anew else text)
        method = find(asked.method)
        tools = yield from load_tools(asked.model, settings_of(asked), method, self._say)
        reference = Reference()
        if asked.good:
            reference = yield from self._learn([uploaded(path) for path in asked.good], method, tools)
        detect = detector(method, tools, reference)
        batch: Batch | None = values[self.tab.batch]
        if batch is None or batch.state is not State.PAUSED or batch.asked != asked or not batch.kept:
            delete(batch)
            batch = begin(asked)
        yield from self._watch(replace(batch, state=State.RUNNING), detect, wishes, self._criteria(values))

    def _learn(self, paths: list[str], method: Method, tools: Tools) -> Generator[Answer, None, Reference]:
        """What the clean frames say, or what was saved of them."""
        saved = [path for path in paths if path.lower().endswith(ADAPTER)]
        if saved and len(paths) > 1:
            raise SettingsError("Give either clean frames or one saved file, not both.")
        if saved:
            return load_saved(saved[0])
        if len(paths) > MAX_SHOTS:
            raise SettingsError(f"{len(paths)} clean frames were given; keep 1 to {MAX_SHOTS}.")
        yield self._say("Learning from the clean frames", "This takes half a minute.")
        steps: Generator[Progress, None, Reference] = in_turns(learning(method, tools, Photos(paths)))
        shown = time.monotonic()
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                reference: Reference = end.value
                return reference
            if time.monotonic() - shown > REFRESH:
                yield self._say("Learning from the clean frames", f"{progress.doing}: {progress.share:.0%} done.")
                shown = time.monotonic()

    def _watch(self, batch: Batch, detect: Detect, wishes: Wishes, criteria: Criteria) -> Iterator[Answer]:
        """The loop over the frames; ends with the files to download, also where something goes wrong."""
        known, measured, shown, cost, problem = len(batch.run.records()), 0, 0.0, 0.0, ""
        work = Work()
        found = batch.run.look(
            batch.sources, lambda query: in_turns(detect(query), work), keep_maps=batch.asked.keep_maps
        )
        try:
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
            problem = sentence(error, "other frames")
        finally:
            found.close()
        batch = replace(batch, state=State.PAUSED if problem else wishes.end or State.DONE)
        answer = self._judged(batch, wishes, criteria, problem=problem)
        try:
            answer |= self._files(answer[self.tab.batch])
        except Exception as error:
            answer |= {self.tab.result.card: cards.status(answer[self.tab.batch], sentence(error, "other frames"))}
        yield answer

    def _judged(
        self, batch: Batch, wishes: Wishes, criteria: Criteria, camera: bool = True, problem: str = ""
    ) -> Answer:
        """The batch as it is now, under the threshold that the visitor wishes now."""
        batch = batch.judged(replace(criteria, threshold=wishes.threshold), camera)
        return self._show(batch, wishes.threshold is None, problem)

    def _files(self, batch: Batch) -> Answer:
        """The files to download; none without frames."""
        if not batch.idle or not batch.judgement.verdicts:
            return {}
        report, archive = batch.written()
        files, folder = self.tab.result.files, batch.run.folder
        paths = {files.table: folder / TABLE, files.rows: folder / ROWS, files.report: report, files.archive: archive}
        return {button: gr.DownloadButton(value=str(path), interactive=True) for button, path in paths.items()}

    def _show(self, batch: Batch, automatic: bool, problem: str = "") -> Answer:
        result, run, running = self.tab.result, self.tab.run, batch.state is State.RUNNING
        answer: Answer = {
            self.tab.batch: batch,
            self.tab.begun: True,
            result.card: cards.status(batch, problem),
            result.timeline: timeline(batch.judgement),
            result.table: cards.table(batch.judgement),
            result.worst: cards.thumbnails(batch.judgement),
            **self._working(running),
            run.start: gr.Button("Resume" if batch.state is State.PAUSED else "Start", interactive=not running),
            run.stop: gr.Button(interactive=running or batch.state is State.PAUSED),
        }
        if batch.judgement.verdicts:
            answer[result.threshold] = threshold_slider(batch, automatic)
        return answer

    def _forgotten(self) -> Answer:
        """The batch that the page shows is lost: the page says so, and shows none."""
        result = self.tab.result
        return {
            self.tab.batch: None,
            self.tab.begun: False,
            result.card: message("Forgotten", FORGOTTEN, "problem"),
            result.timeline: "",
            result.table: [],
            result.worst: None,
            **self.forget_chosen(),
            **self._working(False),
            self.tab.run.start: gr.Button("Start", interactive=True),
            **{button: nothing_to_download() for button in components(result.files)},
        }

    def give_up(self) -> Answer:
        """The answer of a run could not be shown: Start can be pressed again."""
        return self._problem("The note in the corner says why. Press Start to try again.")

    def _say(self, title: str, text: str) -> Answer:
        return {self.tab.result.card: message(title, text, "busy"), **self._working(True)}

    def _problem(self, text: str) -> Answer:
        return {self.tab.result.card: message("This did not work", text, "problem"), **self._working(False)}

    def _working(self, running: bool) -> Answer:
        """The buttons while a run is going on, or not."""
        run = self.tab.run
        enabled = {run.start: not running, run.example: not running, run.pause: running, run.stop: running}
        return {button: gr.Button(interactive=on) for button, on in enabled.items()}

    def _asked(self, values: Values) -> Asked:
        run, settings = self.tab.run, self.tab.settings
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

    def _criteria(self, values: Values) -> Criteria:
        result = self.tab.result
        threshold = None if values[result.auto] else values[result.threshold]
        return Criteria(threshold, int(values[self.tab.settings.least_area]), values[self.tab.ignore.mask])


def threshold_slider(batch: Batch, automatic: bool) -> gr.Slider:
    """The threshold's slider, reaching beyond all scores; where a visitor has put it by hand it stays."""
    judgement = batch.judgement
    top = max(judgement.threshold, *(verdict.image_score for verdict in judgement.verdicts))
    maximum = round(max(1.5 * top, 0.1), 2)
    return gr.Slider(maximum=maximum, value=round(judgement.threshold, 3)) if automatic else gr.Slider(maximum=maximum)


def settings_of(asked: Asked) -> Settings:
    """How the frames are seen."""
    return Settings(masks=asked.masks, sampling="balanced", tile=asked.tile)


def other_question(judgement: Judgement, verdict: Verdict) -> str:
    """Why Inspect, which sees one frame alone, asks another question than the batch; nothing where it asks the same.

    By its own ground a frame is as far above the threshold as in the batch, where all are brought to one ground.
    """
    baseline = judgement.baseline
    if verdict.record.ordinary is not None:
        differs = "without the clean frames"
    elif baseline.excess is not None:
        differs = "without what a camera that does not move always sees"
    elif baseline.ignore is not None:
        differs = "with the region that is ignored in Frames"
    elif verdict.anomalous != (verdict.image_score > verdict.threshold):
        differs = "with objects of any area"
    else:
        return ""
    return f"Inspect judges this frame {differs}, so that the verdict may differ from that in Frames."


def forgotten(batch: Batch | None, begun: bool) -> bool:
    """Whether the batch that the page shows, or its files, are lost."""
    return begun and (batch is None or not batch.kept)


def not_forgotten(batch: Batch | None, begun: bool) -> None:
    """Go on only where the batch that the page shows is there.

    Raises:
        gradio.Error: it was forgotten.
    """
    if forgotten(batch, begun):
        raise gr.Error(FORGOTTEN, print_exception=False)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _off() -> gr.Button:
    return gr.Button(interactive=False)
