"""A lock on a folder in an object store: a small object that one writer creates, renews and removes.

S3 and Google Cloud Storage create an object only where there is none, if they are asked to, so that of two writers one
is refused. The Hub has no such request, and each renewal would be a commit: there is no lock in it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from maeday_core.io import remote

LASTS = 60.0
"""Seconds after which a lease that was not renewed is nobody's: its writer was killed. Clocks differ by less."""
BETWEEN = 15.0
"""Seconds between two renewals."""
NAME = ".lease"


@contextlib.contextmanager
def leased(folder: Path) -> Iterator[None]:
    """Hold a remote folder while the block runs.

    Raises:
        BlockingIOError: another writer holds it.
        OSError: the store does not answer.
    """
    if str(folder).startswith("hf://"):
        yield
        return
    path, mine, over = folder / NAME, uuid.uuid4().hex, threading.Event()
    _take(path, mine)

    def renew() -> None:
        while not over.wait(BETWEEN):
            with contextlib.suppress(OSError):  # the store may answer the next time
                remote.write(path, _lease(mine))

    renewer = threading.Thread(target=renew, daemon=True)
    renewer.start()
    try:
        yield
    finally:
        over.set()
        renewer.join()
        with contextlib.suppress(OSError):
            if _holder(path)[0] == mine:
                path.unlink(missing_ok=True)


def _take(path: Path, mine: str) -> None:
    if not remote.create(path, _lease(mine)):
        _, since = _holder(path)
        if time.time() - since < LASTS:
            raise BlockingIOError(f"{path} is held")
        path.unlink(missing_ok=True)
        remote.create(path, _lease(mine))
        if _holder(path)[0] != mine:
            raise BlockingIOError(f"{path} is held")


def _lease(mine: str) -> bytes:
    return json.dumps({"holder": mine, "time": time.time()}).encode()


def _holder(path: Path) -> tuple[str, float]:
    """Who holds a lease, and since when at least; nobody, where there is none."""
    if not remote.exists(path):
        return "", 0.0
    (content,) = remote.contents([path])
    lease = json.loads(content)
    return lease["holder"], lease["time"]
