"""Learning from good parts: fine-tuning with its progress, and Stop, which keeps what was learned."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from app.cards import NOTHING, loss_curve, message
from app.errors import sentence
from app.events import Answer, Values
from app.files import nothing_to_download
from app.gpu import computed
from app.inspect.asking import region_in
from app.inspect.examples import EXAMPLES
from app.inspect.good_parts import in_use, not_used
from app.inspect.run import Inspection
from app.inspect.settings import settings_of
from app.models import load_tools
from app.temporary import HOME, check_space
from maeday_core import (
    ENSEMBLE,
    ImageError,
    Method,
    Reference,
    SettingsError,
    Shots,
    find,
    load_image,
)
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.fewshot.learned import Progress
from maeday_core.serving.jobs import Learn
from maeday_core.texts import say

EXAMPLE_QUERY, EXAMPLE_GOOD_PART = (str(EXAMPLES / name) for name in ("metal-scratch.jpg", "metal-clean.jpg"))
PAUSE = 0.2
"""Seconds between two pictures of the progress, at least."""


@dataclass(frozen=True)
class Learning:
    """The handlers of fine-tuning.

    Attributes:
        inspection: those of the tab.
        tuning: the file that ends the fine-tuning of each session that does, once it is there: another process may
            look for it. Cancelling the event would lose what was learned.
    """

    inspection: Inspection
    tuning: dict[str, Path] = field(default_factory=dict)

    def try_example(self) -> Answer:
        """A query and its good part, to try the panel with."""
        tab = self.inspection.tab
        return {tab.photo: EXAMPLE_QUERY, **tab.good_parts.shots.with_photos([EXAMPLE_GOOD_PART])}

    def stop(self, request: gr.Request) -> None:
        """End this visitor's fine-tuning after the step in work."""
        if stop := self.tuning.get(request.session_hash or ""):
            stop.touch()

    def fine_tune(self, values: Values, request: gr.Request) -> Iterator[Answer]:
        """Fine-tune on the shots, saying how far it is; Stop keeps what was learned so far."""
        panel, session = self.inspection.tab.good_parts, request.session_hash or ""
        stop = self.tuning[session] = HOME / f"stop-{uuid.uuid4().hex}"
        try:
            yield from self._fine_tune(values, stop)
        except Exception as error:
            answer = not_used(panel, error, values[panel.reference], values[panel.adapted])
            yield answer | self.inspection.running(False)
        finally:
            self.tuning.pop(session, None)
            stop.unlink(missing_ok=True)

    def _fine_tune(self, values: Values, stop: Path) -> Iterator[Answer]:
        tab = self.inspection.tab
        paths = checked(values[tab.good_parts.shots.kept])
        check_space()
        yield self._busy("Starting", "If others work here now, you take turns.")
        settings = settings_of(tab.settings, values)
        readable, left_out = decodable(paths)
        method = to_learn(find(values[tab.settings.method]))
        tools = yield from load_tools(values[tab.settings.model], settings, method, self._busy)
        region = region_in(tab, values)
        reference = yield from self._learned(computed(Learn(tuple(readable), method.name, stop, region), tools))
        yield in_use(
            tab.good_parts, reference, left_out, str(values[tab.good_parts.name] or "")
        ) | self.inspection.running(False)

    def _learned(self, steps: Iterator[Progress | Reference]) -> Generator[Answer, None, Reference]:
        """Go through the steps, showing the progress every now and then; returns what comes last."""
        doing, drawn, found = "", 0.0, None
        for found in steps:
            if isinstance(found, Progress) and (found.doing != doing or time.monotonic() - drawn > PAUSE):
                yield self._busy(found.doing, *_in_words(found))
                doing, drawn = found.doing, time.monotonic()
        assert isinstance(found, Reference)
        return found

    def _busy(self, title: str, text: str, beneath: Markup = NOTHING) -> Answer:
        panel = self.inspection.tab.good_parts
        return {
            panel.card: message(title, text, "busy", beneath),
            panel.download: nothing_to_download(),
            **self.inspection.running(True),
        }


def to_learn(chosen: Method) -> Method:
    """The method that learns from the good parts: the ensemble, unless what it learns is no use to the chosen one."""
    learned = {part.name for part in ENSEMBLE.parts(good=True)}
    of_use = chosen.shots is Shots.NONE or learned.issuperset(part.name for part in chosen.parts(good=True))
    return ENSEMBLE if of_use else chosen


def checked(shots: Sequence[str]) -> list[Path]:
    """The files of the shots.

    Raises:
        SettingsError: there are none, or too many.
    """
    if not shots:
        raise SettingsError(f"There are no photos of good parts yet: add 1 to {MAX_SHOTS} above.")
    if len(shots) > MAX_SHOTS:
        raise SettingsError(f"{len(shots)} photos of good parts were given; keep 1 to {MAX_SHOTS}.")
    return [Path(path) for path in shots]


def decodable(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The photos that can be read, and a sentence on each of the others.

    Raises:
        ImageError: none can be read.
    """
    readable, left_out = [], []
    for path in paths:
        try:
            load_image(path)
            readable.append(path)
        except ImageError as error:
            left_out.append(sentence(error, "other photos"))
    if not readable:
        raise ImageError(" ".join(left_out))
    return readable, left_out


def _in_words(progress: Progress) -> tuple[str, Markup]:
    """How far it is, and the loss so far as a picture."""
    step = progress.step
    if step is None:
        return say("{share:.0%} done.", share=progress.share) if progress.share else "", NOTHING
    told = "Step {step} of {steps}, about {left:.0f} s left. Stop keeps what is learned so far."
    text = say(told, step=step.step, steps=step.steps, left=step.seconds_left)
    return text, loss_curve(step.losses, step.steps)
