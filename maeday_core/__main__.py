"""`python -m maeday_core`, which is `maeday`: the command line as a process, which a signal ends in order."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from maeday_core.model import waiting as waiting


def main() -> int:
    """Run the command of the process.

    Returns:
        The exit status of the command; 130 after Ctrl-C, 143 after SIGTERM. Nothing is left behind by either.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        from maeday_core.cli import main as command  # within, for Ctrl-C may come while it is imported

        return command()
    except KeyboardInterrupt as interrupt:
        exec("")  # else `python -m` ends by the signal, not with a status, where it came within another exec
        print("interrupted", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
