"""The page as a whole: what it loads at first, that nothing jumps, and that everybody can use it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.e2e.accessibility import findings
from tests.e2e.conftest import free_port
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.e2e
BARE = """
import sys, gradio
with gradio.Blocks(analytics_enabled=False) as page:
    page.launch(server_port=int(sys.argv[1]), quiet=True)
"""
MOST_BYTES, MOST_REQUESTS, MOST_SHIFT = 1.6, 1.5, 0.1
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
SHIFTS = """window.shifts = [];
const add = list => shifts.push(...list.getEntries().filter(one => !one.hadRecentInput).map(one => one.value));
new PerformanceObserver(add).observe({type: "layout-shift", buffered: true});"""
QUIET = """() => {
    const ends = performance.getEntriesByType("resource").map(one => one.responseEnd);
    return performance.now() - Math.max(0, ...ends) > 1000;
}"""
SUM = "shifts.reduce((sum, one) => sum + one, 0)"


@pytest.fixture(scope="module")
def bare() -> Iterator[str]:
    """The address of a page of Gradio's with nothing on it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()


def first_load(browser: Browser, url: str) -> tuple[int, int]:
    """The requests of a first visit, and their bytes on the way."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, finished = context.new_page(), []
    page.on("requestfinished", lambda request: finished.append(request))
    page.goto(url)
    page.locator("footer").wait_for()
    come_to_rest(page)
    sizes = [_bytes(request) for request in finished if request.url.startswith("http")]
    context.close()
    return len(sizes), sum(sizes)


def come_to_rest(page: Page) -> None:
    """Wait until nothing has been fetched for a second; the request that tells of the visit stays open."""
    page.wait_for_function(QUIET)


def _bytes(request: Request) -> int:
    sizes = request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def test_the_first_load_is_light(browser: Browser, app: str, bare: str) -> None:
    (requests, size), (least_requests, least_size) = first_load(browser, app), first_load(browser, bare)
    print(f"{requests} requests, {size / 1000:.0f} kB; a bare page: {least_requests}, {least_size / 1000:.0f} kB")
    assert requests <= MOST_REQUESTS * least_requests
    assert size <= MOST_BYTES * least_size


@pytest.mark.parametrize("size", SIZES)
def test_nothing_jumps_while_it_loads_and_while_results_come(visit: Callable[..., Page], app: str, size: str) -> None:
    page = visit(*SIZES[size])
    page.add_init_script(SHIFTS)
    page.goto(app)
    page.locator("#spoken").wait_for(state="attached")
    come_to_rest(page)
    loading = page.evaluate(SUM)
    assert loading <= MOST_SHIFT
    page.evaluate("shifts.length = 0")
    Visitor(page).run_example()
    expect(page.locator("#overlay img")).to_have_count(2)
    running = page.evaluate(SUM)
    assert running <= MOST_SHIFT
    print(f"{size}: shifts of {loading:.3f} while loading, {running:.3f} while results come")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_that_is_ours(visit: Callable[..., Page], app: str, theme: str) -> None:
    page = visit(*SIZES["desktop"])
    page.emulate_media(color_scheme=theme)
    page.goto(app)
    page.locator("#spoken").wait_for(state="attached")
    assert not findings(page)
    visitor = Visitor(page)
    visitor.run_example()
    visitor.open_settings()
    visitor.open_good_parts()
    page.get_by_role("button", name="All masks").click()
    expect(page.locator("#all-masks img").first).to_be_visible()
    assert not findings(page)
    page.get_by_role("tab", name="Frames").click()
    page.locator("#frames-start").wait_for()
    assert not findings(page)
    page.get_by_role("tab", name="How it works").click()
    page.locator("#how").wait_for()
    assert not findings(page)


def test_nothing_scrolls_sideways_at_320_px(visit: Callable[..., Page]) -> None:
    assert visit(320, 640).evaluate("document.scrollingElement.scrollWidth") <= 320
