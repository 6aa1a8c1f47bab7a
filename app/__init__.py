"""The MAEDAY page. It draws and wires; what it shows comes from `maeday_core`."""

from app.page import build_demo, launch_options

__all__ = ["build_demo", "launch_options"]
