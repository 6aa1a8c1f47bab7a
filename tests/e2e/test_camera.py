"""A camera's frames, judged live in a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import findings
from tests.e2e.visitor import SCREENS

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("screen", SCREENS)
def test_a_scratched_part_before_the_camera_is_an_alarm_that_opens_in_inspect(
    visit: Callable[..., Page], screen: str
) -> None:
    page = visit(*SCREENS[screen])
    page.get_by_role("tab", name="Camera").click()
    expect(page.locator("#camera-card")).to_contain_text("No frame yet")
    expect(page.locator("#camera-judged-by")).to_contain_text("Ensemble, without good parts")
    record = page.locator("#camera .button-wrap")
    page.locator("#camera [title='grant webcam access'] button").click()
    record.get_by_text("Record").click()
    alarm = page.locator("#camera-alarms button").first
    expect(alarm).to_contain_text("x the limit")
    expect(page.locator("#camera-picture img")).to_be_visible()
    expect(page.locator("#spoken")).to_have_text(re.compile(r"Alarm \d"))
    record.get_by_text("Stop").click()
    said = page.locator("#camera-progress").inner_text()
    judged, dropped = map(int, re.findall(r"(?:judged|meanwhile): (\d+)", said))
    assert judged >= 1
    assert dropped >= 1  # four frames a second while the model loads
    assert not findings(page)
    with page.expect_download() as download:
        page.locator("#camera-csv").click()
    with open(download.value.path()) as file:
        verdicts = [row["verdict"] for row in csv.DictReader(file)]
    assert len(verdicts) >= judged
    assert "anomalous" in verdicts
    alarm.click()
    expect(page.locator("#verdict h2")).to_have_text("Something here does not belong")
    expect(page.locator("#subject")).to_contain_text("camera-alarm-1.jpg, by Ensemble, without good parts")
