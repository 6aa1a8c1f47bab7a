"""Learning from good parts: fine-tuning with its progress, and Stop, which keeps what was learned."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from app.cards import NOTHING, loss_curve, message
from app.errors import sentence
from app.events import Answer, Values
from app.files import nothing_to_download
from app.gradio_fixes import uploaded
from app.inspect.good_parts import in_use, not_used
from app.inspect.layout import EXAMPLES
from app.inspect.run import Inspection
from app.inspect.settings import settings_of
from app.models import in_turns, load_backbone_for, load_model_for
from maeday_core import Adapter, FineTuning, ImageError, SettingsError, load_image
from maeday_core.fewshot.fine_tuning import MAX_SHOTS, Step
from maeday_core.io.images import RGBImage
from maeday_core.methods.base import Reference, close_up, keeping, resolved
from maeday_core.methods.patchcore import build_bank

EXAMPLE_QUERY, EXAMPLE_GOOD_PART = (str(EXAMPLES / name) for name in ("metal-scratch.jpg", "metal-clean.jpg"))
PAUSE = 0.2
"""Seconds between two pictures of the progress, at least."""


@dataclass(frozen=True)
class Learning:
    """The handlers of fine-tuning.

    Attributes:
        inspection: those of the tab.
        stopping: the sessions whose fine-tuning shall end. Cancelling the event would lose what it has learned.
    """

    inspection: Inspection
    stopping: set[str] = field(default_factory=set)

    def try_example(self) -> Answer:
        """A query and its good part, to try the panel with."""
        tab = self.inspection.tab
        return {tab.photo: EXAMPLE_QUERY, tab.good_parts.shots: [EXAMPLE_GOOD_PART]}

    def stop(self, request: gr.Request) -> None:
        """End this visitor's fine-tuning after the step in work."""
        self.stopping.add(request.session_hash or "")

    def fine_tune(self, values: Values, request: gr.Request) -> Iterator[Answer]:
        """Fine-tune on the shots, saying how far it is; Stop keeps what was learned so far."""
        panel, session = self.inspection.tab.good_parts, request.session_hash or ""
        self.stopping.discard(session)
        try:
            yield from self._fine_tune(values, session)
        except Exception as error:
            answer = not_used(panel, error, values[panel.reference])
            yield answer | self.inspection.running(False)
        finally:
            self.stopping.discard(session)

    def _fine_tune(self, values: Values, session: str) -> Iterator[Answer]:
        tab = self.inspection.tab
        paths = checked(values[tab.good_parts.shots])
        yield self._busy("Starting", "If others work here now, you take turns.")
        settings = settings_of(tab.settings, values)
        model = yield from load_model_for(values[tab.settings.model], self._busy)
        backbone = yield from load_backbone_for(values[tab.settings.model], self._busy)
        left_out: list[str] = []
        small: list[RGBImage] = []
        settings, photos = resolved(settings, _decoded(paths, left_out))
        tiled = settings.tile == "on"
        shots = keeping(photos, small, backbone.side, tiled)
        tuning = FineTuning(model, close_up(model, shots, settings), seed=settings.seed, settings=settings)
        drawn = 0.0
        for step in in_turns(iter(tuning)):
            if time.monotonic() - drawn > PAUSE:
                yield self._busy("Learning what is normal", *_progress(step, tuning.losses))
                drawn = time.monotonic()
            if session in self.stopping:
                break
        for found in in_turns(tuning.calibrating()):
            if isinstance(found, Adapter):
                adapter = found
            else:
                text = f"{found:.0%} done: the normal error sets the threshold."
                yield self._busy("Measuring what is normal", text)
        yield self._busy("Remembering what is normal", "Patches of the good parts, to compare with.")
        (bank,) = in_turns(build_bank(backbone, shots, settings.seed, tiled=tiled) for shots in [small])
        yield in_use(tab.good_parts, Reference(adapter, (bank,)), left_out) | self.inspection.running(False)

    def _busy(self, title: str, text: str, beneath: Markup = NOTHING) -> Answer:
        panel = self.inspection.tab.good_parts
        return {
            panel.card: message(title, text, "busy", beneath),
            panel.download: nothing_to_download(),
            **self.inspection.running(True),
        }


def checked(shots: list[tuple[str, str | None]] | None) -> list[Path]:
    """The files of the shots.

    Raises:
        SettingsError: there are none, or too many.
        gradio.Error: one was not uploaded here.
    """
    if not shots:
        raise SettingsError(f"There are no photos of good parts yet: add 1 to {MAX_SHOTS} above.")
    if len(shots) > MAX_SHOTS:
        raise SettingsError(f"{len(shots)} photos of good parts were given; keep 1 to {MAX_SHOTS}.")
    return [Path(uploaded(path)) for path, _ in shots]


def _decoded(paths: list[Path], left_out: list[str]) -> Iterator[RGBImage]:
    """The shots that can be read, one at a time; sentences on the others go to `left_out`."""
    for path in paths:
        try:
            yield load_image(path)
        except ImageError as error:
            left_out.append(sentence(error, ""))
    if len(left_out) == len(paths):
        raise ImageError(" ".join(left_out))


def _progress(step: Step, losses: list[float]) -> tuple[str, Markup]:
    seconds = f"about {step.seconds_left:.0f} s left"
    text = f"Step {step.step} of {step.steps}, loss {step.loss:.4f}, {seconds}. Stop keeps it."
    return text, loss_curve(losses, step.steps)
