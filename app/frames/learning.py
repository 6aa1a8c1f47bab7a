"""Learning from clean frames before a run, or taking what was saved of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

from app.events import Answer
from app.gradio_fixes import uploaded
from app.models import load_saved
from maeday_core import SettingsError
from maeday_core.fewshot.fine_tuning import MAX_SHOTS
from maeday_core.fewshot.learned import Progress
from maeday_core.io.images import Photos
from maeday_core.methods import Method, Reference, Tools, learning
from maeday_core.serving.turns import in_turns

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
    return (yield from _noted(in_turns(learning(method, tools, Photos(paths))), say))


def _noted(
    steps: Generator[Progress, None, Reference], say: Callable[[str, str], Answer]
) -> Generator[Answer, None, Reference]:
    """The outcome of the steps, with a note every now and then."""
    shown = time.monotonic()
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            reference: Reference = end.value
            return reference
        if time.monotonic() - shown > REFRESH:
            yield say(TITLE, DOING.format(doing=progress.doing, share=progress.share))
            shown = time.monotonic()
