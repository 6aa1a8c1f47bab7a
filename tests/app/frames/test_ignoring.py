"""What is ignored: painted, or taken from a frame."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app.events import unchanged
from app.frames.batch import Batch
from app.frames.here import also_ignored
from app.frames.ignoring import first_frame
from app.paint import painted_mask
from maeday_core import ImageError
from tests.app.frames.wired import AUTOMATIC, Request, Wired


def test_paint_that_was_forgotten_is_not_passed_over(wired: Wired) -> None:
    watching, tab = wired.watching, wired.watching.tab
    *_, answer = watching.start({**wired.values(None), tab.run.files: ["a.png"], tab.ignore.painted: True}, Request())
    wired.check(watching.start, answer)
    assert "What was painted to be ignored was forgotten" in answer[tab.result.card]


def test_what_is_unusual_in_a_frame_is_ignored_in_all_until_nothing_is(wired: Wired, batch: Batch) -> None:
    judging, tab = wired.judging, wired.tab
    answer = judging.ignore_here(wired.values(batch, number=3))
    wired.check(judging.ignore_here, answer)
    ignored = answer[tab.batch]
    assert not ignored.judgement.anomalous
    assert ignored.said == {3: "ignored"}
    mask = answer[tab.ignore.mask]
    assert mask[40:50, 70:80].all()
    assert mask.mean() < 0.08
    assert answer[tab.result.chosen.number] == ignored.judgement.worst[0].record.number != 3
    again = ignored.judged_again(AUTOMATIC)
    assert again.judgement.anomalous
    assert not again.said
    painted = {**wired.values(ignored, number=0), tab.ignore.mask: mask}
    back = judging.take_back(painted)
    wired.check(judging.take_back, back)
    assert (back[tab.ignore.mask], back[tab.batch].said, back[tab.result.chosen.number]) == (None, {}, 3)
    assert back[tab.batch].judgement.anomalous
    kept = judging.take_back({**painted, tab.ignore.mask: mask.copy()})
    assert tab.ignore.mask not in kept  # something else is ignored by now


def test_a_frame_that_is_unusual_elsewhere_is_not_judged_by_what_is_ignored_in_it(wired: Wired, batch: Batch) -> None:
    judging, tab = wired.judging, wired.tab
    values = {**wired.values(batch, number=3), tab.result.auto: False, tab.result.limit: 0.01}
    answer = judging.ignore_here(values)
    left = answer[tab.batch]
    assert left.verdict(3).anomalous
    assert left.said == {}
    back = judging.take_back({**values, tab.batch: left, tab.ignore.mask: answer[tab.ignore.mask]})
    assert back[tab.ignore.mask] is None


def test_in_a_frame_without_an_object_the_ringed_place_is_ignored(batch: Batch) -> None:
    judgement = batch.judgement.at(0.95)
    mask = also_ignored(None, judgement, judgement.verdicts[3])
    assert mask is not None
    assert mask[40:50, 70:80].mean() > 0.8
    more = also_ignored(mask, judgement, judgement.verdicts[0])
    assert more is not None
    assert more.sum() > mask.sum()
    nothing = batch.run.judge(ignore=np.ones((1, 1), bool))
    assert also_ignored(None, nothing, nothing.verdicts[0]) is None


def test_the_first_frame_is_there_to_be_painted_on_before_a_run(
    wired: Wired, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.frames.ignoring.uploaded", lambda path: path)
    ignoring, panel = wired.ignoring, wired.tab.ignore
    files = [str(begun / "sources" / f"{number}.png") for number in range(8)]
    assert wired.tab.ignore.paint.visible is False  # not there before the panel opens
    answer = ignoring.open(False, files, 1.0, None, None)
    wired.check(ignoring.open, answer)
    assert answer[panel.paint].visible
    assert answer[panel.apply].interactive
    assert ignoring.open(True, files, 1.0, None, None) == unchanged()  # what is painted stays
    assert ignoring.take_files(False, files, 1.0) == unchanged()
    wired.check(ignoring.take_files, ignoring.take_files(True, files, 1.0))
    nothing = ignoring.open(False, None, 1.0, None, None)
    assert not nothing[panel.paint].visible
    assert not nothing[panel.apply].interactive
    picture = first_frame(files, 1.0)
    assert picture is not None
    assert picture.shape == (120, 180, 3)
    assert first_frame([str(begun / "none.png")], 1.0) is None


def test_after_a_run_the_chosen_frame_is_there_to_be_painted_on(wired: Wired, batch: Batch) -> None:
    ignoring, paint = wired.ignoring, wired.tab.ignore.paint
    answer, asked = ignoring.open(False, None, 1.0, batch, 3), ignoring.take_chosen(batch, True, 3)
    wired.check(ignoring.open, answer)
    assert answer[paint].value["background"]["path"] == asked[paint].value["background"]["path"]


def test_paint_becomes_a_mask() -> None:
    layer = np.zeros((4, 6, 4), np.uint8)
    assert painted_mask([]) is painted_mask([png(layer), png(layer[..., :3] + 255)]) is None
    layer[1, 2, 3] = 9
    mask = painted_mask([png(layer)])
    assert mask is not None
    assert mask.shape == (4, 6)
    assert np.argwhere(mask).tolist() == [[1, 2]]


def test_paint_of_a_large_frame_is_kept_small(wired: Wired) -> None:
    layer = np.zeros((1500, 4000, 4), np.uint8)
    layer[300:600, 1000:2000, 3] = 255
    mask = painted_mask([png(layer)])
    assert mask is not None
    assert mask.shape == (480, 1280)
    assert mask.dtype == bool
    assert mask.mean() == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("side", [7_100, 13_000, 60_000])
def test_paint_over_the_limit_is_refused_before_it_is_decoded(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="What is painted"):
        painted_mask([header_of_a_png(side)])


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_paint_that_cannot_be_read_is_named(wired: Wired, content: bytes) -> None:
    with pytest.raises(gr.Error, match="What is painted cannot be read"):
        wired.ignoring.taking.take_paint([content], None)


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def header_of_a_png(side: int) -> bytes:
    """The first bytes of a PNG that says it is that large."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
