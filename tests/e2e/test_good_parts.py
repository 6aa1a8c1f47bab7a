"""Good parts on the page: photos in, fine-tuning, before and after, the adapter kept as a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from maeday_core import load_reference
from tests.e2e.accessibility import findings
from tests.e2e.conftest import RECORDER
from tests.e2e.visitor import PATIENCE, RADIUS, SCREENS, Visitor, photo

pytestmark = pytest.mark.e2e


class Learned(NamedTuple):
    """What somebody learned from two good parts and saved, and what it found in a photo of a disc."""

    file: Path
    error_map: np.ndarray


@pytest.fixture(scope="module")
def learned(browser: Browser, app: str, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """Learned on the page, once for all tests."""
    folder = tmp_path_factory.mktemp("learned")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.add_init_script(RECORDER)
    visitor = Visitor(context.new_page())
    visitor.page.goto(app)
    visitor.page.locator("#spoken").wait_for(state="attached")
    visitor.upload(photo(folder / "disc.png", disc=(210, 90)))
    visitor.open_good_parts()
    visitor.add_shots(*(photo(folder / f"good-{i}.png", size=(320 + 8 * i, 240)) for i in range(2)))
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#part-name textarea, #part-name input").fill("disc holder")
    visitor.fine_tune()
    visitor.finish(before)
    expect(visitor.adapter).to_contain_text("Learned from 2 good parts")
    name, saved = visitor.download("get-adapter")
    (file := folder / name).write_bytes(saved)
    error_map = visitor.error_map()
    context.close()
    return Learned(file, error_map)


@pytest.fixture
def adapted(visitor: Visitor, learned: Learned, tmp_path: Path) -> Visitor:
    """A visitor who has judged a photo of a disc without and with two good parts that were saved before."""
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.open_good_parts()
    expect(visitor.adapter).to_contain_text("Judged without a reference")
    before = visitor.page.evaluate("seen.starts")
    visitor.load_adapter(learned.file)
    visitor.finish(before)
    return visitor


def test_a_photo_is_judged_before_and_after_good_parts(adapted: Visitor) -> None:
    expect(adapted.page.locator("#adapter .curve")).to_be_hidden()
    adapted.page.locator("#adapter summary").click()
    expect(adapted.page.locator("#adapter .curve")).to_be_visible()
    pair = adapted.page.locator("#before-and-after")
    expect(pair.locator("img")).to_have_count(2)
    expect(pair).to_contain_text(re.compile(r"Before: .*After: does not belong", re.S))
    expect(adapted.card).to_contain_text("rests on 2 good parts")
    assert any(re.search(r"\d+ of 16 masks so far", card) for card in adapted.cards())
    error_map = adapted.error_map()
    y, x = np.unravel_index(error_map.argmax(), error_map.shape)
    assert np.hypot(x - 210, y - 90) < RADIUS + 8


def test_an_adapter_saved_today_gives_the_same_map_tomorrow(adapted: Visitor, learned: Learned) -> None:
    assert re.fullmatch(r"disc-holder-2-good-[\d-]{10}\.safetensors", learned.file.name)
    assert 10**5 < learned.file.stat().st_size < 2 * 10**7
    told = rf"Loaded {learned.file.name}.*Learned on [\d-]+ from 2 good parts"
    expect(adapted.adapter).to_contain_text(re.compile(told))
    expect(adapted.page.locator("#part-name input")).to_have_value("disc-holder")
    assert np.array_equal(adapted.error_map(), learned.error_map)


def test_a_bad_file_leaves_the_good_parts_in_use_and_forget_does_not(adapted: Visitor, tmp_path: Path) -> None:
    (tmp_path / "notes.safetensors").write_text("no adapter")
    before = adapted.page.evaluate("seen.starts")
    adapted.load_adapter(tmp_path / "notes.safetensors")
    expect(adapted.adapter).to_contain_text("notes.safetensors holds nothing that this program has learned")
    expect(adapted.adapter).to_contain_text("The good parts in use stay.")
    adapted.page.wait_for_timeout(1000)
    assert adapted.page.evaluate("seen.starts") == before, "judged again by the same good parts"
    expect(adapted.page.locator("#before-and-after img")).to_have_count(2)

    before = adapted.page.evaluate("seen.starts")
    adapted.page.locator("#forget").click()
    expect(adapted.adapter).to_contain_text("Judged without a reference")
    adapted.finish(before)
    expect(adapted.page.locator("#before-and-after img")).to_have_count(0)
    assert adapted.facts().score < 3


def test_stop_keeps_what_was_learned_and_bad_photos_are_named(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open_good_parts()
    visitor.page.locator("#tune").click()
    expect(visitor.adapter).to_contain_text("There are no photos of good parts yet")

    notes = tmp_path / "notes.jpg"
    notes.write_text("These are notes and not a picture.\n" * 50)
    visitor.add_shots(photo(tmp_path / "good.png"), notes)
    visitor.page.locator("#tune").click()
    expect(visitor.adapter).to_contain_text(re.compile(r"Step \d+ of 40"))
    expect(visitor.detect).to_be_disabled()
    visitor.stop.click()
    expect(visitor.adapter).to_contain_text("Learned from 1 good part")
    steps = re.search(r"(\d+) steps on the model bundled", visitor.adapter.text_content() or "")
    assert steps
    assert 0 < int(steps[1]) < 40
    expect(visitor.adapter).to_contain_text("notes.jpg is not a picture this program can read")
    assert "Traceback" not in visitor.page.content()
    expect(visitor.detect).to_be_enabled()

    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    expect(visitor.card).to_contain_text("rests on one good part")


@pytest.mark.parametrize("screen", SCREENS)
def test_an_inspector_goes_from_the_first_screen_to_a_saved_good_part(
    visit: Callable[..., Page], tmp_path: Path, screen: str
) -> None:
    width, height, scheme = SCREENS[screen]
    visitor = Visitor(visit(width, height, scheme))
    visitor.open_good_parts()
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#try-good-part").click()
    expect(visitor.adapter).to_contain_text(re.compile(r"Step \d+ of 40"))
    visitor.stop.click()
    visitor.finish(before)
    expect(visitor.page.locator("#before-and-after img")).to_have_count(2)
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert not findings(visitor.page)
    name, saved = visitor.download("get-adapter")
    assert re.fullmatch(r"good-parts-1-good-[\d-]{10}\.safetensors", name)
    (tmp_path / name).write_bytes(saved)
    assert load_reference(tmp_path / name).shots == 1
