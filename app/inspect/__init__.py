"""The Inspect tab: one photo, one detection, what the model saw."""

from app.inspect.asking import Incoming
from app.inspect.examples import EXAMPLES
from app.inspect.wiring import inspect_tab

__all__ = ["EXAMPLES", "Incoming", "inspect_tab"]
