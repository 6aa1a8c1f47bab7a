"""Templates: what is put into one is escaped, what is missing is an error, and pictures travel within the page."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from jinja2 import UndefinedError

from maeday_core.drawing.html import png_uri, render

GREY = np.full((8, 12, 3), 128, np.uint8)


def test_text_is_escaped() -> None:
    html = render("figure", picture=GREY, caption='<script> & "quotes"')
    assert "<script>" not in html
    assert "&lt;script&gt; &amp; &#34;quotes&#34;" in html


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="caption"):
        render("figure", picture=GREY)


def test_a_picture_is_written_into_the_page() -> None:
    html = render("figure", picture=GREY, caption="grey")
    data = base64.b64decode(html.partition("data:image/jpeg;base64,")[2].partition('"')[0])
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == GREY.shape
    assert np.abs(shown.astype(int) - 128).max() < 4


def test_the_bytes_of_a_png_are_an_address() -> None:
    assert png_uri(b"abc") == "data:image/png;base64,YWJj"
