"""The strip's comparison, and its files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from app.events import Answer
from app.files import downloadable
from app.inspect.strip import Strip, StripPanel, number_in, strip_html
from app.inspect.visited import compared_html, strip_csv, visit_report


def strip_shown(panel: StripPanel, strip: Strip) -> Answer:
    """The strip, and those of it that are compared, as they are judged now."""
    return {panel.kept: strip, panel.entries: strip_html(strip), panel.compared: compared_html(strip)}


@dataclass(frozen=True)
class Saving:
    """The handlers of the strip."""

    panel: StripPanel

    def pin(self, strip: Strip, event: gr.EventData) -> Answer:
        """Pin the one that was clicked for comparison, or let it go."""
        return strip_shown(self.panel, strip.pin(number_in(event)))

    def close(self, strip: Strip) -> Answer:
        """Compare none."""
        return strip_shown(self.panel, replace(strip, pinned=()))

    def table(self, strip: Strip) -> gr.DownloadButton:
        """The strip as CSV."""
        return downloadable("inspected.csv", lambda to: to.write_text(strip_csv(strip), encoding="utf-8", newline=""))

    def report(self, strip: Strip) -> gr.DownloadButton:
        """The strip as one page."""
        return downloadable("inspected.html", lambda to: to.write_text(visit_report(strip), encoding="utf-8"))
