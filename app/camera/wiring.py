"""What happens when on the Camera tab."""

from __future__ import annotations

import gradio as gr

from app.camera.layout import EVERY, SAVE, lay_out
from app.camera.live import Live
from app.deferred import when_opened
from app.events import AT_ONCE, PRIVATE
from app.inspect.layout import InspectTab

MAX_CAMERAS = 8
"""Visitors whose cameras are judged at a time; others wait."""


def camera_tab(lifetime: int, opened: gr.Tab, tabs: gr.Tabs, inspect: InspectTab) -> None:
    """Lay out the tab and wire its events.

    Args:
        lifetime: seconds after which what was seen is forgotten.
        opened: the tab itself; what is on it is sent when it is opened.
        tabs: of the page, to go to Inspect.
        inspect: the tab whose choices judge the frames.
    """
    judged_by = gr.HTML("", elem_id="camera-judged-by", min_height=24)
    with when_opened(opened):
        tab = lay_out(lifetime, judged_by)
        live = Live(tab, inspect, tabs)
        shown = {tab.seen, tab.judged_by, tab.card, tab.picture, tab.progress, tab.alarms}
        tab.camera.stream(
            live.judge,
            {tab.camera, tab.seen} | inspect.asked,
            shown,
            stream_every=EVERY,
            concurrency_limit=MAX_CAMERAS,
            **PRIVATE,
        )
        tab.again.click(live.start_over, None, shown - {tab.judged_by}, **AT_ONCE)
        tab.csv.click(live.table, tab.seen, tab.file, **AT_ONCE).then(None, js=SAVE)
        tab.alarms.click(
            live.open_in_inspect,
            {tab.seen, inspect.good_parts.reference},
            [inspect.incoming, tabs],
            **PRIVATE,
        )
    opened.select(live.tell, inspect.asked, judged_by, **AT_ONCE)
