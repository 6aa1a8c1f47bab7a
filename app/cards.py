"""The page's own cards, as HTML: messages, and what was learned from good parts. Cards on a result are the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from markupsafe import Markup

from app.html import render
from maeday_core.methods.base import Reference

Kind = Literal["hint", "busy", "adapted", "problem", "anomalous", "calm"]
NOTHING = Markup()


def message(title: str, text: str = "", kind: Kind = "hint", beneath: Markup = NOTHING) -> Markup:
    """A card that says one thing; `kind` is how it looks."""
    return render("message", title=title, text=text, kind=kind, beneath=beneath)


def reference_card(reference: Reference, left_out: Sequence[str] = ()) -> Markup:
    """What was learned from the good parts in use, how the loss fell, and what to doubt.

    Args:
        reference: what was learned.
        left_out: sentences on the photos that could not be read.
    """
    adapter, banks = reference.adapter, reference.banks
    shots = adapter.calibration.shots if adapter else banks[0].shots
    facts: list[str] = []
    beneath, doubts = NOTHING, tuple(left_out)
    if adapter:
        doubts += adapter.doubts
        beneath = loss_curve(adapter.losses, adapter.steps)
        facts.append(f"{adapter.steps} steps on the model {adapter.base}")
        if adapter.losses:
            facts.append(f"loss {np.mean(adapter.losses[:4]):.4f} to {np.mean(adapter.losses[-4:]):.4f}")
    if banks:
        facts.append(f"{len(banks[0].features)} patches to compare with")
    if doubts:
        beneath += render("sentences", sentences=doubts)
    text = ", ".join(facts) + ". Kept for this visit, an hour at most; save it to use it tomorrow."
    return message(f"Adapted to {shots} good part{'s' * (shots > 1)}", text, "adapted", beneath)


def loss_curve(losses: Sequence[float], steps: int) -> Markup:
    """The loss of each of the steps so far as a small line; nothing for fewer than two."""
    if len(losses) < 2:
        return NOTHING
    top = max(losses)
    points = [f"{300 * i / max(steps - 1, 1):.1f},{4 + 40 * (1 - loss / top):.1f}" for i, loss in enumerate(losses)]
    return render("curve", points=points, first=f"{losses[0]:.4f}", last=f"{losses[-1]:.4f}")
