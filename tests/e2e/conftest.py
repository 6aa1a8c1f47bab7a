"""The real page in a real browser: `python app.py` and one Chromium for the session, a fresh visitor for each test."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from maeday_core.drawing.html import jpeg_bytes
from tests.e2e.visitor import PATIENCE, Visitor

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# Kept from the first moment on, so that no short-lived state is missed: every card, and how many runs have begun.
RECORDER = """
window.seen = {cards: [], starts: 0, idle: true};
new MutationObserver(() => {
    const card = document.querySelector('#verdict .verdict')?.innerText.replace(/\\s+/g, ' ');
    const idle = !document.querySelector('#detect')?.disabled;
    if (card && card !== seen.cards.at(-1)) seen.cards.push(card);
    if (seen.idle && !idle) seen.starts += 1;
    seen.idle = idle;
}).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""
LEFT = re.compile(
    r"ERROR: +Exception in ASGI application\nTraceback.*?^starlette\.requests\.ClientDisconnect$", re.S | re.M
)
"""What the server logs when a visitor leaves in the middle of a request."""
LOG = pytest.StashKey[Path]()
expect.set_options(timeout=PATIENCE)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[str]:
    """The address of the page; its process knows no way to the Hub and keeps its files in a folder of the test's."""
    folder = tmp_path_factory.mktemp("app")
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "MAEDAY_", "HF_"))
    }
    environment |= {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "HF_HOME": str(folder / "hub"),
        "HF_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "PYTHONUNBUFFERED": "1",
    }
    log = pytestconfig.stash[LOG] = folder / "app.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "app.py"], cwd=folder, env=environment, stdout=output, stderr=output
        )
    try:
        _wait_until_up(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"app.py did not come up at {url}; its log:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium, before whose camera a clean part and a scratched one lie in turns.

    Where there is none the tests are skipped; `.ci/run` installs it first.
    """
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (Debian, Ubuntu: apt install chromium)")
    filmed = tmp_path_factory.mktemp("camera") / "line.mjpeg"
    clean, scratched = (ROOT / "assets" / "examples" / f"metal-{name}.jpg" for name in ("clean", "scratch"))
    for part, frames in ((clean, 60), (scratched, 240)):
        with filmed.open("ab") as file, Image.open(part) as picture:
            file.write(jpeg_bytes(np.asarray(picture.resize((640, 480)))) * frames)
    camera = f"--use-file-for-fake-video-capture={filmed}"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=[*CHROMIUM, camera])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, app: str, pytestconfig: pytest.Config) -> Iterator[Callable[..., Page]]:
    """Opens the page for one more visitor. Whatever the test is about, none may see an error or an outside request.

    `harmless` is a pattern of the problems that a test provokes, `scheme` the browser's colours, light or dark.
    """
    contexts, problems, expected = [], [], []
    log = pytestconfig.stash[LOG]
    before = log.stat().st_size

    def open_page(width: int = 1280, height: int = 1000, scheme: str = "light", harmless: str = "") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(RECORDER)
        context.on("request", lambda request: problems.extend(_outside(request.url)))
        context.on("response", lambda answer: problems.extend(_refused(answer)))
        context.on("console", lambda line: problems.extend(_complaint(line)))
        context.on("weberror", lambda error: problems.append(f"page: {error.error}"))
        contexts.append(context)
        expected.extend([harmless] * bool(harmless))
        page = context.new_page()
        page.goto(app)
        page.locator("#spoken").wait_for(state="attached")  # made by a script once the page listens
        return page

    yield open_page
    for context in contexts:
        context.close()
    with log.open() as file:
        file.seek(before)
        written = LEFT.sub("", file.read())
    problems += [f"log: {line}" for line in written.splitlines() if line.startswith(("Traceback", "ERROR"))]
    assert not [problem for problem in problems if not any(re.search(pattern, problem) for pattern in expected)]


@pytest.fixture
def visitor(visit: Callable[..., Page]) -> Visitor:
    return Visitor(visit())


def _outside(url: str) -> list[str]:
    parts = urlsplit(url)
    return [] if parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1" else [f"outside request: {url}"]


def _complaint(line: ConsoleMessage) -> list[str]:
    return [f"console: {line.text}"] if line.type == "error" else []


def _refused(answer: Response) -> list[str]:
    return [f"{answer.status} {answer.url}"] if answer.status >= 400 else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put the app's log beside the report of a test that failed."""
    report = yield
    log = item.config.stash.get(LOG, None)
    if report.failed and log and item.get_closest_marker("e2e"):
        report.sections.append(("log of app.py", log.read_text()[-8000:]))
    return report
