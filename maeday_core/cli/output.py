"""What the commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from maeday_core.errors import OutputError
from maeday_core.io.files import printable
from maeday_core.serving.sentences import is_short_of_memory

BETWEEN_LINES = 10.0
"""Seconds between two lines of progress, for those who read a log."""
Show = Callable[[str, float], None]
"""Shows what is being done, and how much of it is done: 0 to 1."""


def print_line(text: str) -> None:
    """Print a line of results.

    Raises:
        BrokenPipeError: whoever read them has seen enough.
        OutputError: standard output takes no more.
    """
    try:
        _write(text, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"Standard output cannot be written ({error.strerror}); give it another place.") from error


def _write(text: str, stream: TextIO) -> None:
    """Write a line; where a bar is shown, it stays below."""
    from tqdm import tqdm

    tqdm.write(printable(text), file=stream)


def print_json(row: dict[str, Any]) -> None:
    """Print a JSON object as a line."""
    print_line(json.dumps(row))


def print_note(text: object) -> None:
    """Print a line on standard error."""
    _write(str(text), sys.stderr)


def print_warning(text: object) -> None:
    """Print a sentence about something that does not stop the command."""
    print_note(f"warning: {text}")


def print_error(text: object) -> None:
    """Print a sentence about something that could not be done."""
    print_note(f"error: {text}")


def print_mistake(error: Exception, about: str = "") -> int:
    """Say in a line what was not foreseen; its traceback, in Python's development mode.

    Returns:
        The exit status: 2 where memory is short, 1 for a mistake of the program.
    """
    if sys.flags.dev_mode:
        raise error
    if is_short_of_memory(error):
        print_error(f"{about}There is not enough memory; give smaller pictures, or end other programs.")
        return 2
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    print_error(f"{about}The program made a mistake ({said}); report it with what `python -X dev -m maeday_core` says.")
    return 1


@contextlib.contextmanager
def progress_bar() -> Iterator[Show]:
    """A bar on standard error with the time left, where that is a terminal; else a line every ten seconds."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f} %|{bar}| {remaining} left"
    with tqdm(total=1.0, bar_format=form, dynamic_ncols=True, leave=False) as bar:

        def show(doing: str, share: float) -> None:
            if share < bar.n:  # something else has begun
                bar.reset()
            bar.n = min(share, 1.0)
            bar.set_description_str(doing)  # which draws the bar

        yield show


def _lines() -> Show:
    printed = time.monotonic()

    def show(doing: str, share: float) -> None:
        nonlocal printed
        if time.monotonic() - printed >= BETWEEN_LINES:
            print_note(f"{doing}: {share:.0%}")
            printed = time.monotonic()

    return show
