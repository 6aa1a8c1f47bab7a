"""Painting over a thing in the editor of what is ignored."""

from __future__ import annotations

import io
import time

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from tests.e2e.visitor import PATIENCE

AROUND = 50
"""Pixels of the screen to each side of the middle of the thing."""


def paint_over(page: Page, tab: str, colour: tuple[int, int, int]) -> None:
    """Paint over the thing of a colour in the editor of a tab, once it is there and has come to rest."""
    before, place = None, _middle(page, tab, colour)
    deadline = time.monotonic() + PATIENCE / 1000
    while (place is None or place != before) and time.monotonic() < deadline:
        before, place = place, _middle(page, tab, colour)
    assert place, f"the editor does not show anything of {colour}"
    x, y = place
    page.mouse.move(x - AROUND, y - AROUND)
    page.mouse.down()
    for down in range(-AROUND, AROUND + 1, 6):
        for across in (-AROUND, AROUND):
            page.mouse.move(x + across, y + down, steps=4)
    page.mouse.up()
    assert _middle(page, tab, colour) is None, "it is not painted over"


def _middle(page: Page, tab: str, colour: tuple[int, int, int]) -> tuple[float, float] | None:
    """Where on the screen the editor shows the middle of what has the colour; None where it shows none."""
    canvas = page.locator(f"#{tab}-paint canvas").first
    canvas.scroll_into_view_if_needed()
    area = canvas.bounding_box()
    assert area
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip={**area}))).convert("RGB"), int)
    rows, columns = np.nonzero(abs(pixels - colour).max(axis=-1) < 30)
    return (area["x"] + float(columns.mean()), area["y"] + float(rows.mean())) if len(rows) else None
