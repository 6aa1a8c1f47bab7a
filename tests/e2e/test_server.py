"""What a request made by hand gets from the server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.e2e


def ask(app: str, given: dict[str, Any]) -> str:
    """Send the event with the most inputs, of those that take all of `given`, as no page would; the whole answer.

    Args:
        app: the address of the page.
        given: values by `elem_id`; other components have their first values.
    """
    app = app.rstrip("/")
    config = json.loads(urlopen(f"{app}/config", timeout=60).read())
    props = {component["id"]: component["props"] for component in config["components"]}
    names = {id: one.get("elem_id") for id, one in props.items()}
    events = [event for event in config["dependencies"] if set(given) <= {names.get(id) for id in event["inputs"]}]
    event = max(events, key=lambda event: len(event["inputs"]))
    data = [given.get(names[id], props[id].get("value")) for id in event["inputs"]]
    body = {"data": data, "fn_index": event["id"], "session_hash": "byhand"}
    request = Request(f"{app}/gradio_api/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"})
    urlopen(request, timeout=60).read()
    answer = ""
    with urlopen(f"{app}/gradio_api/queue/data?session_hash=byhand", timeout=120) as events:
        for line in events:
            answer += line.decode()
            if "process_completed" in answer:
                break
    return answer


def inspect(app: str, path: str) -> str:
    return ask(app, {"query": {"path": path}})  # with no "meta" nobody looks where the file lies


def frames(app: str, path: str) -> str:
    return ask(app, {"frame-files": [{"path": path, "meta": {"_type": "gradio.FileData"}}]})


@pytest.mark.parametrize("look", [inspect, frames])
def test_files_of_the_server_are_not_opened(app: str, tmp_path: Path, look: Callable[[str, str], str]) -> None:
    for path in (ROOT / "assets" / "examples" / "brick-cup.jpg", Path("/etc/passwd"), tmp_path / "none.jpg"):
        answer = look(app, str(path))
        assert "x the limit" not in answer
        assert "not a picture" not in answer
        assert "frames hold" not in answer
        assert "was not uploaded here" in answer or '"success":false' in answer  # the page's word, or Gradio's
