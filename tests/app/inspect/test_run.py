"""Runs of a detection, and how they end."""

from __future__ import annotations

import numpy as np
import pytest

from app import temporary
from app.events import unchanged
from maeday_core import Reference, Tools
from maeday_core.drawing.shown import mask_count
from tests.app.inspect.wired import Request, Wired, view
from tests.drawing.detections import HEIGHT, WIDTH, reconstructed


def test_answers_without_a_result_change_nothing_but_the_end_of_a_run(wired: Wired) -> None:
    do = wired.inspection
    for handler in (do.looks.redraw, do.looks.set_automatic, do.looks.files):
        assert handler(wired.values(handler)) == unchanged()
    assert do.looks.show_mask(None, 1, False) == do.looks.show_all_masks(None, False, True) == unchanged()
    assert do.looks.allow(wired.values(do.looks.allow))[do.tab.result.auto] is True
    ended = do.end(wired.values(do.end))
    wired.check(do.end, ended)
    assert "Nothing was computed" in ended[do.tab.result.verdict]


def test_the_end_of_a_run_reported_twice_changes_nothing_more(wired: Wired) -> None:
    do = wired.inspection
    first = do.end(wired.values(do.end, view(reconstructed(masks=1))))
    wired.check(do.end, first)
    assert "Stopped after 1 of 3 masks." in first[do.tab.result.verdict]
    assert np.load(first[do.tab.result.error_map].constructor_args["value"]).shape == (HEIGHT, WIDTH)
    assert do.end(wired.values(do.end, first[do.tab.shown])) == unchanged()


def test_a_detection_without_a_photo_is_a_problem(wired: Wired) -> None:
    do = wired.inspection
    (answer,) = do.detect(wired.values(do.detect))
    wired.check(do.detect, answer)
    assert "There is no photo yet" in answer[do.tab.result.verdict]
    assert answer[do.tab.shown] is None
    assert list(do.detect_again(wired.values(do.detect_again))) == [unchanged()]
    learned = {do.tab.good_parts.reference: Reference({"maeday": object()}, "maeday")}
    (answer,) = do.detect_again(wired.values(do.detect_again) | learned)
    wired.check(do.detect_again, answer)
    assert "Now add a photo" in answer[do.tab.result.verdict]


def test_a_setting_out_of_range_is_explained(wired: Wired, picture: str) -> None:
    do = wired.inspection
    values = wired.values(do.detect, query=picture) | {do.tab.settings.seed: -1}
    (answer,) = do.detect(values)
    assert "The seed is -1; choose a whole number from 0 to 9007199254740991." in answer[do.tab.result.verdict]


def test_judging_again_begins_without_a_result_that_stop_could_bring_back(wired: Wired, picture: str) -> None:
    do = wired.inspection
    first = next(do.detect_again(wired.values(do.detect_again, query=picture)))
    assert first[do.tab.shown] is None
    assert first[do.tab.showing] is False


def test_a_detection_sharpens_and_ends_with_files(wired: Wired, tiny: Tools, picture: str) -> None:
    do = wired.inspection
    answers = list(do.detect(wired.values(do.detect, query=picture, masks=4, method="maeday")))
    for answer in answers:
        wired.check(do.detect, answer)
    loading, *shown_so_far, files = answers
    assert "Loading" in loading[do.tab.result.verdict]
    views = [answer[do.tab.shown] for answer in shown_so_far]
    assert [mask_count(view.result) for view in views] == [1, 4]
    assert [answer[do.tab.stop].interactive for answer in shown_so_far] == [True, False]
    error_map = np.load(files[do.tab.result.error_map].constructor_args["value"])
    assert error_map.shape == (HEIGHT, WIDTH)
    assert error_map.max() == views[-1].result.image_score
    assert do.looks.show_all_masks(views[-1], False, True)[do.tab.result.masks.gallery].count("<img") == 4


def test_without_space_for_temporary_files_nothing_begins(
    wired: Wired, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "LEAST_FREE", 10**18)
    do, tune = wired.inspection, wired.learning.fine_tune
    (answer,) = do.detect(wired.values(do.detect, query=picture))
    assert "There is no space left on this server" in answer[do.tab.result.verdict]
    (answer,) = tune(wired.values(tune) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    assert "There is no space left on this server" in answer[do.tab.good_parts.card]
