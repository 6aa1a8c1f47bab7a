"""The page's own cards, as HTML: messages, and what was learned from good parts. Cards on a result are the engine's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Literal

from markupsafe import Markup

from app.html import render
from maeday_core import Reference
from maeday_core.fewshot.adapter import Adapter
from maeday_core.texts import decimal, retold, say

Kind = Literal["hint", "busy", "adapted", "problem", "anomalous", "look", "calm"]
NOTHING = Markup()
LEARNED = "Learned from 1 good part", "Learned from {shots} good parts"
LEARNED_ON = "Learned on {date} from 1 good part", "Learned on {date} from {shots} good parts"
UNUSUAL = (
    "A photo is called unusual where it differs from this part more than all but a few good parts would. One part does "
    "not tell how much good parts vary: more of them set a surer limit.",
    "A photo is called unusual where it differs from them more than all but a few good parts would. How high they "
    "score themselves, and where the limit lies, is in each verdict.",
)
IN_USE = "From now on photos are judged by them."
KEPT = "Kept for this visit, an hour at most, less if many come; save it to use it tomorrow."


def message(title: str, text: str = "", kind: Kind = "hint", beneath: Markup = NOTHING) -> Markup:
    """A card that says one thing; `kind` is how it looks."""
    return render("message", title=retold(title), text=retold(text), kind=kind, beneath=beneath)


def reference_card(reference: Reference, left_out: Sequence[str] = (), loaded: str = "", date: str = "") -> Markup:
    """How many good parts are in use, what will be called unusual, what to doubt, and, folded, how it was learned.

    Args:
        reference: what was learned.
        left_out: sentences on the photos that could not be read.
        loaded: the file that it comes from; empty where it was learned now.
        date: when it was learned, where a file says so.
    """
    shots, beneath = reference.shots, NOTHING
    if doubts := (*left_out, *map(retold, reference.doubts)):
        beneath += render("sentences", sentences=doubts)
    since = LEARNED_ON if date else LEARNED
    learned = say(since[0] if shots == 1 else since[1], shots=shots, date=date)
    how = [retold(one.summary) for one in reference.learned.values()]
    return message(
        say("Loaded {file}", file=loaded) if loaded else learned,
        " ".join(
            [f"{learned}.", say(IN_USE)] if loaded else [say(UNUSUAL[0] if shots == 1 else UNUSUAL[1]), say(KEPT)]
        ),
        "adapted",
        beneath + render("learned", how=how + _losses(reference), curve=_curve(reference)),
    )


def _losses(reference: Reference) -> list[str]:
    told = "loss {first:.4f} to {last:.4f}"
    losses = [one.losses for one in _adapters(reference)]
    return [say(told, first=mean(each[:4]), last=mean(each[-4:])) for each in losses]


def _curve(reference: Reference) -> Markup:
    return NOTHING.join(loss_curve(one.losses, one.steps) for one in _adapters(reference))


def _adapters(reference: Reference) -> list[Adapter]:
    return [one for one in reference.learned.values() if isinstance(one, Adapter) and one.losses]


def loss_curve(losses: Sequence[float], steps: int) -> Markup:
    """The loss of each of the steps so far as a small line; nothing for fewer than two."""
    if len(losses) < 2:
        return NOTHING
    top = max(losses)
    points = [f"{300 * i / max(steps - 1, 1):.1f},{4 + 40 * (1 - loss / top):.1f}" for i, loss in enumerate(losses)]
    return render("curve", points=points, first=decimal(f"{losses[0]:.4f}"), last=decimal(f"{losses[-1]:.4f}"))
