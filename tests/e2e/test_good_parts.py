"""Good parts on the page: photos in, fine-tuning, before and after, the adapter kept as a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.visitor import RADIUS, Visitor, photo

pytestmark = pytest.mark.e2e


def test_an_adapter_saved_today_gives_the_same_map_tomorrow(visitor: Visitor, tmp_path: Path) -> None:
    good = [photo(tmp_path / f"good-{i}.png", size=(320 + 8 * i, 240)) for i in range(2)]
    query = photo(tmp_path / "disc.png", disc=(210, 90))
    visitor.upload(query)
    visitor.open_good_parts()
    visitor.add_shots(*good)
    visitor.fine_tune()
    expect(visitor.adapter).to_contain_text("Adapted to 2 good parts")
    expect(visitor.page.locator("#adapter .curve")).to_be_visible()
    expect(visitor.page.locator("#before-and-after img")).to_have_count(2)
    expect(visitor.page.locator("#before-and-after")).to_contain_text(re.compile(r"Before: .*After: stands out", re.S))
    expect(visitor.card).to_contain_text("The 2 good parts score")
    assert any(re.search(r"\d+ of 16 masks so far", card) for card in visitor.cards())
    today = visitor.error_map()
    y, x = np.unravel_index(today.argmax(), today.shape)
    assert np.hypot(x - 210, y - 90) < RADIUS + 8
    name, saved = visitor.download("get-adapter")
    assert name == "adapter.safetensors"
    assert 10**5 < len(saved) < 10**7

    visitor.page.reload()
    visitor.expect_fresh()
    (tmp_path / name).write_bytes(saved)
    visitor.upload(query)
    visitor.open_good_parts()
    expect(visitor.adapter).to_contain_text("Judged without a reference")
    before = visitor.page.evaluate("seen.starts")
    visitor.load_adapter(tmp_path / name)
    visitor.finish(before)
    expect(visitor.adapter).to_contain_text("Adapted to 2 good parts")
    assert np.array_equal(visitor.error_map(), today)

    (tmp_path / "notes.safetensors").write_text("no adapter")
    before = visitor.page.evaluate("seen.starts")
    visitor.load_adapter(tmp_path / "notes.safetensors")
    expect(visitor.adapter).to_contain_text("notes.safetensors is no adapter of this program")
    expect(visitor.adapter).to_contain_text("The good parts in use stay.")
    visitor.finish(before)

    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#forget").click()
    expect(visitor.adapter).to_contain_text("Judged without a reference")
    visitor.finish(before)
    expect(visitor.page.locator("#before-and-after img")).to_have_count(0)
    assert visitor.facts().score < 3


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
    expect(visitor.adapter).to_contain_text("Adapted to 1 good part")
    steps = re.search(r"(\d+) steps on the model bundled", visitor.adapter.inner_text())
    assert steps
    assert 0 < int(steps[1]) < 40
    expect(visitor.adapter).to_contain_text("notes.jpg is not a picture this program can read")
    assert "Traceback" not in visitor.page.content()
    expect(visitor.detect).to_be_enabled()

    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    expect(visitor.card).to_contain_text("rests on one good part")


def test_the_example_of_a_good_part_on_a_phone(visit: Callable[..., Page]) -> None:
    visitor = Visitor(visit(390, 844))
    visitor.open_good_parts()
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#try-good-part").click()
    expect(visitor.adapter).to_contain_text(re.compile(r"Step \d+ of 40"))
    visitor.stop.click()
    visitor.finish(before)
    expect(visitor.page.locator("#before-and-after img")).to_have_count(2)
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") <= 390
