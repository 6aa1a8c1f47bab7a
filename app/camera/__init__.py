"""The Camera tab: what the browser's camera sees, judged frame by frame."""

from app.camera.wiring import camera_tab

__all__ = ["camera_tab"]
