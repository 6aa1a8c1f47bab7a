"""Several photos in one drop."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.inspect import several as several_module
from app.inspect.several import Several
from app.inspect.strip import Strip
from app.inspect.visited import strip_csv
from maeday_core import Tools
from maeday_core.drawing.shown import Shown
from maeday_core.methods import memory_bank
from tests.app.inspect.wired import Wired
from tests.conftest import part


@pytest.fixture
def several(wired: Wired) -> Several:
    found: Several = wired.owner(Several)
    return found


def dropped(wired: Wired, several: Several, paths: list[str], method: str = "maeday") -> tuple[dict[Any, Any], Strip]:
    """What the page holds after a drop, and the strip."""
    values = wired.values(several.detect, masks=2, method=method) | {wired.inspection.tab.several: paths}
    for answer in several.detect(values):
        wired.check(several.detect, answer)
        values = {**values, **answer}
    return values, values[wired.inspection.tab.strip.kept]


def parts(folder: Path, count: int) -> list[str]:
    paths = [folder / f"{seed}.png" for seed in range(count)]
    for seed, path in enumerate(paths):
        Image.fromarray(part(seed, defect=seed < 2)).save(path)
    return list(map(str, paths))


def test_photos_of_one_kind_are_judged_among_each_other(
    wired: Wired, several: Several, tiny: Tools, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    tab = wired.inspection.tab
    values, strip = dropped(wired, several, [str(broken), *parts(tmp_path, 9)])
    assert len(strip.entries) == 9
    (limit,) = {one.limit for one in strip.entries}
    assert {one.question.among.peers for one in strip.entries if one.question.among} == {9}
    view: Shown = values[tab.shown]
    assert "9 photos of one kind" in view.result.threshold.ordinary.reason
    assert view.limit == limit
    told = str(values[tab.result.subject])
    assert "9 photos were inspected" in told
    assert "judged among each other" in told
    assert "Not judged: broken.png." in told
    told, _, beneath = told.partition("Below: ")
    assert all((f"{one.question.name}" in told) == (one.score > limit) for one in strip.entries)
    assert strip.shown
    assert beneath.startswith(f"{strip.shown.name}; click another one")
    worst = [one.question.name for one in sorted(strip.entries, key=lambda one: -one.factor)]
    assert strip.shown.question.name == view.name == worst[0]
    page = str(values[tab.strip.entries])
    assert re.findall(r'class="name">([^<]+)', page) == worst
    assert [row["photo"] for row in csv.DictReader(io.StringIO(strip_csv(strip)))] == worst
    shown = strip.entries[0]
    again = strip.with_answer(replace(shown.question, by_hand=1.0), view)
    assert again.listed[0].number == again.current  # the newest first, as one by one


def test_the_ensemble_looks_again_beside_the_most_ordinary(
    wired: Wired, several: Several, tiny: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_bank, "LIMITS", replace(memory_bank.LIMITS, patches=128))
    monkeypatch.setattr(
        several_module, "loaded_tools", lambda model, settings, method: replace(tiny, settings=settings)
    )
    do, tab = wired.inspection, wired.inspection.tab
    values, strip = dropped(wired, several, parts(tmp_path, 8), method="ensemble")
    assert {one.question.among.peers for one in strip.entries if one.question.among} == {8}
    assert {one.question.reference.shots for one in strip.entries} == {1, 2}
    assert min(one.score for one in strip.entries[:2]) > max(one.score for one in strip.entries[2:])
    assert "good" not in {one.kind for one in strip.entries}  # nobody vouches for them
    view: Shown = values[tab.shown]
    reason = view.result.threshold.ordinary.reason
    assert re.search(rf"rests on 8 photos of one kind .* taken to be good \({view.reference.shots}\)", reason)
    first = strip.entries[0]
    seen = [
        answer[tab.shown]
        for answer in do.detect_recalled({**values, tab.strip.kept: Strip(strip.entries, first.number)})
        if answer.get(tab.shown)
    ]
    assert (seen[-1].limit, seen[-1].result.image_score) == pytest.approx((first.limit, first.score))


def test_an_earlier_photo_of_a_drop_keeps_its_limit(
    wired: Wired, several: Several, tiny: Tools, tmp_path: Path
) -> None:
    do, tab = wired.inspection, wired.inspection.tab
    values, strip = dropped(wired, several, parts(tmp_path, 9))
    first, last = strip.entries[0], strip.entries[-1]
    assert first.whole is None  # made again
    assert last.whole
    for one in (first, last):
        seen = [
            answer[tab.shown]
            for answer in do.detect_recalled({**values, tab.strip.kept: Strip(strip.entries, one.number)})
            if answer.get(tab.shown)
        ]
        assert seen[-1].limit == pytest.approx(one.limit)
    again = list(do.detect({**values, tab.photo: str(last.question.path), tab.settings.method: "maeday"}))
    assert again[-1][tab.strip.kept].entries[-1].question.among is None  # by itself, which is another question


def test_a_limit_set_by_hand_judges_every_photo_of_a_drop(
    wired: Wired, several: Several, tiny: Tools, tmp_path: Path
) -> None:
    tab = wired.inspection.tab
    values = wired.values(several.detect, masks=2, method="maeday")
    values |= {tab.several: parts(tmp_path, 3), tab.result.auto: False, tab.result.threshold: 0.05}
    for answer in several.detect(values):
        values = {**values, **answer}
    strip = values[tab.strip.kept]
    assert "Not judged" not in str(values[tab.result.subject])
    assert [(one.limit, one.rests_on) for one in strip.entries] == [(0.05, "set by hand")] * 3


def test_few_photos_are_judged_one_by_one(wired: Wired, several: Several, tiny: Tools, tmp_path: Path) -> None:
    values, strip = dropped(wired, several, parts(tmp_path, 3))
    assert all(one.question.among is None for one in strip.entries)
    assert "judged among each other" not in str(values[wired.inspection.tab.result.subject])
