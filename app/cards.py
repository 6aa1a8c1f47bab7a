"""The page's own cards, as HTML: messages, and what was learned from good parts. Cards on a result are the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Literal

from markupsafe import Markup

from app.html import render
from maeday_core import Reference
from maeday_core.fewshot.adapter import Adapter
from maeday_core.texts import say

Kind = Literal["hint", "busy", "adapted", "problem", "anomalous", "look", "calm"]
NOTHING = Markup()


def message(title: str, text: str = "", kind: Kind = "hint", beneath: Markup = NOTHING) -> Markup:
    """A card that says one thing; `kind` is how it looks."""
    return render("message", title=say(title), text=say(text), kind=kind, beneath=beneath)


def reference_card(reference: Reference, left_out: Sequence[str] = ()) -> Markup:
    """What was learned from the good parts in use, how the loss fell, and what to doubt.

    Args:
        reference: what was learned.
        left_out: sentences on the photos that could not be read.
    """
    facts, beneath = [], NOTHING
    for one in reference.learned.values():
        facts.append(one.summary)
        if isinstance(one, Adapter) and one.losses:
            told = say("loss {first:.4f} to {last:.4f}", first=mean(one.losses[:4]), last=mean(one.losses[-4:]))
            facts.append(told)
            beneath += loss_curve(one.losses, one.steps)
    if doubts := (*left_out, *reference.doubts):
        beneath += render("sentences", sentences=doubts)
    text = f"{', '.join(facts)}. " + say("Kept for this visit, an hour at most; save it to use it tomorrow.")
    shots = reference.shots
    title = say("Adapted to 1 good part" if shots == 1 else "Adapted to {shots} good parts", shots=shots)
    return message(title, text, "adapted", beneath)


def loss_curve(losses: Sequence[float], steps: int) -> Markup:
    """The loss of each of the steps so far as a small line; nothing for fewer than two."""
    if len(losses) < 2:
        return NOTHING
    top = max(losses)
    points = [f"{300 * i / max(steps - 1, 1):.1f},{4 + 40 * (1 - loss / top):.1f}" for i, loss in enumerate(losses)]
    return render("curve", points=points, first=f"{losses[0]:.4f}", last=f"{losses[-1]:.4f}")
