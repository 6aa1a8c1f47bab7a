"""How handlers take and give values: by component, so that each answer names what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

Values: TypeAlias = Mapping[Component, Any]
"""What a handler whose `inputs` is a set receives."""
Answer: TypeAlias = dict[Any, Any]
"""Each component that changes, and its new value or update."""

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Options of every event: only the page calls it, and the cards say what goes on."""
LATEST: dict[str, Any] = {**PRIVATE, "trigger_mode": "always_last"}
"""Of a quick one that may come again while it runs: the last one counts."""
AT_ONCE: dict[str, Any] = {**LATEST, "queue": False}
"""Of one that waits for nobody's turn."""


def mark() -> gr.Checkbox:
    """A hidden component that stays with the browser and says whether the server keeps something for it.

    Gradio forgets a `gr.State` after its lifetime, and all of a visitor's when too many others came: it is None again.
    """
    return gr.Checkbox(False, visible="hidden")


def lost(marked: bool, kept: Any) -> bool:
    """Whether what the browser has marked as kept is forgotten."""
    return marked and kept is None


def with_answer(values: Values, answer: Answer) -> Values:
    """The values of the components after an answer; where it changes how one looks, its value stays."""
    given = {one: value for one, value in answer.items() if not isinstance(value, Block)}
    return {one: given.get(one, value) for one, value in values.items()}


def unchanged() -> Answer:
    """The answer that changes nothing; Gradio takes no empty one."""
    return dict(gr.skip())


def components(panel: Any) -> list[Block]:
    """All components of a panel, a dataclass of components and of other panels."""
    found: list[Block] = []
    for field in fields(panel):
        value = getattr(panel, field.name)
        found += components(value) if is_dataclass(value) else [value] if isinstance(value, Block) else []
    return found
