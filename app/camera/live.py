"""What the Camera tab does with a frame, an alarm, and what was seen."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.camera.layout import NOTHING_YET, CameraTab, alarms
from app.camera.seen import SOURCE, Alarm, Frame, Seen
from app.cards import message
from app.errors import sentence
from app.events import Answer, Values, lost
from app.figure import figure
from app.files import offered, written
from app.gpu import computed
from app.gradio_fixes import ODD
from app.html import render
from app.inspect import Incoming
from app.inspect.asking import asked
from app.inspect.good_parts import FORGOTTEN
from app.inspect.layout import InspectTab
from app.inspect.question import Question
from app.inspect.strip import number_in
from app.models import loaded_tools
from maeday_core import load_image
from maeday_core.drawing.cards import verdict
from maeday_core.drawing.shown import Shown, overlay_pair, shown
from maeday_core.methods import last
from maeday_core.serving.jobs import Look
from maeday_core.texts import say

NAME = f"{SOURCE}.jpg"
GONE = "This alarm is not kept any more."


@dataclass(frozen=True)
class Live:
    """The handlers of the tab.

    Attributes:
        tab: its components.
        inspect: the tab whose choices judge the frames.
        tabs: of the page, to go to Inspect.
    """

    tab: CameraTab
    inspect: InspectTab
    tabs: gr.Tabs

    def judge(self, values: Values, event: gr.EventData) -> Answer:
        """Judge the newest frame."""
        seen: Seen = values[self.tab.seen] or Seen()
        panel = self.inspect.good_parts
        if lost(values[panel.adapted], values[panel.reference]):
            return self._problem("The good parts were forgotten", FORGOTTEN)
        try:
            frame = Frame(_number_of(event), file_in(values[self.tab.camera]))
            question = asked(self.inspect, values, Path(NAME))
            view = self._seen(frame, question)
        except Exception as error:
            return self._problem("This did not work", sentence(error, "another camera"))
        return self._shown(seen.plus(frame, question, view), question, view)

    def _seen(self, frame: Frame, question: Question) -> Shown:
        picture, reference = load_image(frame.file, say("The camera's frame")), question.reference
        tools = loaded_tools(question.model, question.settings, question.method)
        found = last(computed(Look(picture, question.method.name, reference, region=question.region), tools))
        found, doubt = question.judged(found), reference.doubt_of(picture)
        view = shown(question.name, picture, found, doubt=doubt, reference=reference)
        return replace(view, by_hand=question.limit_for(found.image_score))

    def _shown(self, seen: Seen, question: Question, view: Shown) -> Answer:
        covered = overlay_pair(view, own_scale=False)[1]
        return {
            self.tab.seen: seen,
            self.tab.judged_by: judged_by(question),
            self.tab.card: verdict(view, own_scale=False),
            self.tab.picture: figure(say("The last frame, under its map"), [(covered, say("The last frame"))]),
            self.tab.progress: progress(seen),
            self.tab.alarms: alarms(seen),
        }

    def start_over(self) -> Answer:
        """Forget what was seen."""
        return {
            self.tab.seen: Seen(),
            self.tab.card: message(*NOTHING_YET),
            self.tab.alarms: alarms(Seen()),
            **dict.fromkeys((self.tab.picture, self.tab.progress), ""),
        }

    def tell(self, values: Values) -> Answer:
        """When the tab is opened: by what frames are judged now."""
        try:
            return {self.tab.judged_by: judged_by(asked(self.inspect, values, Path(NAME)))}
        except Exception as error:
            return {self.tab.judged_by: sentence(error, "another setting")}

    def table(self, seen: Seen | None) -> gr.DownloadButton:
        """All verdicts, as `maeday watch` writes them."""
        text = (seen or Seen()).table
        return offered(written("watch.csv", lambda to: to.write_text(text, encoding="utf-8")))

    def open_in_inspect(self, values: Values, event: gr.EventData) -> Answer:
        """The worst frame of an alarm is the photo of Inspect, and asked the same there."""
        alarm: Alarm | None = (values[self.tab.seen] or Seen()).of(number_in(event))
        if alarm is None:
            raise gr.Error(say(GONE), print_exception=False)
        asked, score = alarm.question, alarm.view.result.image_score
        margin = None if alarm.view.by_hand is None else score - alarm.view.limit
        path = written(f"{SOURCE}-alarm-{alarm.number}.jpg", lambda to: to.write_bytes(alarm.worst.file))
        incoming = Incoming(
            path,
            asked.settings,
            asked.method.name,
            asked.model,
            margin,
            "",
            time.time(),
            reference=asked.reference or values[self.inspect.good_parts.reference],
        )
        return {self.inspect.incoming: incoming, self.tabs: gr.Tabs(selected="inspect")}

    def _problem(self, title: str, text: str) -> Answer:
        return {self.tab.card: message(title, text, "problem"), self.tab.picture: ""}


def judged_by(question: Question) -> Markup:
    """By what frames are judged."""
    return render("judged_by", question=question)


def progress(seen: Seen) -> Markup:
    """How it goes."""
    return render("progress", told=seen.told)


def file_in(sent: Any) -> bytes:
    """The file that a data URL holds.

    Raises:
        gradio.Error: it holds none.
    """
    try:
        kind, _, text = sent.partition(";base64,")
        if kind.startswith("data:image/"):
            return base64.b64decode(text, validate=True)
    except (AttributeError, binascii.Error):
        pass
    raise gr.Error(say(ODD), print_exception=False)


def _number_of(event: gr.EventData) -> int:
    number = getattr(event, "number", None)
    return number if isinstance(number, int) else 1
