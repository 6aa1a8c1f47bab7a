"""A visitor of the page without a browser: sends what a browser would, through HTTP, and keeps what it would show."""

from __future__ import annotations

import json
import mimetypes
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff

PATIENCE = 300.0
"""Seconds to wait for an answer."""
API = "/gradio_api"
OPEN = "apply"
"""How the events are called that send what is in a tab."""
Event = dict[str, Any]


class Visitor:
    """One visit.

    Attributes:
        session: its name.
        values: what each component shows, by its number.
        told: errors and notes in the corner so far.

    visitor = Visitor(url)
    visitor.set("query", visitor.upload(path))
    visitor.press("detect")
    visitor.shows("verdict")
    """

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url.rstrip("/"), timeout=PATIENCE, trust_env=False)
        weakref.finalize(self, self.http.close)
        self.session = uuid.uuid4().hex
        config = self.http.get("/config").raise_for_status().json()
        self.events: list[Event] = []
        self.props: dict[int, dict[str, Any]] = {}
        self.values: dict[int, Any] = {}
        self.told: list[str] = []
        self._receive(config)
        for event in [one for one in self.events if str(one["api_name"]).startswith(OPEN)]:
            self.run(event)

    def _receive(self, config: dict[str, Any]) -> None:
        """A page, or what is in one of its tabs, which is sent when it is opened."""
        self.events += config["dependencies"]
        self.props |= {one["id"]: dict(one["props"]) for one in config["components"]}
        self.values |= {one["id"]: one["props"].get("value") for one in config["components"]}

    def number(self, elem_id: str) -> int:
        """The number of a component."""
        return next(number for number, props in self.props.items() if props.get("elem_id") == elem_id)

    def shows(self, elem_id: str) -> Any:
        """What a component shows."""
        return self.values[self.number(elem_id)]

    def set(self, elem_id: str, value: Any) -> None:
        """Enter a value."""
        self.values[self.number(elem_id)] = value

    def upload(self, path: Path) -> dict[str, Any]:
        """Send a file; what a component holds of it."""
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        answer = self.http.post(f"{API}/upload", files={"files": (path.name, path.read_bytes(), kind)})
        (kept,) = answer.raise_for_status().json()
        return {"path": kept, "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    def fetch(self, file: dict[str, Any]) -> bytes:
        """What is in a file that the page shows or offers."""
        return self.http.get(f"{API}/file={file['path']}").raise_for_status().content

    def press(self, elem_id: str, event: str = "click", given: Any = None) -> None:
        """Do something to a component, and all that follows from it."""
        self._do([[self.number(elem_id), event]], given)

    def _do(self, targets: list[list[Any]], given: Any = None) -> None:
        for one in self.events:
            if any(target in targets for target in one["targets"]):
                self.run(one, given)

    def run(self, event: Event, given: Any = None) -> None:
        """One event, and those that follow it."""
        succeeded, changed = self.ask(event, given) if event["backend_fn"] else (True, [])
        self._do([[number, "change"] for number in changed])
        for other in self.events:
            skipped = other["trigger_only_on_success"] > succeeded or other["trigger_only_on_failure"] > (not succeeded)
            if other["trigger_after"] == event["id"] and not skipped:
                self.run(other)

    def ask(self, event: Event, given: Any = None) -> tuple[bool, list[int]]:
        """Send one event and take its answers: whether it succeeded, and the numbers of states that changed."""
        body = {
            "data": [self.values[number] for number in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": self.session,
            "event_data": given,
            "trigger_id": event["targets"][0][0],
        }
        if not event["queue"]:
            answer = self.http.post(f"{API}/run/predict", json=body)
            output = answer.json()
            return self._take(event, output) if answer.is_success else self._failed(output)
        self.http.post(f"{API}/queue/join", json=body).raise_for_status()
        data: list[Any] = []
        for message in self._messages():
            output = message.get("output") or {}
            if message["msg"] == "log":
                self.told.append(message["log"])
            if message["msg"] == "process_generating" and output.get("data"):
                fresh = output["data"]
                data = [apply_diff(old, diff) for old, diff in zip(data, fresh, strict=True)] if data else fresh
                self._take(event, {"data": data})
            if message["msg"] == "process_completed":
                return self._take(event, output) if message["success"] else self._failed(output)
        return self._failed({"error": "The answer ended too soon."})

    def _messages(self) -> Iterator[dict[str, Any]]:
        """What the server says to this session until an event is done."""
        with self.http.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    yield message
                    if message["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                        return

    def _failed(self, output: dict[str, Any]) -> tuple[bool, list[int]]:
        self.told.append(str(output.get("error")))
        return False, []

    def _take(self, event: Event, output: dict[str, Any]) -> tuple[bool, list[int]]:
        for number, value in zip(event["outputs"], output["data"], strict=False):
            if isinstance(value, dict) and value.get("__type__") == "update":
                self.props[number].update(value)
                if "value" in value:
                    self.values[number] = value["value"]
            elif self.props[number].get("name") != "state":
                self.values[number] = value
        if deferred := output.get("render_config"):
            self._receive(deferred)
        return True, output.get("changed_state_ids") or []
