"""What is ignored on a photo: painted or loaded, judged again, kept with the question, and learned with."""

from __future__ import annotations

import io
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app.events import unchanged
from app.inspect.asking import asked
from app.inspect.ignoring import Ignoring
from maeday_core import SettingsError, Tools
from tests.app.inspect.wired import Request, Wired

LEFT = np.zeros((8, 8), bool)
LEFT[:, :4] = True


def ignoring(wired: Wired) -> Ignoring:
    return wired.owner(Ignoring)


def png(mask: np.ndarray) -> bytes:
    layer = np.zeros((*mask.shape, 4), np.uint8)
    layer[mask] = 255
    Image.fromarray(layer).save(file := io.BytesIO(), "png")
    return file.getvalue()


def test_the_photo_is_there_to_be_painted_on(wired: Wired, picture: str) -> None:
    handlers, panel = ignoring(wired), wired.inspection.tab.ignore
    nothing = handlers.open(False, None)
    wired.check(handlers.open, nothing)
    assert (nothing[panel.paint].visible, nothing[panel.apply].interactive) == (False, False)
    answer = handlers.open(False, picture)
    assert (answer[panel.paint].visible, answer[panel.interest].interactive) == (True, True)
    assert handlers.open(True, picture) == handlers.change_photo(False, picture) == unchanged()


def test_what_is_painted_or_loaded_adds_up(wired: Wired, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ignoring.uploaded", lambda path: path)
    taking, panel = ignoring(wired).taking, wired.inspection.tab.ignore
    painted = taking.take_paint([png(LEFT)], None)
    assert np.array_equal(painted[panel.mask], LEFT)
    assert (painted[panel.painted], painted[panel.save].interactive) == (True, True)
    interest = taking.take_interest([png(LEFT.T)], LEFT)
    assert np.array_equal(interest[panel.mask], LEFT | ~LEFT.T)
    Image.fromarray(LEFT.T.astype(np.uint8) * 255).save(tmp_path / "mask.png")
    loaded = taking.take_file(str(tmp_path / "mask.png"), LEFT)
    assert set(loaded) <= panel.taken | {panel.load}
    assert np.array_equal(loaded[panel.mask], LEFT | LEFT.T)
    saved = np.asarray(Image.open(loaded[panel.save].value["path"]))
    assert np.array_equal(saved > 0, LEFT | LEFT.T)
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(gr.Error, match=r"mask\.png"):
        taking.take_file(str(tmp_path / "mask.png"), LEFT)
    assert ignoring(wired).clear(False, None)[panel.mask] is None


def test_the_photo_is_judged_again_without_what_is_ignored(wired: Wired, picture: str, tiny: Tools) -> None:
    inspection, tab = wired.inspection, wired.inspection.tab
    values = wired.values(inspection.detect_anew, query=picture, method="self")
    assert next(inspection.detect_anew({**values, tab.photo: None})) == unchanged()
    values |= {tab.ignore.mask: LEFT, tab.ignore.painted: True}
    *_, answer = inspection.detect_anew(values)
    wired.check(inspection.detect_anew, answer)
    (one,) = answer[tab.strip.kept].entries
    assert one.question.region is not None
    assert one.facts["ignored"] == one.question.region.id
    assert one.whole is not None
    view = one.whole.view
    half = view.result.error_map.shape[1] // 2
    assert view.result.error_map[:, :half].max() == 0 < view.result.error_map[:, half:].min()
    without = asked(tab, {**values, tab.ignore.mask: None, tab.ignore.painted: False}, Path(picture))
    assert not without.is_again(one.question)


def test_what_is_ignored_is_learned_with_and_not_forgotten_in_silence(wired: Wired, picture: str, tiny: Tools) -> None:
    learning, tab = wired.learning, wired.inspection.tab
    values = wired.values(learning.fine_tune, **{"method": "patchcore"})
    values |= {tab.good_parts.shots.kept: (picture,), tab.ignore.mask: LEFT, tab.ignore.painted: True}
    *_, answer = learning.fine_tune(values, Request())
    assert answer[tab.good_parts.reference].region is not None
    assert np.array_equal(answer[tab.good_parts.reference].region.ignored, LEFT)
    asking = wired.values(wired.inspection.detect, query=picture) | {tab.ignore.painted: True}
    with pytest.raises(SettingsError, match="was forgotten"):
        asked(tab, asking, Path(picture))
