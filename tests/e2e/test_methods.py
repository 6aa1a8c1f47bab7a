"""The methods on the page: the same result for each, what counted, and what every place was compared with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.visitor import RADIUS, Visitor, photo

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("method", ["self", "ensemble"])
def test_a_photo_alone_by_every_method(visitor: Visitor, tmp_path: Path, method: str) -> None:
    path = photo(tmp_path / "disc.png", disc=(210, 90))
    visitor.upload(path)
    visitor.choose_method(method)
    visitor.run()
    assert visitor.facts().masks == (16 if method == "ensemble" else 0)
    error_map = visitor.error_map()
    assert error_map.shape == (240, 320)
    y, x = np.unravel_index(error_map.argmax(), error_map.shape)
    assert np.hypot(x - 210, y - 90) < RADIUS + 12
    expect(visitor.page.locator("#evidence img")).to_have_count(2 if method == "ensemble" else 0)
    expect(visitor.page.locator("#masked img")).to_have_count(1 if method == "ensemble" else 0)
    expect(visitor.page.locator("#mask-index")).to_be_visible(visible=method == "ensemble")
    if method == "ensemble":
        shares = [int(s) for s in re.findall(r"(\d+)% of the peak", visitor.page.locator("#evidence").inner_text())]
        assert abs(sum(shares) - 100) <= 1

    why, place = visitor.page.locator("#why"), visitor.page.locator("#places input")
    expect(why.locator("img")).to_have_count(3 if method == "ensemble" else 2)
    expect(why).to_contain_text("The most alike elsewhere in this photo")
    first = why.locator("h3").inner_text()
    for clicked, (across, down), where in (("#heat", (0.15, 0.6), "left"), ("#overlay", (0.5, 0.5), "in the middle")):
        picture = visitor.page.locator(f"{clicked} img").first
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        assert box is not None
        visitor.page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        expect(why.locator("h3")).to_have_text(re.compile(rf"^The place you clicked: {where}, [\d.]+ x the limit$"))
    expect(place.first).not_to_be_checked()
    place.first.focus()
    visitor.page.keyboard.press("Space")
    expect(why.locator("h3")).to_have_text(first)
    _, report = visitor.download("get-report")
    assert b"maeday detect disc.png --method " + method.encode() in report


def test_patchcore_is_offered_once_there_are_good_parts(visitor: Visitor, tmp_path: Path) -> None:
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.open_settings()
    expect(visitor.page.locator("#method input")).to_have_count(3)
    visitor.open_good_parts()
    visitor.add_shots(photo(tmp_path / "good.png"))
    before = visitor.page.evaluate("seen.starts")
    visitor.fine_tune()
    visitor.finish(before)
    expect(visitor.adapter).to_contain_text("patches to compare with")
    for method in ("patchcore", "ensemble"):
        visitor.choose_method(method)
        visitor.run()
        expect(visitor.card).to_contain_text("Something here does not belong")
        expect(visitor.page.locator("#why")).to_contain_text("The most alike patch of the good parts")
        expect(visitor.page.locator("#why")).to_contain_text("The same place in the most alike good part, good.png")
        expect(visitor.page.locator("#before-and-after img")).to_have_count(2)
    visitor.choose_method("patchcore")
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#forget").click()
    visitor.finish(before)
    expect(visitor.page.locator("#method input")).to_have_count(3)
    expect(visitor.page.locator("#method input[value=ensemble]")).to_be_checked()
    assert visitor.facts().masks == 16


def test_a_threshold_of_one_method_does_not_block_another(visitor: Visitor, tmp_path: Path) -> None:
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.choose_method("self")
    visitor.run()
    visitor.set("threshold", 2.5)
    expect(visitor.card).to_contain_text("limit set by hand")
    visitor.choose_method("maeday")
    expect(visitor.page.locator("#auto-threshold input")).to_be_checked()
    visitor.page.locator("#auto-threshold input").uncheck()
    for _ in range(2):
        visitor.run()
        assert visitor.facts().threshold == 2.5


def test_methods_on_a_phone(visit: Callable[..., Page], tmp_path: Path) -> None:
    visitor = Visitor(visit(390, 844))
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.choose_method("ensemble")
    visitor.run()
    expect(visitor.page.locator("#why img")).to_have_count(3)
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") <= 390
