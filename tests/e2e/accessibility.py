"""What axe finds on a page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRADIOS = {
    "aria-prohibited-attr": (".empty",),
    "nested-interactive": ("common.upload", ".toast-header"),
    "target-size": ("a[download",),  # around a button of its size
}
"""What axe finds in elements whose attributes are Gradio's: by its rule, the elements."""
FADED = 800
"""Milliseconds until colours that fade into others are there."""
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
"""All rules that are on by default, and targets of 24 px."""


def findings_in_both_schemes(page: Page) -> list[str]:
    """The same in light and in dark, each with its scheme; dark stays."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(FADED)
        found += [f"{scheme}: {one}" for one in findings(page)]
    return found


def findings(page: Page) -> list[str]:
    """The critical and serious ones, each with its element, without those that are Gradio's."""
    rules = Axe().run(page, options=OPTIONS).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in rules
        if rule["impact"] in ("critical", "serious")
        for node in rule["nodes"]
        if not any(place in str(node["target"]) for place in GRADIOS.get(rule["id"], ()))
    ]
