"""Good parts: learned, saved, loaded, forgotten."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from app.inspect import good_parts
from app.inspect.learning import checked, decodable
from maeday_core import (
    ImageError,
    SettingsError,
    Tools,
)
from tests.app.inspect.wired import Request, Wired


def test_good_parts_are_learned_and_the_photo_is_judged_without_and_with_them(
    wired: Wired, tiny: Tools, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    do, tune = wired.inspection, wired.learning.fine_tune
    given = wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}
    answers = list(tune(given, Request()))
    for answer in answers:
        wired.check(tune, answer)
    cards = " ".join(answer[do.tab.good_parts.card] for answer in answers)
    for doing in ("Learning", "Measuring", "Remembering"):
        assert f"{doing} what is normal" in cards
    reference = answers[-1][do.tab.good_parts.reference]
    assert reference.shots == 1
    assert "Learned from 1 good part" in answers[-1][do.tab.good_parts.card]
    named = good_parts.renamed(do.tab.good_parts, reference, "cable 7")
    assert named[do.tab.good_parts.reference].name.startswith("cable-7-1-good-")
    saved = named[do.tab.good_parts.download].value["path"]
    assert Path(saved).stem == named[do.tab.good_parts.reference].name
    assert named[do.tab.good_parts.reference].learned is reference.learned
    offered = do.asking.offer_methods(reference, "maeday")[do.tab.settings.method]
    assert "patchcore" in [name for _, name in offered.choices]

    given = wired.values(do.detect, query=picture, masks=2) | {do.tab.good_parts.reference: reference}
    *_, judged, _ = do.detect(given)
    view = judged[do.tab.shown]
    assert view.before.result.threshold.shots == 0
    assert view.result.threshold.shots == 1
    assert "Before and after the good parts" in judged[do.tab.result.before_and_after].value


def test_stop_keeps_what_was_learned(wired: Wired, tiny: Tools, picture: str) -> None:
    do, tune = wired.inspection, wired.learning.fine_tune
    answers = tune(wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    for answer in answers:
        if "Step 1 of 3" in answer[do.tab.good_parts.card]:
            wired.learning.stop(Request())
    assert answer[do.tab.good_parts.reference].learned["maeday"].steps == 1


def test_photos_that_cannot_be_read_are_left_out_by_name(picture: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("no picture")
    readable, left_out = decodable([Path(picture), notes])
    assert readable == [Path(picture)]
    assert len(left_out) == 1
    assert left_out[0].startswith("notes.jpg is not a picture")
    with pytest.raises(ImageError, match=r"notes\.jpg is not a picture"):
        decodable([notes])


def test_learning_without_photos_is_a_problem_and_keeps_the_reference(wired: Wired) -> None:
    tune, panel = wired.learning.fine_tune, wired.inspection.tab.good_parts
    (answer,) = tune(wired.values(tune), Request())
    wired.check(tune, answer)
    assert "There are no photos of good parts yet" in answer[panel.card]
    assert panel.reference not in answer


def test_too_many_photos_are_refused() -> None:
    with pytest.raises(SettingsError, match="9 photos of good parts were given; keep 1 to 8"):
        checked(["a.png"] * 9)


def test_good_parts_that_were_forgotten_are_not_passed_over(wired: Wired, picture: str) -> None:
    do, panel = wired.inspection, wired.inspection.tab.good_parts
    for handler in (do.detect, do.detect_again, do.detect_incoming):
        values = wired.values(handler, query=picture, method="patchcore") | {panel.adapted: True, do.tab.incoming: None}
        *_, answer = handler(values)
        wired.check(handler, answer)
        assert "forgotten; load or learn them again" in answer[do.tab.result.verdict]
        assert "forgotten; load or learn them again" in answer[panel.card]
        assert answer[panel.adapted] is False
        assert answer[do.tab.settings.method].value == "ensemble"
        assert answer[do.tab.shown] is None


def test_a_failed_load_says_that_the_good_parts_were_forgotten(wired: Wired) -> None:
    panel = wired.inspection.tab.good_parts
    answer = good_parts.load(panel, "none.safetensors", None, True)
    assert "forgotten; load or learn them again" in answer[panel.card]
    assert answer[panel.adapted] is False
    assert "forgotten" not in good_parts.load(panel, "none.safetensors", None, False)[panel.card]


def test_stop_without_a_fine_tuning_keeps_nothing(wired: Wired) -> None:
    wired.learning.stop(type("Request", (), {"session_hash": "x" * 10**6}))
    assert not wired.learning.tuning


def test_what_was_learned_stays_in_use_where_it_cannot_be_saved(
    wired: Wired, tiny: Tools, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(reference: object, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(good_parts, "save_reference", full)
    do, tune = wired.inspection, wired.learning.fine_tune
    *_, answer = tune(wired.values(tune, masks=2) | {do.tab.good_parts.shots.kept: [picture]}, Request())
    assert answer[do.tab.good_parts.reference].shots == 1
    assert answer[do.tab.good_parts.adapted] is True
    assert (
        "cannot be saved. This server cannot write its files (No space left on device)"
        in (answer[do.tab.good_parts.card])
    )
    assert not answer[do.tab.good_parts.download].interactive
