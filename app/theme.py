"""The page's colours and letters: in both themes text is told from its ground, 4.5 : 1 at least."""

from __future__ import annotations

from typing import Any

import gradio as gr

FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONOSPACE = ["ui-monospace", "monospace"]
"""The visitor's own: nothing is fetched."""
COLOURS = {
    "block_border_width": ("1px", "1px"),
    "input_border_width": ("1px", "1px"),
    "input_border_color": ("*neutral_300", "*border_color_primary"),
    "button_secondary_background_fill": ("*neutral_200", "*neutral_600"),
    "button_secondary_background_fill_hover": ("*neutral_300", "*neutral_500"),
    "button_primary_background_fill": ("*primary_700", "*primary_700"),
    "button_primary_background_fill_hover": ("*primary_800", "*primary_800"),
    "checkbox_label_background_fill_selected": ("*primary_700", "*primary_700"),
    "checkbox_border_color": ("*neutral_500", "*neutral_400"),
    "checkbox_border_color_hover": ("*neutral_700", "*neutral_200"),
    "checkbox_background_color_selected": ("*primary_800", "*primary_800"),
    "link_text_color": ("*primary_700", "*primary_300"),
    "slider_color": ("*primary_700", "*primary_300"),
    "block_info_text_color": ("*neutral_600", "*neutral_300"),
    "body_text_color_subdued": ("*neutral_600", "*neutral_300"),
    "input_placeholder_color": ("*neutral_500", "*neutral_400"),
    "block_label_background_fill": ("*background_fill_primary", "*background_fill_secondary"),
    "block_label_text_color": ("*body_text_color", "*body_text_color"),
    "block_title_background_fill": ("none", "none"),
    "block_title_text_color": ("*body_text_color", "*body_text_color"),
}
"""By light and by dark."""


def theme() -> gr.themes.Base:
    """The theme of the page."""
    soft = gr.themes.Soft(primary_hue="orange", neutral_hue="slate", font=FONTS, font_mono=MONOSPACE)
    colours: dict[str, Any] = {}
    for name, (light, dark) in COLOURS.items():
        colours |= {name: light, f"{name}_dark": dark}
    return soft.set(color_accent="*primary_700", block_title_padding="0", **colours)
