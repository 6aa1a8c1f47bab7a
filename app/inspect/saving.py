"""The strip's comparison, and its files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from app.events import Answer
from app.files import downloadable
from app.inspect.strip import Strip, StripPanel, number_in, strip_html
from app.inspect.visited import compared_html, strip_csv, visit_report


@dataclass(frozen=True)
class Saving:
    """The handlers of the strip."""

    panel: StripPanel

    def pin(self, strip: Strip, event: gr.EventData) -> Answer:
        """Pin the one that was clicked for comparison, or let it go."""
        return self._compared(strip.pin(number_in(event)))

    def close(self, strip: Strip) -> Answer:
        """Compare none."""
        return self._compared(replace(strip, pinned=()))

    def _compared(self, strip: Strip) -> Answer:
        return {
            self.panel.kept: strip,
            self.panel.entries: strip_html(strip),
            self.panel.compared: compared_html(strip),
        }

    def table(self, strip: Strip) -> gr.DownloadButton:
        """The strip as CSV."""
        return downloadable("inspected.csv", lambda to: to.write_text(strip_csv(strip), encoding="utf-8", newline=""))

    def report(self, strip: Strip) -> gr.DownloadButton:
        """The strip as one page."""
        return downloadable("inspected.html", lambda to: to.write_text(visit_report(strip), encoding="utf-8"))
