"""The Dockerfile: a linter is content, what it copies is there, and its command starts a page that its check finds."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from maeday_core.cli.space_files import read_checkout
from tests.conftest import ROOT
from tests.packaging.test_requirements import pins

STEPS = DockerfileParser(str(ROOT / "Dockerfile"), cache_content=True).structure
HADOLINT = Path(sys.executable).with_name("hadolint")


def values(instruction: str) -> list[str]:
    return [step["value"] for step in STEPS if step["instruction"] == instruction]


def copies() -> list[tuple[list[str], str]]:
    """What is copied, and where to."""
    return [(sources, target) for *sources, target in map(shlex.split, values("COPY"))]


def test_linter_is_content() -> None:
    done = subprocess.run([str(HADOLINT), str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_only_what_is_copied_is_sent_to_docker() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {source for sources, _ in copies() for source in sources}
    assert "*" in lines
    assert sent == copied
    assert all((ROOT / name).exists() for name in copied)


def test_nobody_is_root_and_nothing_is_for_developers() -> None:
    assert values("USER") == ["1000"]
    assert [step["instruction"] for step in STEPS].index("USER") < [step["instruction"] for step in STEPS].index("CMD")
    assert "requirements-dev" not in " ".join(values("RUN"))
    assert values("EXPOSE") == [environment()["GRADIO_SERVER_PORT"]]


def test_torch_of_the_chosen_index_is_the_pinned_one(tmp_path: Path) -> None:
    (chosen, *_) = values("RUN")[0].split("&&")
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    subprocess.run(chosen, shell=True, cwd=tmp_path, check=True)
    lines = (tmp_path / "torch.txt").read_text(encoding="utf-8").split()
    assert lines == [f"{name}=={pins('requirements.txt')[name]}" for name in ("torch", "torchvision")]
    assert values("ARG") == ["TORCH=cpu"]


def environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(values("ENV"))))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder that the page runs from: what the Dockerfile copies, and nothing else."""
    for sources, target in copies():
        for source in sources:
            to = tmp_path / target / (source if target in (".", "./") else "")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, to)
    return tmp_path


def test_command_starts_a_page_that_the_check_finds(image: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    # PYTHONPATH is left out: the page stands on the copied files alone.
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    inside = outside | environment() | {"GRADIO_SERVER_PORT": port}
    (check,) = values("HEALTHCHECK")
    check = json.loads(check.partition("CMD ")[2])
    page = subprocess.Popen([sys.executable, *json.loads(values("CMD")[0])[1:]], cwd=image, env=inside)
    try:
        for _ in range(120):
            healthy = subprocess.run([sys.executable, *check[1:]], env=inside, capture_output=True).returncode == 0
            if healthy or page.poll() is not None:
                break
            time.sleep(0.5)
        assert healthy
    finally:
        page.send_signal(signal.SIGTERM)  # as `docker stop` does
        status = page.wait(20)
    assert status == 128 + signal.SIGTERM


def test_a_space_has_all_that_the_image_has(image: Path) -> None:
    held = {path.relative_to(image).as_posix() for path in image.rglob("*") if path.is_file()}
    assert held <= read_checkout(ROOT).keys()
