"""The Frames tab: many pictures or a video, one list of what to look at first."""

from pathlib import Path

from app.frames.wiring import frames_tab
from maeday_core.frames.timeline import TIMELINE_CSS

CSS = TIMELINE_CSS + Path(__file__).with_name("frames.css").read_text(encoding="utf-8")
"""The looks of the tab."""

__all__ = ["CSS", "frames_tab"]
