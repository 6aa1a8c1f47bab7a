"""A visitor of the page: what is clicked, and what it shows."""

from __future__ import annotations

import base64
import io
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Request, TimeoutError, expect

SCREENS = {"desktop, light": (1440, 900, "light"), "phone, dark": (390, 844, "dark")}
"""What every journey is made on: width, height and scheme."""
SAW = ("masked", "reconstruction", "difference")
RADIUS = 22
PATIENCE = 60_000  # milliseconds: a busy machine is slow, not wrong
DROP = """files => {
    const data = new DataTransfer();
    for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
    document.querySelector("#query input[type=file]").parentElement.dispatchEvent(
        new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


class Facts(NamedTuple):
    score: float
    threshold: float
    masks: int
    seconds: str


class Visitor:
    """One visitor's page: what is clicked, and what it shows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.detect, self.stop, self.report = (page.locator(f"#{name}") for name in ("detect", "stop", "get-report"))
        self.card = page.locator("#verdict .verdict")
        self.adapter = page.locator("#adapter .verdict")
        self.runs: list[dict] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.url.split("?")[0].endswith("/queue/join"):
            asked = json.loads(request.post_data or "{}")
            if len(asked["data"]) > 8:  # the photo and all settings, not just where the threshold stands
                self.runs.append(asked)

    def upload(self, path: Path, at_once: bool = False) -> None:
        self.page.locator("#at-once input").set_checked(at_once)
        self.page.locator("#query input[type=file]").set_input_files(path)
        expect(self.page.locator("#query img")).to_have_attribute("src", re.compile(re.escape(path.name) + "$"))

    def drop(self, *paths: Path) -> None:
        """Drop several files on the photo."""
        self.page.evaluate(DROP, [[path.name, [*path.read_bytes()]] for path in paths])

    def open_settings(self) -> None:
        self._open("#settings", "#masks")

    def open_good_parts(self) -> None:
        self._open("#good-parts", "#tune")

    def _open(self, place: str, inside: str) -> None:
        for _ in range(5):  # a click that comes while the page is being built is lost
            self.page.locator(f"{place} button").first.click()
            with suppress(TimeoutError):
                return self.page.locator(inside).wait_for(timeout=8000)
        pytest.fail(f"{place} does not open")

    def add_shots(self, *paths: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.locator("#shots").click()
        chooser.value.set_files(paths)
        expect(self.page.locator("#shots-shown li")).to_have_count(len(paths))

    def fine_tune(self) -> None:
        """Press Fine-tune and wait for the adapter."""
        self.page.locator("#tune").click()
        self.adapter.and_(self.page.locator(".busy")).wait_for()
        self.adapter.and_(self.page.locator(".adapted")).wait_for(timeout=5 * PATIENCE)

    def load_adapter(self, path: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.page.locator("#load-adapter").click()
        chooser.value.set_files(path)

    def set(self, slider: str, value: float) -> None:
        self.page.locator(f"#{slider} input[type=range]").fill(str(value))

    def allow(self, share: str) -> None:
        """Choose a share of false alarms, as its label says it."""
        choice = self.page.locator("#false-alarms").get_by_label(share, exact=True)
        choice.click()
        expect(choice).to_be_checked()

    def choose_method(self, name: str) -> None:
        if not self.page.locator("#method").is_visible():
            self.open_settings()
        self.page.locator(f"#method input[value={name}]").check()

    def choose_model(self, name: str) -> None:
        self.page.locator(f"#model input[value={name}]").check()

    def start(self) -> int:
        """Press Detect; what `finish` needs to know the end of this run from that of the last."""
        before = self.page.evaluate("seen.starts")
        self.detect.click()
        return before

    def finish(self, before: int) -> None:
        """Wait until a run that began after `before` has ended: with files to download, or with a problem."""
        self.page.wait_for_function(
            """before => seen.starts > before && !document.querySelector('#detect').disabled
            && (document.querySelector('#get-report')?.disabled === false
                || document.querySelector('#verdict .problem'))""",
            arg=before,
        )

    def run(self) -> None:
        self.finish(self.start())

    def run_example(self, name: str = "metal-scratch") -> None:
        before = self.page.evaluate("seen.starts")
        self.page.locator(f"[data-example={name}]").click()
        self.finish(before)

    def cards(self) -> list[str]:
        """The text of every card so far."""
        return self.page.evaluate("seen.cards")

    def facts(self) -> Facts:
        found = re.search(
            r"score ([\d.]+) · limit ([\d.]+) · .*\s+.* · [\w-]+ · (?:(\d+) masks? · )?(?:seen .* · )?([\d.]+) s",
            self.card.inner_text(),
        )
        assert found, self.card.inner_text()
        return Facts(float(found[1]), float(found[2]), int(found[3] or 0), found[4])

    def sources(self, *names: str) -> list[str]:
        """The addresses of the pictures shown in these places, each of which has really been drawn."""
        sources = []
        for name in names:
            pictures = self.page.locator(f"#{name} img")
            expect(pictures.first).to_be_attached()
            for picture in pictures.all():
                expect(picture).not_to_have_js_property("naturalWidth", 0)
                sources.append(picture.get_attribute("src"))
        return sources

    def pixels(self, source: str) -> np.ndarray:
        """The picture that a `data:` address holds."""
        data = base64.b64decode(source.partition(",")[2])
        return np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

    def download(self, name: str) -> tuple[str, bytes]:
        for _ in range(3):  # a click that comes while the file is being replaced is lost
            expect(self.page.locator(f"#{name}")).to_be_enabled()
            with suppress(TimeoutError):
                with self.page.expect_download(timeout=PATIENCE / 3) as started:
                    self.page.locator(f"#{name}").click()
                return started.value.suggested_filename, Path(started.value.path()).read_bytes()
        pytest.fail(f"{name} is not downloaded")

    def error_map(self) -> np.ndarray:
        return np.load(io.BytesIO(self.download("get-npy")[1]))

    def expect_fresh(self) -> None:
        self.page.locator("#spoken").wait_for(state="attached")
        expect(self.page.locator("#subject")).to_contain_text("An example, finished")
        expect(self.detect).to_be_enabled()
        expect(self.stop).to_be_disabled()
        expect(self.report).to_have_count(0)
        expect(self.page.locator("#query img, #overlay img, #masked img, .strip li")).to_have_count(0)


def photo(path: Path, disc: tuple[int, int] | None = None, size: tuple[int, int] = (320, 240)) -> Path:
    """A smooth gradient, which is easy to guess, with a bright disc that is not, or without."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    picture = Image.fromarray(np.stack([60 + 80 * x, 70 + 60 * y, 90 + 0 * x], axis=-1).astype(np.uint8))
    if disc:
        ImageDraw.Draw(picture).circle(disc, RADIUS, fill=(250, 240, 60))
    picture.save(path)
    return path
