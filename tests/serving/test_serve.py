"""`maeday serve` as a process: it starts, works, and ends in order in the middle of work."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from maeday_core.cli import main
from tests.conftest import ROOT

CLEAN = ROOT / "assets" / "examples" / "metal-clean.jpg"


def test_a_signal_in_the_middle_of_work_ends_it_in_order(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path), "MAEDAY_PORT": "0", "MAEDAY_API_KEY": "secret"}
    command = [sys.executable, "-m", "maeday_core", "serve"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = re.search(r"http://\S+:\d+", process.stdout.readline())
        client = httpx.Client(base_url=address[0], headers={"X-API-Key": "secret"}, timeout=120, trust_env=False)
        while client.get("/ready").status_code != 200:
            time.sleep(0.2)
        answers: list[httpx.Response] = []

        def adapt() -> None:
            answers.append(client.post("/v1/adapt", files=[("good", (CLEAN.name, CLEAN.read_bytes()))] * 8))

        caller = threading.Thread(target=adapt)
        caller.start()
        while 'maeday_jobs{state="running"} 1.0' not in client.get("/metrics").text:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        _, errors = process.communicate(timeout=60)
        took = time.monotonic() - start
        caller.join()
    finally:
        process.kill()
    assert process.returncode == 0
    assert took < 15
    assert (answers[0].status_code, answers[0].json()) == (
        503,
        {"error": "The server is being shut down; try again later."},
    )
    assert "POST /v1/adapt 503" in errors
    assert "Traceback" not in errors
    assert "secret" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_loaded_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maeday_core", "serve", "--port", "0", "--model", "nonsense"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: There is no model 'nonsense'")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "nowhere.invalid"], "cannot listen at nowhere.invalid"),
        (["--port", "100000"], "no port 100000"),
        (["--port", "0", "--keep", "-1"], "files are kept is -1; give more than 0"),
        (["--port", "0", "--max-request", "nan"], "largest request is nan"),
    ],
)
def test_what_cannot_be_served_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["serve", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    assert main(["serve"]) == 2
    assert "pip install 'maeday[serve]'" in capsys.readouterr().err


def test_a_setting_of_the_environment_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAEDAY_PORT", "http")
    with pytest.raises(SystemExit) as stop:
        main(["serve"])
    assert stop.value.code == 2
    assert "--port" in capsys.readouterr().err
