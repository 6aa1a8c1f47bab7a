"""A visit from the first screen to saved files: the finished example, photos that are inspected at once, the strip."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import findings_in_both_schemes
from tests.e2e.visitor import SCREENS, Visitor, photo

pytestmark = pytest.mark.e2e


def test_the_first_screen_is_a_finished_example(visitor: Visitor) -> None:
    expect(visitor.page.locator("#subject")).to_contain_text("Drop your own photo")
    expect(visitor.card).to_contain_text("Something here does not belong")
    expect(visitor.page.locator("#first img")).to_have_count(2)
    expect(visitor.page.locator("#result")).to_have_count(0)
    names = [button.inner_text().split("\n")[-1] for button in visitor.page.locator("[data-example]").all()]
    assert names[::2] == [name for name in names if "clean" not in name]
    assert set(names[1::2]) == {"clean"}
    assert [name for name in names if "hard" in name]


def test_a_visit_from_the_first_screen_to_saved_files(visit: Callable[..., Page], tmp_path: Path) -> None:
    visitor = Visitor(visit(*SCREENS["desktop, light"]))
    page, strip = visitor.page, visitor.page.locator(".strip li")
    expect(page.locator("#subject")).to_contain_text("Drop your own photo")
    before = page.evaluate("seen.starts")
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)), at_once=True)
    visitor.finish(before)
    expect(page.locator("#subject")).to_have_text("disc.png, by Ensemble, without good parts.")
    expect(page.locator("#spoken")).to_have_text(re.compile("Something here does not belong: "))
    first = visitor.facts()

    pictures = [photo(tmp_path / f"{name}.png", size=(300, 220)) for name in ("plain", "second")]
    (notes := tmp_path / "notes.png").write_text("no picture")
    visitor.drop(notes, *pictures)
    expect(page.locator("#subject")).to_contain_text("2 photos were inspected")
    expect(page.locator("#subject")).to_contain_text("Not judged: notes.png")
    expect(strip).to_have_count(3)

    visitor.choose_method("maeday")
    expect(page.locator("#subject .earlier")).to_contain_text("Earlier result")
    before = page.evaluate("seen.starts")
    page.get_by_role("button", name=re.compile("disc.png")).first.click()  # returns to it, and to its method
    visitor.finish(before)
    assert visitor.facts()[:3] == first[:3]
    expect(page.locator("#method input[value=ensemble]")).to_be_checked()
    expect(strip).to_have_count(3)

    visitor.set("threshold", 0.05)
    expect(strip.get_by_text("limit 0.05, set by hand")).to_have_count(1)
    page.locator("#limit-for-all").click()
    expect(strip.get_by_text("limit 0.05, set by hand")).to_have_count(3)
    expect(strip.locator(".says")).to_have_text(["does not belong"] * 3)
    page.locator("#auto-threshold input").check()
    expect(strip.get_by_text("limit 0.05, set by hand")).to_have_count(2)
    page.locator("#limit-for-all").click()
    expect(strip.get_by_text(", automatic")).to_have_count(3)

    visitor.choose_method("maeday")
    visitor.run()
    expect(strip).to_have_count(4)
    for name in ("disc.png, number 1", "disc.png, number 4"):
        page.get_by_role("button", name=f"Compare {name}").click()
    expect(page.locator("#compared img")).to_have_count(2)
    expect(page.locator("#compared tr", has_text="method")).to_contain_text(re.compile("ensemble.*maeday", re.S))
    expect(page.locator("#compared tr", has_text="x limit").locator("td")).to_have_text([re.compile(r"\d+\.\d+")] * 2)
    assert not findings_in_both_schemes(page)
    page.locator("#compared button").click()
    expect(page.locator("#compared img")).to_have_count(0)

    name, table = visitor.download("get-csv")
    rows = [*csv.DictReader(io.StringIO(table.decode()))]
    assert name == "inspected.csv"
    assert [row["photo"] for row in rows] == ["disc.png", "plain.png", "second.png", "disc.png"]
    assert float(rows[0]["image score"]) == pytest.approx(first.score, abs=0.01)
    assert rows[0]["verdict"] == "anomalous"
    name, report = visitor.download("get-visit")
    assert name == "inspected.html"
    told = re.sub(r"<style>.*?</style>", "", report.decode(), flags=re.S)
    assert re.search("<h2>does not belong</h2>.*x the limit.*<img.*score .*limit .*<details>.*Mask ratio", told, re.S)
    assert not re.search(r"""https?:|(src|href)=["'](?!data:)""", report.decode())


def test_a_drop_on_a_phone_ends_at_the_worst_photo(visit: Callable[..., Page], tmp_path: Path) -> None:
    visitor = Visitor(visit(*SCREENS["phone, dark"]))
    paths = photo(tmp_path / "disc.png", disc=(210, 90)), photo(tmp_path / "plain.png", size=(300, 220))
    visitor.drop(*paths)
    expect(visitor.page.locator("#subject")).to_contain_text("Below: disc.png")
    expect(visitor.card).to_contain_text("Something here does not belong")
    expect(visitor.page.locator("#query img")).to_be_visible()
    expect(visitor.page.locator("#verdict")).to_be_in_viewport()


def test_a_visit_on_a_dark_phone_to_a_saved_file(visit: Callable[..., Page]) -> None:
    visitor = Visitor(visit(*SCREENS["phone, dark"]))
    expect(visitor.page.locator("#subject")).to_contain_text("try another")
    visitor.run_example("asphalt-coin")
    expect(visitor.page.locator("#verdict")).to_be_in_viewport()
    expect(visitor.page.locator("#overlay")).to_be_in_viewport()
    expect(visitor.page.locator(".strip li")).to_have_count(1)
    _, table = visitor.download("get-csv")
    assert [row["photo"] for row in csv.DictReader(io.StringIO(table.decode()))] == ["asphalt-coin.jpg"]
    visitor.page.locator(".strip").scroll_into_view_if_needed()
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator(".strip button").first.click()
    visitor.finish(before)
    expect(visitor.page.locator("#verdict")).to_be_in_viewport()
