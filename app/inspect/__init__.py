"""The Inspect tab: one photo, one detection, what the model saw."""

from app.inspect.wiring import EXAMPLES, Incoming, inspect_tab

__all__ = ["EXAMPLES", "Incoming", "inspect_tab"]
