"""What a visitor of the Inspect tab does and sees. `visit` also checks, in each test, that nothing failed unseen."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.visitor import RADIUS, SAW, SCREENS, Visitor, photo

pytestmark = pytest.mark.e2e
JOIN = "/queue/join"
"""Where the events go that wait for their turn."""


def looks_like(pixels: np.ndarray, path: Path) -> bool:
    """Whether a picture on the page is that of a file, but for what JPEG loses and outlines hide."""
    original = np.array(Image.open(path).convert("RGB")).astype(int)
    return pixels.shape == original.shape and float((np.abs(pixels - original) < 10).mean()) > 0.9


def test_detection_and_downloads(visitor: Visitor, tmp_path: Path) -> None:
    visitor.choose_method("maeday")
    visitor.upload(photo(tmp_path / "plain.png"))
    visitor.run()
    plain = visitor.facts()
    first, first_map = visitor.sources("overlay"), visitor.error_map()

    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90), size=(330, 250)))
    visitor.run()
    facts = visitor.facts()
    assert facts.score > 2 * plain.score
    assert facts.masks == 16
    second = visitor.sources("overlay")
    assert not set(first) & set(second)
    assert looks_like(visitor.pixels(second[0]), tmp_path / "disc.png")
    drawn = visitor.pixels(visitor.sources("heat")[0])
    assert drawn[80:100, 200:220].mean() > drawn[200:, :50].mean() + 20

    name, data = visitor.download("get-npy")
    error_map = np.load(io.BytesIO(data))
    assert name == "disc-error-map.npy"
    assert error_map.dtype == np.float32
    assert error_map.shape == (250, 330)
    assert first_map.shape == (240, 320)
    assert f"{error_map.max():.3f}" == f"{facts.score:.3f}"
    name, data = visitor.download("get-png")
    assert name == "disc-maeday.png"
    assert Image.open(io.BytesIO(data)).format == "PNG"
    name, data = visitor.download("get-report")
    assert name == "disc-report.html"
    assert f"{facts.score:.3f}" in data.decode()
    assert not re.search(r"""https?:|(src|href)=["'](?!data:)|url\((?!["']?data:)|@import""", data.decode())


def test_example_runs_on_one_click(visitor: Visitor) -> None:
    visitor.run_example()
    assert visitor.facts().score > 0
    visitor.sources("query", "overlay", *SAW)


@pytest.fixture
def judged(visitor: Visitor, tmp_path: Path) -> Visitor:
    """A visitor who has judged a photo of a disc."""
    visitor.choose_method("maeday")
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    return visitor


def test_the_threshold_moves_without_a_run(judged: Visitor) -> None:
    facts, runs = judged.facts(), len(judged.runs)
    judged.set("threshold", 1)
    expect(judged.card).to_contain_text("Look here")
    expect(judged.card).to_contain_text("limit set by hand")
    calm = judged.sources("overlay")
    judged.set("threshold", 0.01)
    expect(judged.card).to_contain_text("Something here does not belong")
    expect(judged.page.locator("#overlay img").last).not_to_have_attribute("src", calm[1])
    outlined = judged.sources("overlay")
    assert not np.array_equal(judged.pixels(outlined[1]), judged.pixels(calm[1]))

    automatic = judged.page.locator("#auto-threshold input")
    expect(automatic).not_to_be_checked()
    automatic.check()
    expect(judged.card).to_contain_text(f"limit {facts.threshold:.3f}")
    assert judged.facts() == facts
    assert len(judged.runs) == runs


def test_other_false_alarms_move_threshold_and_verdict_without_a_run(judged: Visitor) -> None:
    usual, runs = judged.facts(), len(judged.runs)
    judged.set("threshold", 1)
    expect(judged.page.locator("#auto-threshold input")).not_to_be_checked()
    thresholds = []
    for share in ("1%", "2%", "5%", "10%", "20%"):
        judged.allow(share)
        expect(judged.card).to_contain_text(f"for {share} false alarms")
        thresholds.append(judged.facts().threshold)
        expect(judged.page.locator("#threshold input[type=number]")).to_have_value(
            re.compile(f"{thresholds[-1]:.3f}".rstrip("0"))
        )
    expect(judged.page.locator("#auto-threshold input")).to_be_checked()
    assert thresholds == sorted(thresholds, reverse=True)
    assert len(set(thresholds)) == 5
    assert thresholds[2] == usual.threshold
    assert len(judged.runs) == runs
    judged.run()
    assert judged.facts().threshold == thresholds[-1]
    _, report = judged.download("get-report")
    assert b"for 20% false alarms" in report


def test_the_report_follows_the_threshold(judged: Visitor) -> None:
    judged.set("threshold", 0.01)
    for _ in range(60):
        if b"limit 0.010" in judged.download("get-report")[1]:
            return
        judged.page.wait_for_timeout(500)
    pytest.fail("the report keeps the old threshold")


def test_another_mask_shows_other_pictures_without_a_run(judged: Visitor) -> None:
    before, runs = judged.sources(*SAW), len(judged.runs)
    judged.set("mask-index", 7)
    for name, source in zip(SAW, before, strict=True):
        expect(judged.page.locator(f"#{name} img")).not_to_have_attribute("src", source)
    for old, new in zip(before, judged.sources(*SAW), strict=True):
        assert not np.array_equal(judged.pixels(old), judged.pixels(new))
    assert len(judged.runs) == runs


def test_partial_results_appear_while_it_runs(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open_settings()
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.set("masks", 64)
    visitor.run()
    partial = [int(found[1]) for card in visitor.cards() if (found := re.search(r"(\d+) of 64 masks so far", card))]
    assert partial
    assert partial == sorted(partial)
    assert 0 < partial[0] <= 8
    assert visitor.facts().masks == 64
    assert "so far" not in visitor.card.inner_text()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_researcher_sees_every_mask_of_the_paper_s_method_and_saves_all_files(
    visit: Callable[..., Page], tmp_path: Path, screen: str
) -> None:
    visitor = Visitor(visit(*SCREENS[screen]))
    visitor.open_settings()
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.set("seed", 7)
    visitor.page.locator("#as-in-the-paper").click()
    expect(visitor.page.locator("#method input[value=maeday]")).to_be_checked()
    expect(visitor.page.locator("#seed input[type=number]")).to_have_value("0")
    expect(visitor.page.locator("#settings")).to_contain_text("The model stays the one that is chosen above")
    expect(visitor.page.locator("#masks input[type=number]")).to_have_value("32")
    visitor.run()
    facts = visitor.facts()
    assert facts.masks == 32

    visitor.page.get_by_role("button", name="All masks").click()
    captions = visitor.page.locator("#all-masks figcaption")
    expect(captions).to_have_count(32)
    highest = [float(caption.rpartition(" ")[2]) for caption in captions.all_inner_texts()]
    visitor.set("mask-index", 32)
    expect(visitor.page.locator("#saw")).to_contain_text(
        f"black is 0, the brightest 0.50; under this mask it reaches {highest[-1]:.2f}."
    )

    error_map = visitor.error_map()
    assert f"{error_map.max():.3f}" == f"{facts.score:.3f}"
    assert max(highest) >= facts.score - 0.01, "the mean of all masks is above each of them"
    name, figure = visitor.download("get-png")
    assert name == "disc-maeday.png"
    assert Image.open(io.BytesIO(figure)).format == "PNG"
    report = visitor.download("get-report")[1].decode()
    assert "maeday detect disc.png --method maeday" in report
    assert "Mask 4 of 32: what the model saw" in report


def test_a_long_photo_is_seen_through_windows(visitor: Visitor, tmp_path: Path) -> None:
    visitor.upload(photo(tmp_path / "long.png", disc=(700, 90), size=(900, 240)))
    visitor.run()
    expect(visitor.card).to_contain_text("seen through 5 windows of 224 px")
    error_map = visitor.error_map()
    assert error_map.shape == (240, 900)
    y, x = np.unravel_index(error_map.argmax(), error_map.shape)
    assert np.hypot(x - 700, y - 90) < RADIUS + 8
    visitor.sources("overlay", *SAW)


def test_stop_ends_a_run_and_the_next_one_works(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open_settings()
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.set("masks", 64)
    expect(visitor.stop).to_be_disabled()
    for _ in range(5):  # a fast machine may be done before the click lands
        cards, before = len(visitor.cards()), visitor.start()
        visitor.page.wait_for_function("n => seen.cards.slice(n).some(card => card.includes('so far'))", arg=cards)
        visitor.stop.click(force=True)
        visitor.page.wait_for_function("!document.querySelector('#detect').disabled")
        if "Stopped after" in visitor.card.inner_text():
            break
        visitor.finish(before)
    expect(visitor.card).to_contain_text("Stopped after")
    expect(visitor.stop).to_be_disabled()
    assert 0 < visitor.facts().masks < 64
    visitor.sources("overlay", *SAW)

    visitor.run()
    assert visitor.facts().masks == 64


def test_reload_gives_a_fresh_page(visit: Callable[..., Page], tmp_path: Path) -> None:
    # The page that is left in the middle of a run reports, while it goes, that it hears no more of it.
    visitor = Visitor(visit(harmless="AbortError|Connection errored out"))
    picture = photo(tmp_path / "disc.png", disc=(210, 90))
    visitor.open_settings()
    visitor.upload(picture)
    visitor.set("masks", 64)
    visitor.start()
    expect(visitor.card).to_contain_text("64 masks")
    visitor.page.reload()
    visitor.expect_fresh()

    visitor.upload(picture)
    visitor.run()
    assert visitor.facts().masks == 16
    visitor.page.reload()
    visitor.expect_fresh()


def test_a_file_that_is_no_picture_is_explained(visitor: Visitor, tmp_path: Path) -> None:
    visitor.detect.click()
    expect(visitor.card).to_contain_text("There is no photo yet")

    visitor.run_example()
    assert visitor.facts().masks == 16

    notes = tmp_path / "notes.jpg"
    notes.write_text("These are notes and not a picture.\n" * 50)
    visitor.upload(notes)
    visitor.run()
    expect(visitor.card).to_contain_text("notes.jpg is not a picture this program can read; save it as")
    assert "Traceback" not in visitor.page.content()
    expect(visitor.page.locator("#overlay img")).to_have_count(0)

    visitor.upload(photo(tmp_path / "plain.png"))
    visitor.run()
    assert visitor.facts().masks == 16


def test_a_photo_that_is_taken_away_frees_the_page(visitor: Visitor, tmp_path: Path) -> None:
    before = visitor.page.evaluate("seen.starts")
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)), at_once=True)
    visitor.finish(before)
    visitor.page.get_by_role("button", name="Remove Image").click()
    expect(visitor.card).to_contain_text("There is no photo yet")
    expect(visitor.detect).to_be_enabled()
    expect(visitor.page.locator(".strip li")).to_have_count(1)


def test_a_setting_out_of_range_is_explained(visit: Callable[..., Page], tmp_path: Path) -> None:
    visitor = Visitor(visit(harmless="log: Traceback"))  # Gradio's, of the request below
    visitor.open_settings()
    with visitor.page.expect_request(lambda one: JOIN in one.url and "disc.png" in str(one.post_data)):
        visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))  # what it asks for is not tampered with
    tampered = (
        f"**{JOIN}*",
        lambda route: route.continue_(post_data=route.request.post_data.replace(",16,", ",999,")),
    )
    visitor.page.route(*tampered)
    visitor.start()
    expect(visitor.card).to_contain_text("If a setting was refused, the note in the corner says which.")
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("999")

    visitor.page.unroute(*tampered)
    expect(visitor.detect).to_be_enabled()
    visitor.run()
    assert visitor.facts().masks == 16


def test_two_visitors_at_once_see_their_own(visit: Callable[..., Page], tmp_path: Path) -> None:
    discs = {"left.png": (60, 60), "right.png": (250, 150)}
    sizes = {"left.png": (320, 240), "right.png": (300, 200)}
    visitors = {name: Visitor(visit()) for name in discs}
    for name, visitor in visitors.items():
        visitor.upload(photo(tmp_path / name, discs[name], sizes[name]))
    started = {name: visitor.start() for name, visitor in visitors.items()}
    for name, visitor in visitors.items():
        visitor.finish(started[name])
    for name, visitor in visitors.items():
        assert any("you take turns" in card for card in visitor.cards())
        error_map = visitor.error_map()
        assert error_map.shape == sizes[name][::-1]
        y, x = np.unravel_index(error_map.argmax(), error_map.shape)
        assert np.hypot(x - discs[name][0], y - discs[name][1]) < RADIUS + 8
        assert looks_like(visitor.pixels(visitor.sources("overlay")[0]), tmp_path / name)


def test_a_model_that_cannot_be_downloaded_is_explained(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open_settings()
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.choose_model("base")
    visitor.run()
    sentence = visitor.card.locator("p").inner_text()
    assert re.fullmatch(r"[^\n]*could not be downloaded[^\n]*'bundled' works with no network\.", sentence)

    visitor.choose_model("bundled")
    visitor.run()
    assert visitor.facts().masks == 16


def test_keyboard_alone_is_enough(visitor: Visitor, tmp_path: Path) -> None:
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    for _ in range(30):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.id") == "detect":
            break
    expect(visitor.detect).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.finish(0)
    assert visitor.facts().masks == 16
    expect(visitor.page.locator("#spoken")).to_have_text(re.compile(r"Something here does not belong: [\d.]+"))


def test_nothing_scrolls_sideways_on_a_phone(visit: Callable[..., Page], tmp_path: Path) -> None:
    visitor = Visitor(visit(390, 844))
    width = "document.scrollingElement.scrollWidth"
    assert visitor.page.evaluate(width) <= 390
    visitor.open_settings()
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    visitor.sources("query")
    assert visitor.page.evaluate(width) <= 390
    assert visitor.page.evaluate("document.querySelector('#verdict .verdict').getBoundingClientRect().right") <= 390
