"""What the photos of a visit gave: two side by side, all as a table, and all as one page."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from markupsafe import Markup

from app.html import render
from app.inspect.inspected import Inspected
from app.inspect.strip import PINS, Strip
from maeday_core import __version__
from maeday_core.detection.decision import Verdict
from maeday_core.drawing.cards import SHORT, factor_of
from maeday_core.io.table import csv_text
from maeday_core.texts import LANGUAGE, decimal, retold, say

FACTS = {
    "photo": "Photo",
    "method": "Method",
    "good parts": "Good parts",
    "masks": "Masks (N)",
    "mask ratio": "Mask ratio",
    "seed": "Seed",
    "sampling": "Mask sampling",
    "patches": "Patches that count",
    "error space": "Error space",
    "tile": "How the photo is seen",
    "windows": "Windows",
    "ignored": "Ignored",
    "alarm rate": "False alarms",
    "limit": "Limit",
    "model": "Model",
    "preset": "Recipe",
    "adapter": "Learned",
    "backbone": "Network",
    "device": "Computed on",
    "dtype": "Number format",
}
"""What an answer depends on, as people read it; what is not among these is left out."""
VALUES = {
    "patches": {"masked": "hidden only"},
    "tile": {"auto": "by its size", "off": "whole, 224 x 224", "on": "through windows"},
}
"""How the panel of settings calls what a setting says in another way."""
ALWAYS = "method", "good parts", "model", "masks", "sampling"
"""What is told of two that are compared, also where it is the same."""


def facts_of(one: Inspected) -> dict[str, str]:
    """What its answer depends on, as people read it."""
    facts = one.facts
    return {say(label): _told(key, facts[key]) for key, label in FACTS.items() if key in facts}


def _told(fact: str, value: str) -> str:
    """What a fact says, as the panel of settings calls it."""
    return decimal(retold(VALUES.get(fact, {}).get(value, value)))


def compared_html(strip: Strip) -> Markup:
    """Two pinned ones side by side: what was answered, by what, and in what else they differ; nothing for fewer."""
    compared = strip.compared
    if len(compared) < PINS:
        return Markup()
    answers = {
        say("Verdict"): [one.says for one in compared],
        say("x limit"): [factor_of(one.score, one.limit) for one in compared],
        say("Score"): [one.score_told for one in compared],
    }
    facts, always = (
        [one.facts for one in compared],
        [key for key in ALWAYS if any(key in one.facts for one in compared)],
    )
    differ = [key for key in FACTS if len({one.get(key) for one in facts}) > 1 and key not in ("photo", "limit")]
    rows = {
        say(FACTS[key]): [_told(key, one.get(key, "")) for one in facts] for key in dict.fromkeys((*always, *differ))
    }
    return render("compared", compared=compared, rows=answers | rows)


def strip_csv(strip: Strip) -> str:
    """The strip as a table: the first inspected first or, as the page has it after several in one drop, the worst."""
    entries = strip.listed if strip.worst_first else strip.entries
    facts = [one.facts for one in entries]
    keys = [key for key in dict.fromkeys(key for one in facts for key in one) if key != "photo"]
    head = ["number", "photo", "verdict", "factor", "image score", "threshold", "unit", "time", *keys]
    rows = [
        [
            one.number,
            one.name,
            one.verdict.value,
            f"{one.factor:.4g}",
            f"{one.score:.4g}",
            f"{one.limit:.4g}",
            one.view.result.unit.name,
            one.at.isoformat(timespec="seconds"),
            *(fact.get(key, "") for key in keys),
        ]
        for one, fact in zip(entries, facts, strict=True)
    ]
    return csv_text([head, *rows])


def visit_report(strip: Strip) -> Markup:
    """One self-contained page on all that was inspected, the most unusual first."""
    verdicts = Counter(one.verdict for one in strip.entries)
    return render(
        "visit",
        entries=sorted(strip.entries, key=lambda one: one.factor, reverse=True),
        counts=[(verdicts[verdict], say(SHORT[verdict])) for verdict in Verdict if verdicts[verdict]],
        facts_of=facts_of,
        language=LANGUAGE.get(),
        version=__version__,
        date=datetime.now(UTC),
    )
