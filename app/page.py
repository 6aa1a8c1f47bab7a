"""The page as a whole: its texts, its looks, its limits."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import gradio as gr
from starlette.middleware import Middleware

from app import gradio_fixes, temporary
from app.api import add_endpoints, with_mcp
from app.camera import camera_tab
from app.deferred import when_opened
from app.document import Packed
from app.frames import CSS as FRAMES_CSS
from app.frames import frames_tab
from app.gpu import ZERO_GPU
from app.how import IN_OTHER_LANGUAGES, TEXT, how_tab
from app.html import render
from app.inspect import EXAMPLES, inspect_tab
from app.inspect.first import FIRST
from app.language import InTheVisitorsLanguage, Page
from app.limits import Limits
from app.theme import theme
from maeday_core.drawing import cards
from maeday_core.model.device import share_one_heap
from maeday_core.serving.turns import hand_on_long_turns

HERE = Path(__file__).parent
MAX_UPLOAD = "500mb"
HOUR = 3600

SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")
CSS = cards.CSS + (HERE / "page.css").read_text(encoding="utf-8") + FRAMES_CSS


def build_demo() -> gr.Blocks:
    """Lay out the page and wire its events."""
    gradio_fixes.apply()
    hand_on_long_turns()
    demo: Page
    with Page(title="MAEDAY: what does not belong here?", analytics_enabled=False, delete_cache=(HOUR, HOUR)) as demo:
        add_endpoints()
        gr.HTML('<span id="language" hidden>en</span>')
        gr.HTML(render("title"), elem_id="title")
        with gr.Tabs() as tabs:
            with gr.Tab("Inspect", id="inspect", elem_id="inspect-tab"):
                inspect = inspect_tab(HOUR)
            with gr.Tab("Frames", id="frames") as frames, when_opened(frames):
                frames_tab(HOUR, tabs, inspect.incoming, EXAMPLES / "frames.zip")
            if not ZERO_GPU:  # docs/decisions.md#zerogpu
                with gr.Tab("Camera", id="camera") as camera:
                    camera_tab(HOUR, camera, tabs, inspect)
            with gr.Tab("How it works", id="how") as how:
                how_tab(how, inspect.shown)
        demo.load(None, js=SCRIPT)
    demo.wholes = {one: {TEXT: how, FIRST.card: FIRST.cards[one]} for one, how in IN_OTHER_LANGUAGES.items()}
    demo.queue(api_open=False)  # nobody passes by the turns
    return demo


def launch_options() -> dict[str, Any]:
    """Arguments of `demo.launch`: local unless the environment says otherwise, small limits, nothing from outside."""
    return {
        "theme": theme(),
        "css": CSS,
        "max_file_size": MAX_UPLOAD,
        "allowed_paths": [str(EXAMPLES)],  # the program may be started from any folder
        "footer_links": ["settings"],
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": with_mcp(),
        "app_kwargs": {"middleware": [Middleware(Limits), Middleware(Packed), Middleware(InTheVisitorsLanguage)]},
    }


def serve(demo: gr.Blocks) -> NoReturn:
    """Serve the page until Ctrl-C or SIGTERM, then end at once: the status is 130 or 143, and no temporary file stays.

    Work of visitors that goes on is given up. Waiting for it, or letting the interpreter end beside it, would take long
    or crash.
    """
    received = [signal.SIGINT]
    share_one_heap()

    def stop(number: int, _: FrameType | None) -> None:
        received[0] = signal.Signals(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    tempfile.tempdir = str(temporary.HOME)
    with suppress(KeyboardInterrupt):
        demo.launch(**launch_options())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    temporary.remove()
    sys.stdout.flush()
    os._exit(128 + received[0])


def main() -> None:
    """Build the page and serve it: what `maeday-page` runs."""
    serve(build_demo())
