"""Names of files in figures: they may be of any letters, and as long as a file system allows."""

from __future__ import annotations

from matplotlib.font_manager import FontProperties, findfont, get_font

MISSING = "□"


def in_letters_at_hand(text: str) -> str:
    """The text, with a box for each letter that the figure's font lacks; Matplotlib would draw one too, and warn."""
    font = get_font(findfont(FontProperties()))
    return "".join(letter if letter == "\n" or font.get_char_index(ord(letter)) else MISSING for letter in text)


def cut(name: str, longest: int) -> str:
    """A name without its middle where it is longer than `longest` letters."""
    return name if len(name) <= longest else f"{name[: longest - 10]}…{name[-9:]}"
