"""Errors as a visitor may read them."""

from __future__ import annotations

import errno
import logging

import gradio as gr
import pytest

from app.errors import sentence, without_folders
from maeday_core import ImageError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/tmp/gradio/5f/notes.jpg is not a picture", "notes.jpg is not a picture"),
        ("notes.jpg is not a picture", "notes.jpg is not a picture"),
        ("see https://example.org/a/b for more", "see https://example.org/a/b for more"),
        ("72 km/h and 3/4", "72 km/h and 3/4"),
    ],
)
def test_folders_of_the_server_are_left_out(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_an_error_of_the_engine_is_told_in_its_own_words(caplog: pytest.LogCaptureFixture) -> None:
    assert sentence(ImageError("/srv/a.jpg is empty."), "another photo") == "a.jpg is empty."
    assert sentence(gr.Error("Not uploaded here."), "another photo") == "Not uploaded here."
    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/srv/tmp/a.npy"),
        OSError("65536 requested and 6112 written"),
        ValueError("Error while serializing: I/O error: No space left on device (os error 28)"),
        PermissionError(errno.EACCES, "Permission denied", "/srv/tmp"),
    ],
)
def test_a_disk_that_is_full_or_closed_is_named_without_its_folders(error: Exception) -> None:
    shown = sentence(error, "another photo")
    assert shown.startswith("This server cannot write its files (")
    assert "/srv" not in shown
    assert "mistake" not in shown


def test_a_mistake_of_the_program_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        shown = sentence(KeyError("secret"), "another photo")
    assert shown == "The program made a mistake; its log says more. Try again, or another photo."
    assert caplog.records[0].exc_info
