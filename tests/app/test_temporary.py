"""Temporary files: in one folder, which ends with the server however that ends."""

from __future__ import annotations

import re
import signal
import stat
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from app import temporary
from benchmarks.visitor import Visitor
from maeday_core.serving.folder import LOCK, PREFIX
from tests.app.servers import Server, serving
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples"


def folder_of_a_server(parent: Path, name: str) -> Path:
    folder = parent / f"{PREFIX}{name}"
    (folder / temporary.FRAMES / "visitor").mkdir(parents=True)
    (folder / LOCK).touch()
    (folder / temporary.FRAMES / "visitor" / "photo.png").write_bytes(b"x")
    return folder


def test_the_folder_is_this_user_s_alone() -> None:
    assert stat.S_IMODE(temporary.HOME.stat().st_mode) == 0o700


def test_only_folders_of_servers_that_are_gone_are_swept(tmp_path: Path) -> None:
    gone, lives = (folder_of_a_server(tmp_path, name) for name in ("gone", "lives"))
    other, starting = tmp_path / "maeday-notes", tmp_path / "maeday-starting"
    other.mkdir()
    starting.mkdir()
    (starting / LOCK).touch()
    with FileLock(lives / LOCK):
        temporary.sweep(tmp_path)
    assert not gone.exists()
    assert (lives / temporary.FRAMES / "visitor" / "photo.png").exists()
    assert other.exists()
    assert starting.exists()


def test_little_space_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    temporary.check_space()
    with pytest.raises(temporary.StorageError, match="There is no space left"):
        temporary.check_space(10**18)
    monkeypatch.setattr(temporary, "LEAST_FREE", 10**18)
    with pytest.raises(temporary.StorageError, match="There is no space left"):
        temporary.check_space()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file" / "uploads"))
    with pytest.raises(temporary.StorageError, match="cannot write its temporary files"):
        temporary.check_space()


def busy(server: Server) -> threading.Thread:
    """A visitor whose fine-tuning has begun, and who waits for its end."""
    visitor = Visitor(server.url)
    visitor.set("shots", [visitor.upload(EXAMPLES / "metal-clean.jpg")])
    visitor.press("shots", "upload")
    waiting = threading.Thread(target=lambda: _ignoring(visitor), daemon=True)
    waiting.start()
    deadline = time.monotonic() + 120
    while "Step" not in str(visitor.shows("adapter")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "Step" in str(visitor.shows("adapter"))
    return waiting


def _ignoring(visitor: Visitor) -> None:
    try:
        visitor.press("tune")
    except Exception:
        pass  # the server is gone


def ended(server: Server, number: int) -> int:
    """Its exit status, and that it left nothing and wrote no traceback."""
    server.process.send_signal(number)
    status = server.process.wait(20)
    assert not list(server.temporary.glob(f"{PREFIX}*"))
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "terminate" not in log
    return status


@pytest.mark.slow
def test_a_server_that_is_ended_while_it_works_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        busy(server)
        (own,) = server.temporary.iterdir()
        assert re.fullmatch(rf"{PREFIX}\w+", own.name)
        assert list((own / temporary.UPLOADS).rglob("metal-clean.jpg"))
        assert ended(server, signal.SIGTERM) == 143


@pytest.mark.slow
def test_what_a_killed_server_left_goes_at_the_next_start_and_gradio_s_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "gradio").write_text("somebody else's, where nobody can make a folder")
    with serving(tmp_path) as server:
        busy(server)
        server.process.kill()
        server.process.wait()
    (left,) = server.temporary.glob(f"{PREFIX}*")
    assert list(left.rglob("metal-clean.jpg"))
    with serving(tmp_path) as server:
        (own,) = server.temporary.glob(f"{PREFIX}*")
        assert own != left
        visitor = Visitor(server.url)
        visitor.set("query", visitor.upload(EXAMPLES / "metal-scratch.jpg"))
        visitor.press("detect")
        assert 'class="factor"' in visitor.shows("verdict")
        busy(server)
        assert ended(server, signal.SIGINT) == 130
