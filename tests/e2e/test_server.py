"""What a request made by hand gets from the server."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.e2e


def ask(app: str, path: str) -> str:
    """Ask for a detection on a file of the server, as no page would; the answer as it streams in."""
    app = app.rstrip("/")
    config = json.loads(urlopen(f"{app}/config", timeout=60).read())
    detect = next(d for d in config["dependencies"] if len(d["inputs"]) == 12)
    picture = {"path": path}  # with no "meta", Gradio does not look where the file lies
    settings = ["maeday", "bundled", 2, 0.75, 0, "random", "all", False, 0.1, True]
    body = {"data": [picture, None, *settings], "fn_index": detect["id"], "session_hash": "byhand"}
    request = Request(f"{app}/gradio_api/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"})
    urlopen(request, timeout=60).read()
    answer = ""
    with urlopen(f"{app}/gradio_api/queue/data?session_hash=byhand", timeout=120) as events:
        for line in events:
            answer += line.decode()
            if "process_completed" in answer:
                break
    return answer


def test_files_of_the_server_are_not_opened(app: str, tmp_path: Path) -> None:
    for path in (ROOT / "assets" / "examples" / "brick-cup.jpg", Path("/etc/passwd"), tmp_path / "none.jpg"):
        answer = ask(app, str(path))
        assert "image score" not in answer
        assert "not a picture" not in answer
        assert "was not uploaded here" in answer
