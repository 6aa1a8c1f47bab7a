"""What a visitor knows better: a region that does not count, and that a photo is normal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import findings_in_both_schemes
from tests.e2e.painting import paint_over
from tests.e2e.visitor import Visitor, photo

pytestmark = pytest.mark.e2e
DISC = 250, 240, 60
FOUND, NOTHING = "Something here does not belong", re.compile("Nothing (found|above)|Look here")


def judged_again(visitor: Visitor, press: str) -> None:
    """Press a button, after which the photo is judged again."""
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator(f"#{press}").click()
    visitor.finish(before)


def test_what_is_painted_over_is_judged_without(visitor: Visitor, tmp_path: Path) -> None:
    visitor.choose_method("self")
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    expect(visitor.card).to_contain_text(FOUND)
    found = visitor.facts().score
    visitor.page.get_by_role("button", name="Ignore a region").click()
    paint_over(visitor.page, "inspect", DISC)
    visitor.page.locator("#inspect-apply").click()
    expect(visitor.card).to_contain_text(NOTHING)
    assert visitor.facts().score < 0.5 * found
    visitor.page.locator("#inspect-clear").click()
    expect(visitor.card).to_contain_text(FOUND)
    assert visitor.facts().score == found


def test_a_normal_photo_is_known_from_then_on_until_that_is_taken_back(visitor: Visitor, tmp_path: Path) -> None:
    visitor.open_good_parts()
    visitor.upload(photo(tmp_path / "good.png"))
    visitor.run()
    judged_again(visitor, "say-normal")  # the first good part
    expect(visitor.page.locator("#said-card")).to_contain_text("1 photo joined the good parts.")
    visitor.upload(photo(tmp_path / "disc.png", disc=(210, 90)))
    visitor.run()
    expect(visitor.card).to_contain_text(FOUND)
    found = visitor.facts().score
    judged_again(visitor, "say-normal")
    expect(visitor.page.locator("#said-card")).to_contain_text("2 photos joined the good parts.")
    expect(visitor.card).not_to_contain_text(FOUND)
    assert visitor.facts().score < found
    assert not findings_in_both_schemes(visitor.page)
    (tmp_path / "said.jsonl").write_bytes(visitor.download("save-said")[1])
    rows = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert {(row["path"], row["label"]) for row in rows} == {("good.png", "normal"), ("disc.png", "normal")}
    judged_again(visitor, "say-back")
    expect(visitor.card).to_contain_text(FOUND)
    before = visitor.page.evaluate("seen.starts")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator("#load-said").click()
    chooser.value.set_files(tmp_path / "said.jsonl")
    visitor.finish(before)
    expect(visitor.page.locator("#said-card")).to_contain_text("2 photos joined the good parts.")
    expect(visitor.card).not_to_contain_text(FOUND)
