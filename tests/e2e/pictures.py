"""Photographs of the page: `python -m tests.e2e.pictures` makes those of the README and the site.

With `--states DIR` it also photographs every state, on a desktop and on a phone, light and dark, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.app.servers import serving
from tests.conftest import ROOT
from tests.e2e.conftest import CHROMIUM, RECORDER
from tests.e2e.visitor import PATIENCE, Visitor

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
TALLEST = 1500
"""Pixels of a published picture: what a reader sees without scrolling past it."""
SCHEMES = ("light", "dark")


def example(name: str) -> Callable[[Visitor], None]:
    """One example, inspected."""
    return lambda visitor: visitor.run_example(name)


def with_a_good_part(visitor: Visitor) -> None:
    """The example of good parts: learned, and judged before and after."""
    visitor.open_good_parts()
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#try-good-part").click()
    visitor.adapter.and_(visitor.page.locator(".adapted")).wait_for(timeout=5 * PATIENCE)
    visitor.finish(before)


def compared(visitor: Visitor) -> None:
    """Two examples side by side."""
    for name in ("linen-stain", "linen-clean"):
        visitor.run_example(name)
    for pin in visitor.page.locator(".pin").all():
        pin.click()
    visitor.page.locator("#compared img").nth(1).wait_for()


def a_problem(visitor: Visitor) -> None:
    """A file that is no picture."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jpg"
        notes.write_text("no picture")
        visitor.upload(notes)
        visitor.run()


def settings(visitor: Visitor) -> None:
    """The method and the settings."""
    visitor.open_settings()


def frames(visitor: Visitor) -> None:
    """The Frames tab as it is opened."""
    visitor.page.get_by_role("tab", name="Frames").first.click()
    visitor.page.locator("#frames-start").wait_for()


def frames_looked_at(visitor: Visitor) -> None:
    """The example of frames, looked at."""
    frames(visitor)
    visitor.page.locator("#frames-example").click()
    visitor.page.wait_for_function("document.querySelector('#frames-start').disabled")
    visitor.page.wait_for_function("!document.querySelector('#frames-start').disabled", timeout=5 * PATIENCE)


def how(visitor: Visitor) -> None:
    """How it works."""
    visitor.page.get_by_role("tab", name="How it works").first.click()
    visitor.page.locator("#how-steps img").first.wait_for()


STATES: dict[str, Callable[[Visitor], None]] = {
    "first": lambda visitor: None,
    "found": example("asphalt-coin"),
    "missed": example("gravel-coin"),
    "clean": example("metal-clean"),
    "good-part": with_a_good_part,
    "compared": compared,
    "problem": a_problem,
    "settings": settings,
    "frames": frames,
    "frames-done": frames_looked_at,
    "how": how,
}
PUBLISHED = {"inspect": with_a_good_part, "frames": frames_looked_at}


def photograph(browser: Browser, url: str, size: str, scheme: str, state: Callable[[Visitor], None], to: Path) -> None:
    """One state as a visitor sees it who has just come to it, and all of the page."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_init_script(RECORDER)
    page: Page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.locator("#spoken").wait_for(state="attached")
    state(Visitor(page))
    page.wait_for_timeout(1500)
    page.screenshot(path=to)
    page.screenshot(path=to.with_stem(f"{to.stem}-all"), full_page=True)
    context.close()


def main() -> None:
    """Serve the page and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=Path, metavar="DIR", help="photograph every state into this folder")
    parser.add_argument("--only", nargs="+", choices=STATES, default=list(STATES), help="these states alone")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        if asked.states is None:
            for name, state in PUBLISHED.items():
                to = Path(folder) / f"{name}.png"
                photograph(browser, server.url, "desktop", "light", state, to)
                with Image.open(to.with_stem(f"{name}-all")) as page:
                    top = page.convert("RGB").crop((0, 0, page.width, min(page.height, TALLEST)))
                    top.quantize(256).save(ROOT / "docs" / f"{name}.png", optimize=True)
            return
        asked.states.mkdir(parents=True, exist_ok=True)
        for name in asked.only:
            for size in SIZES:
                for scheme in SCHEMES:
                    to = asked.states / f"{name}-{size}-{scheme}.png"
                    photograph(browser, server.url, size, scheme, STATES[name], to)
                    print(to, flush=True)


if __name__ == "__main__":
    main()
