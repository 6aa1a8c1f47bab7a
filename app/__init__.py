"""The MAEDAY page. It draws and wires; what it shows comes from `maeday_core`."""

from maeday_core.model import waiting as waiting  # isort: split

from app.temporary import HOME as HOME  # isort: split

from app.gpu import ZERO_GPU as ZERO_GPU  # isort: split

from app.page import build_demo, launch_options, serve

__all__ = ["build_demo", "launch_options", "serve"]
