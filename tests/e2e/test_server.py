"""What a request made by hand gets from the server."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.e2e


def ask(app: str, first: str, data: list) -> str:
    """Ask for the longest event whose first input has this id, as no page would; the answer as it streams in."""
    app = app.rstrip("/")
    config = json.loads(urlopen(f"{app}/config", timeout=60).read())
    names = {component["id"]: component["props"].get("elem_id") for component in config["components"]}
    events = [d for d in config["dependencies"] if d["inputs"] and names.get(d["inputs"][0]) == first]
    event = max(events, key=lambda event: len(event["inputs"]))
    assert len(event["inputs"]) == len(data)
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
    settings = ["maeday", "bundled", 2, 0.75, 0, "random", "all", "off", False, 0.1, True]
    return ask(app, "query", [{"path": path}, None, *settings])  # with no "meta" nobody looks where the file lies


def frames(app: str, path: str) -> str:
    settings = [None, 1, "self", "on", 4, "bundled", False, None, 1, True, 0, None]
    return ask(app, "frame-files", [[{"path": path, "meta": {"_type": "gradio.FileData"}}], *settings])


@pytest.mark.parametrize("look", [inspect, frames])
def test_files_of_the_server_are_not_opened(app: str, tmp_path: Path, look: Callable[[str, str], str]) -> None:
    for path in (ROOT / "assets" / "examples" / "brick-cup.jpg", Path("/etc/passwd"), tmp_path / "none.jpg"):
        answer = look(app, str(path))
        assert "image score" not in answer
        assert "not a picture" not in answer
        assert "frames hold" not in answer
        assert "was not uploaded here" in answer or '"success":false' in answer  # the page's word, or Gradio's
