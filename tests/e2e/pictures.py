"""Photographs of the page: `python -m tests.e2e.pictures` makes those of the README and the site.

With `--states DIR` it photographs every state instead, on a desktop and on a phone, light and dark, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.inspect.examples import EXAMPLES
from tests.app.servers import serving
from tests.conftest import ROOT
from tests.e2e.conftest import CHROMIUM, RECORDER
from tests.e2e.visitor import PATIENCE, Visitor

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
TALLEST = 1500
"""Pixels of a published picture: what a reader sees without scrolling past it."""
SETTLED = 1200
"""Milliseconds until what moves has come to rest."""
LARGE = 1600
"""Pixels of a side of a photo that is looked at through so many windows that its run can be photographed."""
Walk = Callable[[Visitor], Iterator[str]]
"""What a visitor does, giving the name of each state that is reached."""


def example(name: str) -> Path:
    """The file of an example."""
    return EXAMPLES / f"{name}.jpg"


def first(visitor: Visitor) -> Iterator[str]:
    """The page as it opens, its settings, and what it says where there is nothing to judge."""
    yield "first"
    visitor.open_settings()
    yield "settings"
    visitor.start()
    visitor.page.locator("#first").wait_for(state="hidden")
    yield "no-photo"
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jpg"
        notes.write_text("no picture")
        visitor.upload(notes)
        visitor.run()
    yield "problem"


def running(visitor: Visitor) -> Iterator[str]:
    """A run that takes long, stopped."""
    visitor.open_settings()
    visitor.set("masks", 64)
    with tempfile.TemporaryDirectory() as folder, Image.open(example("asphalt-coin")) as small:
        small.resize((LARGE, LARGE)).save(large := Path(folder) / "asphalt-coin.jpg")
        visitor.upload(large)
    visitor.start()
    visitor.page.locator("#verdict .busy .factor").wait_for()
    yield "running"
    visitor.stop.click()
    visitor.page.locator("#get-report:enabled").wait_for()
    yield "stopped"


def results(visitor: Visitor) -> Iterator[str]:
    """The three verdicts without good parts, and what there is to see of one."""
    page = visitor.page
    for name, state in (("metal-clean", "nothing"), ("gravel-coin", "missed"), ("asphalt-coin", "found")):
        visitor.run_example(name)
        yield state
    visitor.set("threshold", 2.4)
    page.locator("#verdict .look").wait_for()
    yield "look"
    page.locator("#heat img").click(position={"x": 40, "y": 60})
    page.locator("#places input:checked").wait_for(state="detached")
    yield "why"
    page.locator("#every-mask button").first.click()
    page.locator("#all-masks img").first.wait_for()
    yield "masks"
    visitor.choose_method("maeday")
    page.locator("#subject .earlier").wait_for()
    yield "earlier"


def several(visitor: Visitor) -> Iterator[str]:
    """Several photos in one drop, and two of them compared."""
    paths = [example(name) for name in ("linen-stain", "linen-clean", "brick-cup")]
    visitor.drop(*paths)
    visitor.page.locator(".strip li").nth(2).wait_for(timeout=5 * PATIENCE)
    visitor.page.locator("#get-report:enabled").wait_for()
    yield "several"
    for pin in visitor.page.locator(".pin").all()[:2]:
        pin.click()
    visitor.page.locator("#compared img").nth(1).wait_for()
    yield "compared"


def good_parts(visitor: Visitor) -> Iterator[str]:
    """Good parts: added, learned, used, doubted, saved, forgotten and loaded."""
    visitor.open_good_parts()
    yield "good-parts"
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#try-good-part").click()
    visitor.page.locator("#adapter .busy .curve").wait_for()
    yield "learning"
    visitor.adapter.and_(visitor.page.locator(".adapted")).wait_for(timeout=5 * PATIENCE)
    visitor.finish(before)
    yield "learned"
    for name, state in (("metal-clean", "nothing-with-good-parts"), ("brick-clean", "doubted")):
        visitor.run_example(name)
        yield state
    file, saved = visitor.download("get-adapter")
    visitor.page.locator("#forget").click()
    visitor.page.locator("#forget:disabled").wait_for()
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / file).write_bytes(saved)
        before = visitor.page.evaluate("seen.starts")
        visitor.load_adapter(path)
        visitor.finish(before)
    yield "loaded"
    visitor.page.locator("#shot-above").click()
    visitor.page.locator("#shots-shown li").nth(1).wait_for()
    before = visitor.page.evaluate("seen.starts")
    visitor.page.locator("#tune").click()
    visitor.page.locator("#adapter .busy .curve").wait_for()
    visitor.stop.click()
    visitor.finish(before)
    yield "doubted-good-parts"


def forgotten(visitor: Visitor) -> Iterator[str]:
    """What the server had no room for."""
    visitor.run_example()
    other = visitor.page.context.new_page()
    other.goto(visitor.page.url)
    other.locator("#spoken").wait_for(state="attached")
    Visitor(other).run_example()
    other.close()
    visitor.set("threshold", 0.5)
    visitor.page.locator("#verdict .problem").wait_for()
    yield "forgotten"


def frames(visitor: Visitor) -> Iterator[str]:
    """The example of frames: looked at, paused, done, judged."""
    page, start = visitor.page, visitor.page.locator("#frames-start")
    page.get_by_role("tab").nth(1).click()
    start.wait_for()
    yield "frames"
    start.click()
    page.locator("#frames-card .hint").wait_for()
    yield "frames-none"
    page.locator("#frames-example").click()
    page.locator("#frames-worst img").first.wait_for()
    yield "frames-running"
    page.locator("#frames-pause").click()
    page.locator("#frames-zip:enabled").wait_for()
    yield "frames-paused"
    start.click()
    page.locator("#frames-start:disabled").wait_for()
    page.locator("#frames-start:enabled").wait_for(timeout=5 * PATIENCE)
    page.locator("#frames-zip:enabled").wait_for()
    yield "frames-done"
    yield from triage(page)


def triage(page: Page) -> Iterator[str]:
    """A frame chosen, nothing above the limit, a region that is ignored, and all frames judged."""
    page.locator("#frames-dot-1").click(force=True)
    page.locator("#frames-facts").get_by_text("frame-02.jpg").wait_for()
    yield "frames-chosen"
    page.locator("#frames-threshold input[type=number]").fill("99")
    page.locator("#frames-threshold input[type=number]").press("Enter")
    page.wait_for_timeout(SETTLED)
    page.locator("#frames-zip:enabled").wait_for()
    yield "frames-nothing"
    page.locator("#frames-auto input").check()
    page.wait_for_timeout(SETTLED)
    page.locator("#frames-zip:enabled").wait_for()
    page.locator("#frames-ignore button").first.click()
    page.locator("#frames-paint canvas").first.wait_for()
    page.wait_for_timeout(SETTLED)  # the editor lays its picture out
    area = page.locator("#frames-paint canvas").first.bounding_box()
    assert area
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2 + 40, area["y"] + area["height"] / 2 + 20, steps=5)
    page.mouse.up()
    page.locator("#frames-apply").click()
    page.locator("#frames-zip:disabled").wait_for()
    page.locator("#frames-zip:enabled").wait_for()
    yield "frames-ignored"
    while page.locator(".frames-judged:not(.all)").count():
        page.locator("#frames-object").click()
        page.wait_for_timeout(SETTLED)
    yield "frames-judged"


def how(visitor: Visitor) -> Iterator[str]:
    """How it works."""
    visitor.page.get_by_role("tab").nth(2).click()
    visitor.page.locator("#how-steps img").first.wait_for()
    yield "how"


WALKS: dict[str, Walk] = {
    walk.__name__: walk for walk in (first, running, results, several, good_parts, forgotten, frames, how)
}
PUBLISHED = {"inspect": (good_parts, "learned"), "frames": (frames, "frames-done")}


def visit(browser: Browser, url: str, size: str, language: str) -> Visitor:
    """Somebody who has just come."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, locale=language)
    context.add_init_script(RECORDER)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    page.locator("#spoken").wait_for(state="attached")
    return Visitor(page)


def publish(browser: Browser, url: str) -> None:
    """Make the pictures of the README and the site."""
    for name, (walk, wanted) in PUBLISHED.items():
        visitor, to = visit(browser, url, "desktop", "en"), ROOT / "docs" / f"{name}.png"
        next(state for state in walk(visitor) if state == wanted)
        visitor.page.wait_for_timeout(SETTLED)
        visitor.page.screenshot(path=to, full_page=True)
        visitor.page.context.close()
        with Image.open(to) as page:
            top = page.convert("RGB").crop((0, 0, page.width, min(page.height, TALLEST)))
        top.quantize(256, kmeans=2).save(to, optimize=True)


def photograph(visitor: Visitor, to: Path) -> None:
    """A state as it is seen without scrolling, and all of the page, in every scheme."""
    for scheme in SCHEMES:
        visitor.page.emulate_media(color_scheme=scheme)
        visitor.page.wait_for_timeout(SETTLED / 2)
        visitor.page.screenshot(path=f"{to}-{scheme}.png")
        visitor.page.screenshot(path=f"{to}-{scheme}-all.png", full_page=True)
        print(to.name, scheme, flush=True)


def main() -> None:
    """Serve the page and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=Path, metavar="DIR", help="photograph every state into this folder")
    parser.add_argument("--only", nargs="+", choices=WALKS, default=list(WALKS), help="the states of these walks alone")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--language", default="en", help="that the browser asks for")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        with serving(Path(folder), MAEDAY_KEPT_MB="0.1") as server:  # one visitor's result pushes out another's
            if asked.states is None:
                return publish(browser, server.url)
            asked.states.mkdir(parents=True, exist_ok=True)
            for name in asked.only:
                for size in asked.sizes:
                    visitor = visit(browser, server.url, size, asked.language)
                    for state in WALKS[name](visitor):
                        photograph(visitor, asked.states / f"{state}-{size}")
                    visitor.page.context.close()


if __name__ == "__main__":
    main()
