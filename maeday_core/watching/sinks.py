"""Where verdicts go: a table that grows, and who is told of alarms: a webhook, a topic of an MQTT broker."""

from __future__ import annotations

import json
import queue
import threading
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

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


def cells(row: Row) -> list[Any]:
    """A row as the table has it, in the order of `COLUMNS`."""
    facts = {**row, "objects": len(row["boxes"])}
    return [facts[name] for name in COLUMNS]


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
        self._append(cells(row))

    def _append(self, line: Sequence[Any]) -> None:
        with writing(self._path), self._path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(csv_text([line]))


class Teller(ABC):
    """Tells somebody of alarms; one who does not answer keeps nobody waiting.

    Attributes:
        delivered, undelivered: how many alarms so far.
    """

    schemes: ClassVar[tuple[str, ...]]
    """Of an address."""

    def __init__(self, address: str, say: Callable[[str], object], waits: tuple[float, ...] = WAITS):
        """Begin to deliver.

        Args:
            address: of who is told.
            say: receives a sentence on what is not delivered.
            waits: seconds before each new attempt.

        Raises:
            SettingsError: the address is no such one.
        """
        parts = urlsplit(address)
        if parts.scheme not in self.schemes or not parts.hostname:
            kinds = " or ".join(self.schemes)
            raise SettingsError(f"{without_password(address)} is no {kinds} address; give one to tell alarms to.")
        self.delivered = self.undelivered = self._given = 0
        self._address, self._say, self._waits = address, say, waits
        self._queue = queue.Queue[bytes](WAITING)
        self._ended = threading.Event()
        self._sender = threading.Thread(target=self._deliver, daemon=True)
        self._sender.start()

    @abstractmethod
    def send(self, body: bytes) -> None:
        """Deliver one alarm, JSON, within `PATIENCE`.

        Raises:
            OSError, ValueError: it is not delivered.
        """

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
                self.send(body)
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


class Webhook(Teller):
    """An address that receives each alarm by POST."""

    schemes = ("http", "https")

    def send(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "maeday"}
        request = urllib.request.Request(self._address, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass


class Mqtt(Teller):
    """A topic of an MQTT broker that each alarm is published to, at least once (QoS 1): mqtt://host:port/topic."""

    schemes = ("mqtt", "mqtts")
    ports: ClassVar[Mapping[str, int]] = {"mqtt": 1883, "mqtts": 8883}

    def __init__(self, address: str, say: Callable[[str], object], waits: tuple[float, ...] = WAITS):
        """Begin to deliver.

        Raises:
            SettingsError: the address is no such one or names no topic, or paho-mqtt is not installed.
        """
        try:
            import paho.mqtt.client  # noqa: F401
        except ImportError as error:
            raise SettingsError("MQTT needs a package that is not here: pip install 'maeday[mqtt]'.") from error
        if not urlsplit(address).path.strip("/"):
            raise SettingsError(f"{without_password(address)} names no topic; give one, as in mqtt://host/line/alarms.")
        super().__init__(address, say, waits)

    def send(self, body: bytes) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        parts = urlsplit(self._address)
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect_timeout = PATIENCE
        if parts.username:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            client.tls_set()
        client.connect(parts.hostname or "", parts.port or self.ports[parts.scheme])
        client.loop_start()
        try:
            told = client.publish(unquote(parts.path.strip("/")), body, qos=1)
            told.wait_for_publish(PATIENCE)
            if not told.is_published():
                raise TimeoutError(f"no answer within {PATIENCE:g} s")
        except RuntimeError as error:  # the connection is gone
            raise OSError(str(error)) from error
        finally:
            client.disconnect()
            client.loop_stop()
