"""What is said of a photo changes the next verdicts, is saved, and can be taken back wholly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from app.events import unchanged
from app.inspect import correcting
from app.inspect.correcting import Correcting
from app.inspect.said import Said
from maeday_core import PATCHCORE, Reference, Tools, learn, load_image
from maeday_core.detection.feedback import moved_limit
from maeday_core.io.corrections import Label, load_corrections
from maeday_core.io.files import sha256
from tests.app.inspect.wired import Wired


@pytest.fixture
def handlers(wired: Wired, tiny: Tools, monkeypatch: pytest.MonkeyPatch) -> Correcting:
    def load(name, settings, method, busy):
        yield busy("Loading", name)
        return tiny

    monkeypatch.setattr(correcting, "load_tools", load)
    return wired.owner(Correcting)


def inspected(wired: Wired, picture: str, method: str, reference: Reference | None = None) -> dict:
    """The values of the page once a photo was inspected."""
    inspection, tab = wired.inspection, wired.inspection.tab
    values = wired.values(inspection.detect, query=picture, method=method)
    values |= {tab.good_parts.reference: reference, tab.good_parts.adapted: reference is not None}
    for answer in inspection.detect(values):
        values = {**values, **{component: answer[component] for component in answer if component in values}}
        values |= {tab.shown: answer.get(tab.shown, values.get(tab.shown))}
    return values | {tab.good_parts.name: "", tab.said.load: None}


def test_a_missed_defect_lowers_the_limit_and_is_taken_back(wired: Wired, handlers: Correcting, picture: str) -> None:
    tab = wired.inspection.tab
    values = inspected(wired, picture, "self")
    one = values[tab.strip.kept].shown
    (answer,) = handlers.say_defect(values)
    wired.check(handlers.say_defect, answer)
    (told,) = answer[tab.said.said].told
    assert (told.correction.picture, told.correction.label) == (sha256(Path(picture)), Label.DEFECT)
    assert told.score == pytest.approx(one.score / one.limit)
    moved = answer[tab.said.said].moved
    again = {**values, **{key: answer[key] for key in answer if key in values}}
    *_, judged = wired.inspection.detect_anew(again)
    after = judged[tab.strip.kept].shown
    assert after.limit == pytest.approx(moved.factor * one.limit)
    assert after.automatic == pytest.approx(one.limit)
    saved = load_corrections(answer[tab.said.save].value["path"])
    assert saved == (told.correction,)
    back = handlers.take_back(again)
    wired.check(handlers.take_back, back)
    assert back[tab.said.said] == Said()
    assert handlers.take_back(values) == unchanged()


def test_what_moves_no_limit_is_no_other_question(wired: Wired, picture: str) -> None:
    one = inspected(wired, picture, "self")[wired.inspection.tab.strip.kept].shown
    moved = replace(one.question, moved=moved_limit([], [2.0]))
    assert moved.moved.defects == 1
    assert moved.is_again(one.question)
    assert "corrections" not in moved.judged(one.view.result).threshold.ordinary.reason
    assert not replace(one.question, moved=moved_limit([], [0.9])).is_again(one.question)
    assert not replace(one.question, moved=moved_limit([], [0.1])).is_again(one.question), "it is missed, which is told"


def test_a_normal_photo_joins_the_good_parts_and_is_taken_back(
    wired: Wired, handlers: Correcting, picture: str, tiny: Tools
) -> None:
    tab = wired.inspection.tab
    reference = learn(PATCHCORE, tiny, [255 - load_image(picture)])
    values = inspected(wired, picture, "patchcore", reference)
    one = values[tab.strip.kept].shown
    *_, answer = handlers.say_normal(values)
    wired.check(handlers.say_normal, answer)
    joined = answer[tab.good_parts.reference]
    assert (joined.shots, joined.joined) == (2, (sha256(Path(picture)),))
    assert answer[tab.said.said].joined == 1
    again = {**values, **{key: answer[key] for key in answer if key in values}}
    before = values[tab.shown].before
    assert before is not None
    *_, judged = wired.inspection.detect_anew(again)
    assert judged[tab.strip.kept].shown.score < 0.8 * one.score
    assert judged[tab.strip.kept].shown.whole.view.before is before  # nothing changed without good parts
    back = handlers.take_back({**again, tab.good_parts.reference: joined})
    assert back[tab.good_parts.reference].learned is reference.learned
    kept = handlers.take_back({**again, tab.good_parts.reference: Reference()})
    assert tab.good_parts.reference not in kept  # other good parts are in use by now


def test_what_was_saved_is_loaded(
    wired: Wired, handlers: Correcting, picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "uploaded", lambda path: path)
    tab, file = wired.inspection.tab, tmp_path / "said.jsonl"
    line = '{"picture": "%s", "label": "defect", "time": "2026-01-01T00:00:00+00:00"}\n'
    file.write_text(line % sha256(Path(picture)) + line % ("0" * 64))
    values = inspected(wired, picture, "self") | {tab.said.load: str(file)}
    *_, answer = handlers.load(values)
    said = answer[tab.said.said]
    assert [one.correction.picture for one in said.told] == [sha256(Path(picture))]
    assert [one.picture for one in said.loaded] == ["0" * 64]
    assert "Corrections of pictures that are not here: 1;" in answer[tab.said.card]
    file.write_text("nothing\n")
    *_, answer = handlers.load(values)
    assert "Line 1 of" in answer[tab.said.card]


def test_without_a_verdict_there_is_nothing_to_correct(wired: Wired, handlers: Correcting) -> None:
    tab = wired.inspection.tab
    values = wired.values(handlers.say_normal)
    with pytest.raises(gr.Error, match="no finished verdict"):
        next(handlers.say_normal(values))
    with pytest.raises(gr.Error, match="was forgotten"):
        handlers.take_back({**values, tab.said.marked: True, tab.said.said: None})
