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

from tests.e2e.accessibility import findings_in_both_schemes
from tests.e2e.painting import paint_over
from tests.e2e.visitor import SCREENS, Visitor

pytestmark = pytest.mark.e2e
SPOTS = {3: (150, 60), 7: (60, 200)}
"""Frames with a bright square of 26 px, and where it lies: left and top."""

SPOT = 240, 200, 40
"""The colour of that square."""


def ground(seed: int, spot: tuple[int, int] | None = None) -> Image.Image:
    """A fine grey ground, another in every frame."""
    grain = np.random.default_rng(seed).normal(0, 9, (240, 320, 1))
    picture = np.clip(105 + cv2.GaussianBlur(grain, (0, 0), 1)[..., None] * 2 + np.zeros((1, 1, 3)), 0, 255)
    if spot:
        x, y = spot
        picture[y : y + 26, x : x + 26] = SPOT
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

    def choose_the_worst(self) -> None:
        """Click the first thumbnail."""
        self.page.locator("#frames-worst .thumbnail-item").first.click()
        expect(self.page.locator("#frames-facts")).to_contain_text("1 object")

    def paint_over_the_square(self) -> None:
        """Paint around the square of the frame in the editor."""
        paint_over(self.page, "frames", SPOT)


@pytest.fixture
def inspector(visit: Callable[..., Page]) -> Inspector:
    return Inspector(visit())


@pytest.fixture
def finished(inspector: Inspector, tmp_path: Path) -> Inspector:
    """Somebody whose ten frames have been looked at."""
    inspector.give(archive(tmp_path / "floor.zip", 10))
    inspector.button("start")
    expect(inspector.card).to_contain_text("2 of 10 frames hold something that does not belong", timeout=180_000)
    inspector.finished()
    return inspector


def test_without_frames_the_page_asks_for_some(inspector: Inspector) -> None:
    inspector.button("start")
    expect(inspector.card).to_contain_text("There are no frames yet")


def test_a_paused_run_shows_what_it_has_and_goes_on(inspector: Inspector, tmp_path: Path) -> None:
    inspector.give(archive(tmp_path / "floor.zip", 30))
    inspector.button("start")
    expect(inspector.card).to_contain_text(re.compile(r"\d+ of 30 looked at\s*About \d+ s left"))
    expect(inspector.card).to_have_class(re.compile("busy"))  # no result yet, and none pretended
    inspector.button("pause")
    expect(inspector.card).to_contain_text(re.compile(r"Paused after \d+ of 30 frames"))
    paused = re.search(r"Paused after (\d+)", inspector.card.inner_text())
    assert paused
    assert 0 < int(paused[1]) < 30
    assert len(inspector.table()) == int(paused[1])
    expect(inspector.page.locator("#frames-start")).to_have_text("Resume")
    inspector.button("start")
    expect(inspector.card).to_contain_text("2 of 30 frames hold something that does not belong", timeout=180_000)
    inspector.finished()
    assert len(inspector.table()) == 30


def test_a_zip_is_judged_and_its_objects_are_found_where_they_lie(finished: Inspector) -> None:
    page = finished.page
    expect(finished.card).to_contain_text("the frames are judged against each other")
    expect(finished.card).to_contain_text(re.compile("1 left out:.*notes.txt is no picture by its name", re.S))
    expect(page.locator("#frames-timeline circle")).to_have_count(10)
    expect(page.locator("#frames-timeline circle.anomalous")).to_have_count(2)
    rows = [json.loads(line) for line in finished.download("jsonl").decode().splitlines()]
    assert [i for i, row in enumerate(rows) if row["verdict"] == "anomalous"] == sorted(SPOTS)
    for index, (x, y) in SPOTS.items():
        box = max(rows[index]["boxes"], key=lambda box: box["peak"])
        assert abs(box["x"] + box["width"] / 2 - x - 13) < 14
        assert abs(box["y"] + box["height"] / 2 - y - 13) < 14


def test_the_report_needs_nothing_else_and_the_archive_holds_everything(finished: Inspector) -> None:
    report = finished.download("report").decode()
    assert "2 of 10 frames hold something" in report
    assert not re.search(r"""https?:|(src|href)=["'](?!data:|#)""", report)
    with zipfile.ZipFile(io.BytesIO(finished.download("zip"))) as packed:
        names = packed.namelist()
    assert {"frames.csv", "boxes.csv", "frames.jsonl", "report.html", "left_out.jsonl"} <= set(names)
    assert [len([name for name in names if name.startswith(part)]) for part in ("anomalous/", "look_first/")] == [2, 3]


def test_another_threshold_judges_at_once_and_can_be_automatic_again(finished: Inspector) -> None:
    finished.visitor.set("frames-threshold", 0.01)  # the model does not run again
    expect(finished.card).to_contain_text("10 of 10 frames hold something")
    expect(finished.card).to_contain_text("The limit 0.01 was set by hand")
    typed, end = (finished.page.locator(f"#frames-threshold input[type={kind}]") for kind in ("number", "range"))
    most = end.get_attribute("max") or ""  # the answer to it moves the end
    typed.fill("99")
    typed.press("Enter")
    expect(typed).to_have_value(most)
    expect(finished.card).to_contain_text("Nothing above the limit")
    finished.page.locator("#frames-auto input").check()
    expect(finished.card).to_contain_text("2 of 10 frames hold something")


def test_what_is_painted_over_is_ignored(finished: Inspector) -> None:
    finished.choose_the_worst()
    finished.page.get_by_role("button", name="Ignore a region").click()
    finished.paint_over_the_square()  # of the chosen frame
    finished.button("apply")
    expect(finished.card).to_contain_text("1 of 10 frames holds something")
    finished.button("clear")
    expect(finished.card).to_contain_text("2 of 10 frames hold something")


def test_a_frame_opens_in_inspect_with_its_masks(finished: Inspector) -> None:
    finished.choose_the_worst()
    before = finished.page.evaluate("seen.starts")
    finished.button("inspect")
    finished.visitor.finish(before)
    expect(finished.visitor.card).to_contain_text("Something here does not belong")
    expect(finished.visitor.card).to_contain_text("Ensemble")
    assert finished.visitor.error_map().shape == (240, 320)


def test_a_video_is_sampled_by_time(inspector: Inspector, tmp_path: Path) -> None:
    inspector.give(video(tmp_path / "walk.mp4"))
    inspector.button("start")
    expect(inspector.card).to_contain_text("1 of 7 frames holds something", timeout=180_000)
    inspector.finished()
    table = inspector.table()
    assert sorted(row["time"] for row in table) == ["0.0", "1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]
    assert [row["time"] for row in table if row["verdict"] == "anomalous"] == ["4.0"]
    expect(inspector.page.locator("#frames-facts")).to_contain_text("4 s of walk.mp4")  # the worst, at once
    inspector.page.locator("#frames-table").get_by_text("6 s of walk.mp4").locator("visible=true").first.click()
    expect(inspector.page.locator("#frames-facts")).to_contain_text("6 s of walk.mp4")


def test_a_run_that_was_stopped_begins_anew(inspector: Inspector, tmp_path: Path) -> None:
    inspector.give(archive(tmp_path / "floor.zip", 20))
    inspector.button("start")
    expect(inspector.card).to_contain_text("of 20 looked at")
    inspector.button("stop")
    expect(inspector.card).to_contain_text("Stopped after")
    expect(inspector.page.locator("#frames-start")).to_have_text("Start")
    inspector.button("start")
    expect(inspector.card).to_contain_text(re.compile("[1-4] of 20 looked at"))
    inspector.button("stop")


def test_a_file_that_is_no_video_is_named(inspector: Inspector, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    inspector.give(broken)
    inspector.button("start")
    expect(inspector.card).to_contain_text("broken.mp4 is no video this program can read")
    expect(inspector.card).to_contain_text("No frame could be read")
    expect(inspector.page.locator("#frames-start")).to_be_enabled()


@pytest.mark.parametrize("screen", SCREENS)
def test_an_inspector_goes_from_the_first_screen_to_judged_frames_and_a_file(
    visit: Callable[..., Page], tmp_path: Path, screen: str
) -> None:
    width, height, scheme = SCREENS[screen]
    inspector = Inspector(visit(width, height, scheme))
    page, facts = inspector.page, inspector.page.locator("#frames-facts h3")
    judged, limit = page.locator("#frames-judged"), page.locator("#frames-timeline [role=slider]")
    inspector.give(archive(tmp_path / "runway.zip", 10))
    page.get_by_role("button", name="Ignore a region").click()
    page.locator("#frames-paint canvas").first.wait_for()  # the first frame, before anything was looked at
    page.get_by_role("button", name="Ignore a region").click()
    inspector.button("start")
    expect(inspector.card).to_contain_text("of 10 looked at")
    if width < 768:
        expect(inspector.card).to_be_in_viewport()
    inspector.finished()
    expect(page.locator("#frames-spoken [role=status]")).to_have_text(re.compile("^2 of 10 frames hold something"))
    captions = page.locator("#frames-worst .caption-label")
    expect(captions).to_have_count(5)
    assert {caption.inner_text()[:2] for caption in captions.all()} >= {"03", "07"}  # as the files count
    expect(facts).to_have_text(re.compile(r"frame-0[37]\.png"))  # the worst, at once
    first = facts.inner_text()

    timeline = page.get_by_role("listbox")
    timeline.focus()
    page.keyboard.press("Home")
    expect(facts).to_have_text("frame-00.png")
    page.keyboard.press("ArrowRight")
    expect(facts).to_have_text("frame-01.png")
    expect(page.get_by_role("option", selected=True)).to_have_attribute(
        "aria-label", re.compile(r"^01: .* x the limit$")
    )
    page.locator("#frames-dot-7").click(force=True)
    expect(facts).to_have_text("frame-07.png")

    page.keyboard.press("y")
    expect(judged).to_have_text("1 of 5 judged by you")
    expect(facts).to_have_text("frame-03.png")  # the next one
    page.get_by_role("button", name="Object (y)").click()
    for done in (3, 4, 5):
        expect(judged).to_have_text(f"{done - 1} of 5 judged by you")
        page.keyboard.press("n")
    expect(judged).to_have_text("5 of 5 judged by you")
    page.wait_for_timeout(1000)  # until buttons have come back in full colour
    assert not findings_in_both_schemes(page)
    table = inspector.table()
    assert [row["rank"] for row in table] == [str(rank) for rank in range(1, 11)]
    assert [row["judged"] for row in table[:5]] == ["object", "object", "fine", "fine", "fine"]
    assert Path(table[0]["path"]).name == first

    before = float(limit.get_attribute("aria-valuenow") or "")
    timeline.scroll_into_view_if_needed()
    grip, ground_box = limit.locator(".grip").bounding_box(), timeline.locator(".ground").bounding_box()
    assert grip
    assert ground_box
    page.mouse.move(grip["x"] + 20, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(grip["x"] + 20, ground_box["y"] + 2, steps=4)
    page.mouse.up()
    expect(inspector.card).to_contain_text("Nothing above the limit; look at these first")
    assert float(limit.get_attribute("aria-valuenow") or "") > before
    limit.focus()
    page.keyboard.press("PageDown")
    expect(inspector.card).to_contain_text("was set by hand")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_what_is_unusual_in_a_frame_is_ignored_by_a_key(finished: Inspector) -> None:
    finished.choose_the_worst()
    finished.page.locator("h1").click()  # keys judge wherever the focus is
    finished.page.keyboard.press("i")
    expect(finished.card).to_contain_text("1 of 10 frames holds something")
    expect(finished.card).to_contain_text("What lies in the ignored region does not count.")
    expect(finished.page.locator("#frames-judged")).to_have_text(re.compile("1 of [56] judged by you"))
    finished.page.keyboard.press("u")
    expect(finished.card).to_contain_text("2 of 10 frames hold something")
    expect(finished.page.locator("#frames-judged")).to_have_text("0 of 5 judged by you")


def test_what_is_said_of_frames_is_saved_and_holds_again(finished: Inspector, tmp_path: Path) -> None:
    finished.choose_the_worst()
    finished.button("fine")
    expect(finished.page.locator("#frames-judged")).to_have_text("1 of 5 judged by you")
    (tmp_path / "said.jsonl").write_bytes(finished.download("said"))
    finished.button("back")
    expect(finished.page.locator("#frames-judged")).to_have_text("0 of 5 judged by you")
    expect(finished.page.locator("#frames-back")).to_be_disabled()
    with finished.page.expect_file_chooser() as chooser:
        finished.button("load-said")
    chooser.value.set_files(tmp_path / "said.jsonl")
    expect(finished.page.locator("#frames-judged")).to_have_text("1 of 5 judged by you")
    finished.page.locator("#frames-follow input").check()
    expect(finished.card).to_contain_text("Your corrections raised the limit by")
