"""A picture that can be shown large: alone, or one over another with a slider between them."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.html import render
from maeday_core.io.images import RGBImage
from maeday_core.texts import say

ENLARGE = """
element.addEventListener("click", event => {
    if (!event.target.closest(".enlarge")) return;
    if (!element.requestFullscreen) element.classList.toggle("large");
    else if (document.fullscreenElement) document.exitFullscreen();
    else element.requestFullscreen();
});
"""
"""Telephones may show no element on all of their screen; there it covers the page."""
COMPARE = f"""
let place = 4;
const move = () => {{
    const slider = element.querySelector("input");
    if (!slider) return;
    slider.value = place;
    slider.parentElement.style.setProperty("--at", place);
}};
element.addEventListener("input", event => {{ place = Number(event.target.value); move(); }});
watch("value", move);
{ENLARGE}"""


def figure(label: str, pictures: Sequence[tuple[RGBImage, str]], slider: str = "") -> Markup:
    """One or two pictures (h, w, 3) of one shape, each with what it shows in words.

    Args:
        label: above them.
        pictures: the second one lies over the first.
        slider: what the slider between them does.
    """
    height, width = pictures[0][0].shape[:2]
    return render(
        "map", label=label, pictures=pictures, slider=slider, ratio=f"{width / height:.4f}", large=say("Show large")
    )
