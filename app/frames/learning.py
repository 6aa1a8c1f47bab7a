"""Learning from clean frames before a run, or taking what was saved of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from app.events import Answer
from app.gpu import computed
from app.gradio_fixes import uploaded
from maeday_core import SettingsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.fewshot.learned import Progress
from maeday_core.methods import Method, Reference, Tools
from maeday_core.serving.calls import load_saved
from maeday_core.serving.jobs import Learn

ADAPTER = ".safetensors"
REFRESH = 1.0
"""Seconds between two notes on progress, at least."""
TITLE = "Learning from the clean frames"
PATIENCE = "This takes half a minute."
DOING = "{doing}: {share:.0%} done."
EITHER = "Give either clean frames or one saved file, not both."
TOO_MANY = "{count} clean frames were given; keep 1 to {most}."


def learned(
    given: Sequence[str], method: Method, tools: Tools, say: Callable[[str, str], Answer]
) -> Generator[Answer, None, Reference]:
    """What clean frames say, or what was saved of them.

    Args:
        given: the paths of the frames, or that of one saved file; nothing is nothing to learn from.
        method: what learns.
        tools: what it needs.
        say: makes a note of a title and a text.

    Raises:
        SettingsError: too many files, or of both kinds.
        gradio.Error: a file was not uploaded here.
    """
    paths = [uploaded(path) for path in given]
    saved = [path for path in paths if path.lower().endswith(ADAPTER)]
    if not paths:
        return Reference()
    if saved and len(paths) > 1:
        raise SettingsError(EITHER)
    if saved:
        return load_saved(saved[0])
    if len(paths) > MAX_SHOTS:
        raise SettingsError(TOO_MANY.format(count=len(paths), most=MAX_SHOTS))
    yield say(TITLE, PATIENCE)
    shown, found = time.monotonic(), None
    for found in computed(Learn(tuple(map(Path, paths)), method.name), tools):
        if isinstance(found, Progress) and time.monotonic() - shown > REFRESH:
            yield say(TITLE, DOING.format(doing=found.doing, share=found.share))
            shown = time.monotonic()
    assert isinstance(found, Reference)
    return found
