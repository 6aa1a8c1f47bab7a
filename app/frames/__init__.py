"""The Frames tab: many pictures or a video, one list of what to look at first."""

from app.frames.wiring import frames_tab

__all__ = ["frames_tab"]
