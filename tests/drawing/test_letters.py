"""Names in figures: any letters, any length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from maeday_core.drawing.letters import MISSING, cut, in_letters_at_hand


@given(st.text(max_size=20))
def test_any_text_is_drawn_without_a_warning(text: str) -> None:
    figure = Figure()
    figure.supxlabel(in_letters_at_hand(text), parse_math=False)
    figure.canvas.draw()


def test_letters_of_the_font_stay() -> None:
    assert in_letters_at_hand("plate $5 äß\nЖ") == "plate $5 äß\nЖ"
    assert in_letters_at_hand("部.png") == f"{MISSING}.png"


@given(st.text(max_size=200), st.integers(20, 100))
def test_a_long_name_keeps_its_start_and_its_ending(name: str, longest: int) -> None:
    short = cut(name, longest)
    assert short == name if len(name) <= longest else len(short) == longest
    assert short.endswith(name[-9:])
    assert short.startswith(name[: longest - 10])
