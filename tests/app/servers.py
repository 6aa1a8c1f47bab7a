"""The page as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

PATIENCE = 180


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, its process, its log and the folder for temporary files it was given."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    temporary: Path


@contextlib.contextmanager
def serving(folder: Path, *command: str, **environment: str) -> Iterator[Server]:
    """Run `app.py`, or another command of Python, with `folder`/tmp for temporary files until the block ends."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    temporary, log, url = folder / "tmp", folder / "app.log", f"http://127.0.0.1:{port}"
    temporary.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "MAEDAY_", "HF_"))}
    kept |= {"TMPDIR": str(temporary), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", **environment}
    kept |= {"PYTHONPATH": str(ROOT)}
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, *(command or [str(ROOT / "app.py")])],
            cwd=folder,
            env=kept,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_up(url, process, log)
        yield Server(url, process, log, temporary)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers, too
        process.wait()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=5, trust_env=False).raise_for_status()
            return
        time.sleep(0.2)
    pytest.fail(f"app.py did not come up at {url}; its log:\n{log.read_text()}")
