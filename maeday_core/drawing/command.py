"""The command line that gives a result again."""

from __future__ import annotations

import shlex

from maeday_core.detection.settings import SETTINGS, Settings
from maeday_core.drawing.shown import Shown

ALWAYS = frozenset({"masks", "seed", "sampling", "tile"})
"""Settings that are named even where they are the usual ones: people ask for the first three, and the command line has
another default for the last."""
UNNAMED = "good-parts"
IGNORED = "ignored.png"
"""What the page calls the mask that it saves."""


def command(view: Shown) -> str:
    """A line for a shell: run where the photo lies, it gives the same score and map, up to how a machine rounds.

    Good parts are named by the file that they were saved to, and so is what was ignored. A photo that was judged beside
    others needs them: then all in the folder are judged.
    """
    made_by, usual = view.result.made_by, Settings()
    photo = f"./{view.name}" if view.name.startswith("-") else view.name
    together = bool(view.result.threshold.ordinary.peers)
    photo = "." if together else photo
    words = ["maeday", "detect", photo, "--method", made_by.method]
    if made_by.model:
        words += ["--model", made_by.model]
    if made_by.backbone:
        words += ["--backbone", made_by.backbone]
    for name in SETTINGS:
        value = getattr(made_by, name)
        if value is not None and (name in ALWAYS or value != getattr(usual, name)):
            words += [f"--{name.replace('_', '-')}", str(value)]
    known = view.reference.region.id if view.reference.region else None
    if made_by.ignored not in (None, known):
        words += ["--ignore", IGNORED]
    if view.reference and not together:
        words += ["--adapter", f"{view.reference.name or UNNAMED}.safetensors"]
    return shlex.join(words)
