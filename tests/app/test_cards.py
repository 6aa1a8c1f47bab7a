"""The page's own cards."""

from __future__ import annotations

from markupsafe import Markup

from app.cards import loss_curve, message


def test_a_message_escapes_its_words_and_keeps_markup_beneath() -> None:
    card = message("<b>", "a & b", "problem", Markup("<p>more</p>"))
    assert 'class="verdict problem"' in card
    assert "<h2>&lt;b&gt;</h2><p>a &amp; b</p><p>more</p>" in card


def test_text_beneath_a_message_is_escaped_unless_it_is_markup() -> None:
    assert "<script>" not in message("Title", beneath="<script>")  # type: ignore[arg-type]


def test_a_loss_curve_falls_from_the_left_to_the_right() -> None:
    curve = loss_curve([2.0, 1.0, 0.0], steps=3)
    assert 'points="0.0,4.0 150.0,24.0 300.0,44.0"' in curve
    assert 'aria-label="Loss from 2.0000 to 0.0000"' in curve
    assert loss_curve([1.0], steps=3) == ""
