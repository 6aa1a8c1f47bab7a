"""Where verdicts go: a table that grows, and a webhook that is told of alarms."""

from __future__ import annotations

import json
import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from maeday_core.errors import SettingsError
from maeday_core.io.files import check_place, writing
from maeday_core.io.table import csv_text
from maeday_core.watching.arrivals import without_password

Row = Mapping[str, Any]

COLUMNS = ("time", "number", "path", "image_score", "threshold", "verdict", "objects", "latency", "dropped", "picture")
WAITING = 100
"""Alarms that may wait for delivery; more are not delivered, and counted."""
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each new attempt to deliver an alarm."""
LAST_WAIT = 1.0
"""Seconds, at most, before a new attempt once the watch has ended."""
PATIENCE = 10.0
"""Seconds that an attempt may take, and that those still waiting have at the end."""


class Table:
    """A CSV file, a line a verdict, which is on the disk before the next picture is judged."""

    def __init__(self, path: Path):
        """Go on with the file, if it is there.

        Raises:
            OutputError: it cannot be written.
        """
        check_place(path)
        self._path = path
        if not path.exists():
            self._append(COLUMNS)

    def write(self, row: Row) -> None:
        """Add the line of a verdict.

        Raises:
            OutputError: it cannot be written.
        """
        cells = {**row, "objects": len(row["boxes"])}
        self._append([cells[name] for name in COLUMNS])

    def _append(self, cells: Any) -> None:
        with writing(self._path), self._path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(csv_text([cells]))


class Webhook:
    """An address that receives each alarm as JSON, by POST; one that does not answer keeps nobody waiting.

    Attributes:
        delivered, undelivered: how many alarms so far.
    """

    def __init__(self, address: str, say: Callable[[str], object], waits: tuple[float, ...] = WAITS):
        """Begin to deliver.

        Args:
            address: http or https.
            say: receives a sentence on what is not delivered.
            waits: seconds before each new attempt.

        Raises:
            SettingsError: the address is no such one.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"The webhook {without_password(address)} is no http or https address; give one.")
        self.delivered = self.undelivered = self._given = 0
        self._address, self._say, self._waits = address, say, waits
        self._queue = queue.Queue[bytes](WAITING)
        self._ended = threading.Event()
        self._sender = threading.Thread(target=self._deliver, daemon=True)
        self._sender.start()

    def write(self, row: Row) -> None:
        """Deliver a row, soon."""
        self._given += 1
        try:
            self._queue.put_nowait(json.dumps(row).encode())
        except queue.Full:
            self._fail(f"{WAITING} alarms wait already")

    def close(self) -> None:
        """Give what still waits a last moment; what is not delivered then counts as such."""
        self._ended.set()
        self._sender.join(PATIENCE)
        self.undelivered = self._given - self.delivered

    def _deliver(self) -> None:
        while not (self._ended.is_set() and self._queue.empty()):
            try:
                body = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            self._attempts(body)

    def _attempts(self, body: bytes) -> None:
        for wait in (*self._waits, None):
            try:
                headers = {"Content-Type": "application/json", "User-Agent": "maeday"}
                request = urllib.request.Request(self._address, body, headers, method="POST")
                with urllib.request.urlopen(request, timeout=PATIENCE):
                    self.delivered += 1
                    return
            except (OSError, ValueError) as error:  # of urllib, which answers with an HTTP error, too
                problem = str(error)
            if wait is not None and self._ended.wait(wait):
                time.sleep(min(wait, LAST_WAIT))
        self._fail(problem)

    def _fail(self, problem: str) -> None:
        self.undelivered += 1
        self._say(f"warning: an alarm was not delivered to {without_password(self._address)} ({problem}).")
