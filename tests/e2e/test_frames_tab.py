"""The Frames tab: a zip and a video, from the first row of the table to the report."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.e2e
SPOTS = {7: (150, 60), 19: (60, 200)}
"""Frames with a bright square of 26 px, and where it lies: left and top."""


def ground(seed: int, spot: tuple[int, int] | None = None) -> Image.Image:
    """A fine grey ground, another in every frame."""
    grain = np.random.default_rng(seed).normal(0, 9, (240, 320, 1))
    picture = np.clip(105 + cv2.GaussianBlur(grain, (0, 0), 1)[..., None] * 2 + np.zeros((1, 1, 3)), 0, 255)
    if spot:
        x, y = spot
        picture[y : y + 26, x : x + 26] = (240, 200, 40)
    return Image.fromarray(picture.astype(np.uint8))


def archive(path: Path, count: int) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for index in range(count):
            file = io.BytesIO()
            ground(index, SPOTS.get(index)).save(file, "PNG")
            packed.writestr(f"frame-{index:02}.png", file.getvalue())
        packed.writestr("notes.txt", "no frame")
    return path


def video(path: Path) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (320, 240))
    for index in range(70):
        writer.write(np.asarray(ground(index, (150, 100) if 40 <= index < 50 else None))[..., ::-1].copy())
    writer.release()
    return path


class Inspector:
    """Somebody with many frames."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.visitor = Visitor(page)
        self.card = page.locator("#frames-card .verdict")
        self.rows = page.locator("#frames-table tbody tr")
        page.get_by_role("tab", name="Frames").click()
        page.locator("#frames-start").wait_for()

    def give(self, path: Path) -> None:
        self.page.locator("#frame-files input[type=file]").set_input_files(path)
        expect(self.page.locator("#frame-files")).to_contain_text(path.stem)

    def button(self, name: str) -> None:
        self.page.locator(f"#frames-{name}").click()

    def finished(self) -> None:
        expect(self.page.locator("#frames-zip")).to_be_enabled(timeout=180_000)
        expect(self.page.locator("#frames-start")).to_be_enabled()

    def download(self, name: str) -> bytes:
        return self.visitor.download(f"frames-{name}")[1]

    def table(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.download("csv").decode())))


@pytest.fixture
def inspector(visit: Callable[..., Page]) -> Inspector:
    return Inspector(visit())


def test_a_zip_of_thirty_frames(inspector: Inspector, tmp_path: Path) -> None:
    page = inspector.page
    inspector.button("start")
    expect(inspector.card).to_contain_text("There are no frames yet")
    inspector.give(archive(tmp_path / "floor.zip", 30))
    inspector.button("start")
    expect(inspector.card).to_contain_text(re.compile(r"\d+ of 30 frames so far, about \d+ s left"))
    inspector.button("pause")
    expect(inspector.card).to_contain_text(re.compile(r"Paused after \d+ of 30 frames"))
    paused = re.search(r"Paused after (\d+)", inspector.card.inner_text())
    assert paused
    assert 0 < int(paused[1]) < 30
    assert len(inspector.table()) == int(paused[1])
    expect(page.locator("#frames-start")).to_have_text("Resume")
    page.locator("#frames-start").click()
    expect(inspector.card).to_contain_text("2 of 30 frames hold something that does not belong", timeout=180_000)
    inspector.finished()
    expect(inspector.card).to_contain_text("30 frames judged against each other")
    expect(inspector.card).to_contain_text(re.compile("1 left out:.*notes.txt is no picture by its name", re.S))
    expect(page.locator("#frames-timeline circle")).to_have_count(30)
    expect(page.locator("#frames-timeline circle.anomalous")).to_have_count(2)

    rows = [json.loads(line) for line in inspector.download("jsonl").decode().splitlines()]
    assert [i for i, row in enumerate(rows) if row["verdict"] == "anomalous"] == sorted(SPOTS)
    for index, (x, y) in SPOTS.items():
        box = max(rows[index]["boxes"], key=lambda box: box["peak"])
        assert abs(box["x"] + box["width"] / 2 - x - 13) < 14
        assert abs(box["y"] + box["height"] / 2 - y - 13) < 14
    report = inspector.download("report").decode()
    assert "2 of 30 frames hold something" in report
    assert not re.search(r"""https?:|(src|href)=["'](?!data:)""", report)
    with zipfile.ZipFile(io.BytesIO(inspector.download("zip"))) as packed:
        names = packed.namelist()
    assert {"frames.csv", "frames.jsonl", "report.html", "left_out.jsonl"} <= set(names)
    assert len([name for name in names if name.startswith("anomalous/")]) == 2

    inspector.visitor.set("frames-threshold", 0.01)  # the model does not run again
    expect(inspector.card).to_contain_text("30 of 30 frames hold something")
    expect(inspector.card).to_contain_text("The threshold was set by hand.")
    page.locator("#frames-auto input").check()
    expect(inspector.card).to_contain_text("2 of 30 frames hold something")

    page.locator("#frames-worst .thumbnail-item").first.click()
    expect(page.locator("#frames-facts")).to_contain_text(re.compile(r"frame-(07|19)\.png"))
    expect(page.locator("#frames-facts")).to_contain_text("1 object")
    worst = page.locator("#frames-facts h3").inner_text()
    page.get_by_role("button", name="Ignore a region").click()
    inspector.button("canvas")
    canvas = page.locator("#frames-paint canvas").first
    canvas.wait_for()
    page.wait_for_timeout(1500)  # the editor lays its picture out
    area = canvas.bounding_box()
    assert area
    number = int(worst[6:8])
    x, y = ((at + 13) / side for at, side in zip(SPOTS[number], (320, 240), strict=True))
    shown = min(area["width"] / 320, area["height"] / 240)
    left = area["x"] + (area["width"] - 320 * shown) / 2
    top = area["y"] + (area["height"] - 240 * shown) / 2
    page.mouse.move(left + x * 320 * shown - 30, top + y * 240 * shown - 30)
    page.mouse.down()
    for step in range(-30, 31, 6):
        for across in (-30, 30):
            page.mouse.move(left + x * 320 * shown + across, top + y * 240 * shown + step, steps=4)
    page.mouse.up()
    inspector.button("apply")
    expect(inspector.card).to_contain_text("1 of 30 frames holds something")
    inspector.button("clear")
    expect(inspector.card).to_contain_text("2 of 30 frames hold something")

    before = page.evaluate("seen.starts")
    inspector.button("inspect")
    inspector.visitor.finish(before)
    expect(inspector.visitor.card).to_contain_text("Something here does not belong")
    expect(inspector.visitor.card).to_contain_text("Ensemble")
    assert inspector.visitor.error_map().shape == (240, 320)


def test_a_video_and_a_stop(inspector: Inspector, tmp_path: Path) -> None:
    inspector.give(video(tmp_path / "walk.mp4"))
    inspector.button("start")
    expect(inspector.card).to_contain_text("1 of 7 frames holds something", timeout=180_000)
    inspector.finished()
    table = inspector.table()
    assert [row["time"] for row in table] == ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]
    assert [row["verdict"] for row in table].index("anomalous") == 4
    inspector.page.locator("#frames-table").get_by_text("walk.mp4").locator("visible=true").first.click()
    expect(inspector.page.locator("#frames-facts")).to_contain_text("4 s of walk.mp4")

    inspector.button("start")  # finished before: it begins anew
    expect(inspector.card).to_contain_text("of 7 frames so far")
    inspector.button("stop")
    expect(inspector.card).to_contain_text("Stopped after")
    expect(inspector.page.locator("#frames-start")).to_have_text("Start")

    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    inspector.give(broken)
    inspector.button("start")
    expect(inspector.card).to_contain_text("broken.mp4 is no video this program can read")
    inspector.finished()
    assert len(inspector.table()) == 7


def test_an_example_on_a_phone(visit: Callable[..., Page]) -> None:
    inspector = Inspector(visit(390, 844))
    inspector.button("example")
    expect(inspector.card).to_contain_text("3 of 11 frames hold something", timeout=180_000)
    inspector.finished()
    inspector.page.locator("#frames-worst .thumbnail-item").first.click()
    expect(inspector.page.locator("#frames-facts")).to_contain_text("object")
    assert inspector.page.evaluate("document.scrollingElement.scrollWidth") <= 390
