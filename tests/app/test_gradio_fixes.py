"""Gradio's habits, mended: what a request may hold, and what is kept of it."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData, EditorDataBlobs
from gradio_client.utils import apply_diff
from hypothesis import given
from hypothesis import strategies as st

from app import gradio_fixes as fixes
from app.gradio_fixes import CLAMPED, MAX_BLOB_BYTES, MAX_BLOBS, OFFERED
from maeday_core import SettingsError
from tests.coroutines import finished

ODD = "that the page does not send"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1", [1], {}, b"1"])
def test_what_is_no_number_is_refused(value: object) -> None:
    for check, component in ((fixes.number, gr.Number()), (fixes.in_range, gr.Slider(0, 1, elem_classes=CLAMPED))):
        with pytest.raises(gr.Error, match=ODD):
            check(component, value)


def test_numbers_are_taken() -> None:
    assert fixes.number(gr.Number(), None) is None
    assert fixes.number(gr.Number(precision=0), 3.0) == 3
    assert fixes.in_range(gr.Slider(0, 1, elem_classes=CLAMPED), 10**300) == 1
    with pytest.raises(gr.Error):
        fixes.in_range(gr.Slider(0, 1), 2)


@pytest.mark.parametrize("value", [None, "c", 1.5, [], {}, float("nan")])
def test_a_choice_that_is_not_offered_is_refused(value: object) -> None:
    for component in (gr.Radio(["a", "b"], label="Method"), gr.Dropdown(["a", "b"], label="Method")):
        assert fixes.choice(component, "a") == "a"
        with pytest.raises(gr.Error, match=f"Method: .*{ODD}"):
            fixes.choice(component, value)


def test_a_choice_that_was_offered_before_is_for_its_handler_to_refuse() -> None:
    radio = gr.Radio(["a"], elem_classes=OFFERED)
    assert fixes.choice(radio, "patchcore") == "patchcore"
    with pytest.raises(gr.Error, match=ODD):
        fixes.choice(radio, None)


@pytest.mark.parametrize("value", [None, 1, "true", []])
def test_what_is_neither_yes_nor_no_is_refused(value: object) -> None:
    assert fixes.yes_or_no(gr.Checkbox(), False) is False
    with pytest.raises(gr.Error, match=ODD):
        fixes.yes_or_no(gr.Checkbox(), value)


def layer(key: str = "a", content: bytes = b"x", **fields: Any) -> SimpleNamespace:
    return SimpleNamespace(data={"type": "layer", "index": "0", "id": key, **fields}, files=[("layer", content)])


def test_of_many_layers_the_oldest_go() -> None:
    editor = gr.ImageEditor()
    for number in range(3 * MAX_BLOBS):
        fixes.accept_few_blobs(editor, layer(str(number)))
        assert len(editor.blob_storage) <= MAX_BLOBS
    assert list(editor.blob_storage)[-1] == str(3 * MAX_BLOBS - 1)
    assert next(iter(editor.blob_storage)) == str(2 * MAX_BLOBS)


def test_a_layer_is_kept_until_it_is_used_and_the_picture_beneath_is_not() -> None:
    editor = gr.ImageEditor()
    for kind in ("background", "composite"):
        fixes.accept_few_blobs(editor, layer(type=kind, index="null"))
    assert not editor.blob_storage
    fixes.accept_few_blobs(editor, layer(index="1", content=b"second"))
    fixes.accept_few_blobs(editor, layer(content=b"first"))
    assert fixes.layers_as_sent(editor, EditorData(id="a")) == [b"first", b"second"]
    assert not editor.blob_storage
    assert fixes.layers_as_sent(editor, EditorData(id="a")) == fixes.layers_as_sent(editor, None) == []


@pytest.mark.parametrize(
    "fields",
    [{"index": "4"}, {"index": "-1"}, {"index": 10**9}, {"key": "x" * 1000}, {"content": b"x" * (MAX_BLOB_BYTES + 1)}],
)
def test_a_layer_over_the_limits_is_refused(fields: dict[str, Any]) -> None:
    editor = gr.ImageEditor()
    with pytest.raises(gr.Error, match=ODD):
        fixes.accept_few_blobs(editor, layer(**fields))
    assert not editor.blob_storage


def test_too_many_layers_are_refused() -> None:
    editor = gr.ImageEditor()
    editor.blob_storage["a"] = EditorDataBlobs(background=None, composite=None, layers=[b"x"] * 5)
    with pytest.raises(gr.Error, match=ODD):
        fixes.layers_as_sent(editor, EditorData(id="a"))


@pytest.mark.parametrize("data", [None, {}, "x", {"value": 1}, [1]])
def test_a_click_may_leave_out_everything(data: object) -> None:
    event = gr.SelectData.__new__(gr.SelectData)
    fixes.place_selected(event, None, data)
    assert event.index is None
    assert event.row_value is None


def test_what_is_wrong_with_a_request_or_the_disk_is_told_and_a_mistake_is_not_hidden() -> None:
    def failing(error: Exception) -> Any:
        async def step() -> None:
            raise RuntimeError("Gradio's words") from error

        return fixes.saying_why(step)

    with pytest.raises(gr.Error, match="No space left on device"):
        finished(failing(OSError(errno.ENOSPC, "full"))())
    with pytest.raises(gr.Error, match="There is no method 'x'"):
        finished(failing(SettingsError("There is no method 'x'."))())
    with pytest.raises(RuntimeError, match="Gradio's words"):
        finished(failing(KeyError("x"))())


@pytest.mark.parametrize("data", [None, 5, [1], {}])
def test_an_event_that_says_nothing_says_nothing_of_anything(data: object) -> None:
    fixes.apply()
    assert getattr(gr.EventData(None, data), "number", None) is None
    assert gr.EventData(None, {"number": 5}).number == 5


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.text(), lambda one: st.dictionaries(st.text(), one) | st.lists(one)
)


@given(ANSWERS, ANSWERS)
def test_an_answer_that_waits_to_be_shown_is_not_changed_by_the_next(old: Any, new: Any) -> None:
    edits = fixes.difference(old, new)
    assert apply_diff(old, edits) == new
    assert all(path == [] for _, path, _ in edits)  # a browser changes what a path leads to where it lies


def test_a_camera_s_handler_is_told_how_many_frames_came() -> None:
    event = SimpleNamespace(streaming=True)
    bodies = [SimpleNamespace(event_data={"value": "data:"}) for _ in range(3)]
    for body in bodies:
        fixes.counted.fset(event, body)
    assert fixes.counted.fget(event) is bodies[-1]
    assert [body.event_data for body in bodies] == [{"number": number} for number in (1, 2, 3)]
    click = SimpleNamespace(event_data="clicked")
    fixes.counted.fset(SimpleNamespace(streaming=False), click)
    assert click.event_data == "clicked"


def test_a_camera_s_frame_is_taken_as_it_was_sent() -> None:
    camera = gr.Image(sources=["webcam"], streaming=True)
    assert fixes.as_sent(camera, SimpleNamespace(url="data:image/jpeg;base64,AA==", path=None)) is not None
    assert fixes.as_sent(camera, None) is None


def test_a_camera_sends_frames_as_often_as_is_asked() -> None:
    camera = gr.Image(sources=["webcam"], streaming=True)
    assert "stream_every" not in fixes.as_often(camera)
    camera.stream_every = 0.25
    assert fixes.as_often(camera)["stream_every"] == 0.25
    assert fixes.as_often(camera)["sources"] == ["webcam"]
