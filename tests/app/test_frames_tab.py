"""The Frames tab without a browser: each handler answers with components that its events may change."""

from __future__ import annotations

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from app.events import Answer, unchanged
from app.frames import batch as batches
from app.frames.answers import chosen as shown_alone
from app.frames.answers import limit_slider
from app.frames.batch import Asked, Batch, Criteria, State
from app.frames.ignoring import Ignoring, first_frame
from app.frames.paint import also_ignored, painted_mask, united
from app.frames.run import Watching, Wishes
from app.frames.triage import Triage, other_question
from app.frames.wiring import frames_tab, method_choices
from maeday_core import ImageError
from maeday_core.frames import FrameRun
from tests.frames.batches import brightness, measured, with_one_spot

ASKED = Asked(("a.zip",), (), 1.0, "ensemble", "on", 4, "bundled", False)
AUTOMATIC = Criteria(None, 0, None)


class Request:
    session_hash = "visitor"


class Wired:
    """The tab as it is wired."""

    def __init__(self) -> None:
        with gr.Blocks() as self.blocks:
            frames_tab(60, gr.Tabs(), gr.State(None), Path("frames.zip"))
        owners = [getattr(event.fn, "__self__", None) for event in self.blocks.fns.values()]
        self.watching = next(owner for owner in owners if isinstance(owner, Watching))
        self.triage = next(owner for owner in owners if isinstance(owner, Triage))
        self.ignoring = next(owner for owner in owners if isinstance(owner, Ignoring))
        self.tab = self.watching.tab

    def check(self, handler: Callable[..., Any], answer: Answer) -> None:
        """Every component of an answer is one that each event of its handler may change."""
        events = [event for event in self.blocks.fns.values() if event.fn == handler]
        assert events
        assert answer
        for event in events:
            assert set(answer) <= set(event.outputs)

    def values(self, batch: Batch | None, **given: Any) -> dict[Any, Any]:
        """What Start receives: each component's first value, or the one that is given by its `elem_id`."""
        tab = self.watching.tab
        named = {f"frames-{name.replace('_', '-')}": value for name, value in given.items()}
        values = {component: named.get(component.elem_id, component.value) for component in tab.asked | tab.criteria}
        return values | {tab.batch: batch, tab.begun: batch is not None, tab.result.chosen.number: given.get("number")}


@pytest.fixture(scope="module")
def wired() -> Wired:
    return Wired()


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Eight frames, number 3 with a spot, judged."""
    return Batch(measured(tmp_path, with_one_spot()), ASKED, 8, state=State.DONE).judged(AUTOMATIC)


def test_the_methods_are_those_that_need_no_clean_frames() -> None:
    names = [name for _, name in method_choices()]
    assert names[0] == "ensemble"
    assert {"maeday", "self"} < set(names)
    assert "patchcore" not in names


def test_without_frames_the_card_says_so(wired: Wired) -> None:
    watching = wired.watching
    (answer,) = watching.start(wired.values(None), Request())
    wired.check(watching.start, answer)
    assert "There are no frames yet" in answer[watching.tab.result.card]
    assert not watching.running


def test_a_run_whose_answer_cannot_be_shown_can_be_started_again(wired: Wired) -> None:
    watching = wired.watching
    answer = watching.give_up()
    wired.check(watching.give_up, answer)
    assert answer[watching.tab.run.start].interactive
    events = wired.blocks.fns.values()
    starts = {event._id for event in events if event.fn == watching.start}
    assert starts == {event.trigger_after for event in events if event.fn == watching.give_up}


def test_a_second_run_waits_for_the_first(wired: Wired) -> None:
    watching = wired.watching
    watching.running["visitor"] = Wishes()
    try:
        (answer,) = watching.start(wired.values(None), Request())
        assert "A run is going on" in answer[watching.tab.result.card]
    finally:
        watching.running.clear()


def watch(wired: Wired, folder: Path, end: State | None = None, detect=brightness) -> Iterator[Answer]:
    """The answers of a run over the frames in `folder`/sources."""
    batch = Batch(FrameRun(folder), ASKED, 8)
    return wired.watching._watch(batch, batch.run.look(batch.sources, detect), Wishes(end), AUTOMATIC)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A visitor's folder with eight frames."""
    measured(tmp_path, with_one_spot())
    (tmp_path / "visitor").mkdir()
    return (tmp_path / "in").rename(tmp_path / "visitor" / "sources").parent


def test_a_run_ends_with_verdicts_and_files(wired: Wired, begun: Path) -> None:
    *_, answer = watch(wired, begun)
    tab = wired.watching.tab
    wired.check(wired.watching.start, answer)
    assert answer[tab.batch].state is State.DONE
    assert [row[4] for row in answer[tab.result.table]["data"]].count("above") == 1
    assert Path(answer[tab.result.files.archive].value["path"]).name == batches.ARCHIVE
    assert answer[tab.run.start].interactive


def test_a_run_without_a_frame_says_what_was_left_out(wired: Wired, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "broken.mp4").write_bytes(b"no video")
    *_, answer = watch(wired, tmp_path)
    wired.check(wired.watching.start, answer)
    assert "broken.mp4 is no video this program can read" in answer[wired.watching.tab.result.card]


def test_a_paused_run_goes_on_where_it_was(wired: Wired, begun: Path) -> None:
    tab = wired.watching.tab
    *_, paused = watch(wired, begun, State.PAUSED)
    assert len(paused[tab.batch].judgement.verdicts) == 1
    assert paused[tab.run.start].value == "Resume"
    assert paused[tab.run.stop].interactive
    *_, done = watch(wired, begun)
    assert len(done[tab.batch].judgement.verdicts) == 8


def test_what_was_measured_before_a_mistake_is_kept(wired: Wired, begun: Path) -> None:
    queries = []

    def failing(query):
        queries.append(query)
        if len(queries) == 3:
            raise RuntimeError("a mistake of the program")
        yield from brightness(query)

    *_, answer = watch(wired, begun, detect=failing)
    tab = wired.watching.tab
    assert answer[tab.batch].state is State.PAUSED
    assert len(answer[tab.batch].judgement.verdicts) == 2
    assert "The program made a mistake" in answer[tab.result.card]


def test_a_run_whose_files_cannot_be_written_keeps_its_verdicts(
    wired: Wired, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(batch: Batch) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Batch, "written", full)
    *_, answer = watch(wired, begun)
    tab = wired.watching.tab
    wired.check(wired.watching.start, answer)
    assert "cannot write its files (No space left on device)" in answer[tab.result.card]
    assert answer[tab.batch].state is State.DONE
    assert len(answer[tab.batch].judgement.verdicts) == 8


def test_another_threshold_changes_verdicts_and_files(wired: Wired, batch: Batch) -> None:
    triage, tab = wired.triage, wired.tab
    answer = triage.judge_again(wired.values(batch, auto=False, threshold=0.1))
    wired.check(triage.judge_again, answer)
    assert len(answer[tab.batch].judgement.anomalous) == 8
    assert not answer[tab.result.files.archive].interactive  # until it is written anew
    files = triage.write_files(answer[tab.batch])
    wired.check(triage.write_files, files)
    with zipfile.ZipFile(files[tab.result.files.archive].value["path"]) as packed:
        assert len([name for name in packed.namelist() if name.startswith("anomalous/")]) == 8


def test_an_ignored_region_changes_what_is_normal(batch: Batch) -> None:
    ignore = np.zeros((120, 180, 3), np.uint8)
    ignore[30:60, 60:90] = 255
    assert batch.judgement.anomalous
    assert not batch.judged_again(replace(AUTOMATIC, ignore=ignore)).judgement.anomalous


def test_a_batch_that_runs_or_is_gone_is_not_judged_again(wired: Wired, batch: Batch) -> None:
    for other in (None, replace(batch, state=State.RUNNING)):
        assert wired.triage.judge_again(wired.values(other)) == unchanged()
        assert wired.triage.write_files(other) == unchanged()
        for say in (wired.triage.say_object, wired.triage.say_fine):
            assert say(other, False, 3) == unchanged()
        assert wired.triage.ignore_here(wired.values(other, number=3)) == unchanged()


def test_a_batch_that_was_forgotten_is_not_passed_over(wired: Wired, batch: Batch) -> None:
    watching, triage, tab = wired.watching, wired.triage, wired.tab
    event = type("Event", (), {"row_value": ["4", "x"], "index": 0})
    for other in (None, replace(batch, run=FrameRun(Path("gone")))):
        for handler, answer in (
            (triage.judge_again, triage.judge_again({**wired.values(other), tab.begun: True})),
            (watching.stop, watching.stop(other, True, Request())),
        ):
            wired.check(handler, answer)
            assert "were forgotten; press Start" in answer[tab.result.card]
            assert answer[tab.begun] is False
            assert answer[tab.run.start].value == "Start"
        for ask in (
            lambda other=other: triage.choose_row(other, True, event),
            lambda other=other: triage.choose_thumbnail(other, True, event),
            lambda other=other: triage.choose_dot(other, True, event),
            lambda other=other: triage.say_fine(other, True, 3),
            lambda other=other: triage.ignore_here({**wired.values(other), tab.begun: True}),
            lambda other=other: triage.open_in_inspect(other, True, 3),
            lambda other=other: wired.ignoring.take_chosen(other, True, 3),
        ):
            with pytest.raises(gr.Error, match="were forgotten; press Start"):
                ask()


def test_paint_that_was_forgotten_is_not_passed_over(wired: Wired) -> None:
    watching, tab = wired.watching, wired.watching.tab
    *_, answer = watching.start({**wired.values(None), tab.run.files: ["a.png"], tab.ignore.painted: True}, Request())
    wired.check(watching.start, answer)
    assert "What was painted to be ignored was forgotten" in answer[tab.result.card]


@pytest.mark.parametrize("row", [None, [], ["x"], [[1]], ["inf"], ["nan"], ["99"], 5, {"0": 4}])
def test_a_row_that_is_none_chooses_nothing(wired: Wired, batch: Batch, row: object) -> None:
    event = type("Event", (), {"row_value": row})
    assert wired.triage.choose_row(batch, True, event) == unchanged()


@pytest.mark.parametrize("index", [None, -1, 99, 1.5, "0", [0], {}, True])
def test_a_thumbnail_that_is_none_chooses_nothing(wired: Wired, batch: Batch, index: object) -> None:
    event = type("Event", (), {"index": index})
    assert index is True or wired.triage.choose_thumbnail(batch, True, event) == unchanged()
    assert index in (0, True) or wired.triage.choose_dot(batch, True, event) == unchanged()


def test_a_frame_is_handed_on_with_its_margin_or_with_a_reason(wired: Wired, begun: Path) -> None:
    watching = wired.watching
    *_, done = watch(wired, begun)
    batch = done[watching.tab.batch]
    verdict = batch.verdict(3)
    assert verdict
    answer = wired.triage.open_in_inspect(batch, True, 3)
    wired.check(wired.triage.open_in_inspect, answer)
    incoming = answer[wired.triage.incoming]
    assert Path(incoming.path).name == "3.png"  # as the visitor knows it
    assert incoming.margin == verdict.image_score - verdict.threshold > 0
    assert incoming.settings.masks == ASKED.masks
    assert incoming.settings.sampling == "balanced"
    judgement = batch.judgement
    assert other_question(judgement, verdict) == ""
    for changed in (
        {"excess": np.zeros((1, 1), np.float32)},
        {"ignore": np.zeros((1, 1, 3), np.uint8)},
    ):
        told = other_question(replace(judgement, baseline=replace(judgement.baseline, **changed)), verdict)
        assert "may differ" in told
    assert "of any area" in other_question(judgement, replace(verdict, boxes=()))
    assert "clean frames" in other_question(
        judgement, replace(verdict, record=replace(verdict.record, ordinary={"level": 1.0}))
    )


def test_a_chosen_frame_is_shown_with_its_objects(wired: Wired, batch: Batch) -> None:
    triage, chosen = wired.triage, wired.tab.result.chosen
    event = type("Event", (), {"row_value": ["1", "x"], "index": 0})
    for choose in (triage.choose_row, triage.choose_thumbnail):
        answer = choose(batch, True, event)
        wired.check(choose, answer)
        assert answer[chosen.number] == 3  # the worst
        assert "10 x 10 px at (70, 40)" in answer[chosen.facts]
    answer = triage.choose_dot(batch, True, type("Event", (), {"index": 5}))
    assert answer[chosen.number] == 5
    assert 'aria-activedescendant="frames-dot-5"' in answer[wired.tab.result.timeline]
    for answer in (triage.choose(None, 3), triage.choose(batch, 99), triage.choose(batch, None)):
        assert answer == unchanged()


def test_after_a_run_the_worst_frame_is_shown_unless_another_one_was_chosen(wired: Wired, batch: Batch) -> None:
    triage, chosen = wired.triage, wired.tab.result.chosen
    answer = triage.choose_first(batch, None)
    wired.check(triage.choose_first, answer)
    assert answer[chosen.number] == 3
    assert triage.choose_first(batch, 5)[chosen.number] == 5
    assert triage.choose_first(replace(batch, state=State.RUNNING), None) == unchanged()


def test_what_the_visitor_says_is_kept_and_the_next_frame_follows(wired: Wired, batch: Batch) -> None:
    triage, tab = wired.triage, wired.tab
    order = [verdict.record.number for verdict in batch.judgement.worst[:5]]
    for done, number in enumerate(order, 1):
        say = triage.say_object if done == 1 else triage.say_fine
        answer = say(batch, True, number)
        wired.check(say, answer)
        batch = answer[tab.batch]
        assert f"{done} of 5 judged by you" in answer[tab.result.chosen.judged]
        assert answer[tab.result.chosen.number] == (order[done] if done < 5 else number)
        assert not answer[tab.result.files.table].interactive  # until it is written anew
    assert batch.said == {order[0]: "object", **dict.fromkeys(order[1:], "fine")}
    triage.write_files(batch)
    rows = (batch.run.folder / "frames.csv").read_text().splitlines()
    assert ",object," in rows[1]
    assert "5 of 5 frames to look at first were judged by a person" in (batch.run.folder / "report.html").read_text()


def test_files_that_are_out_of_date_when_they_are_written_are_not_offered(wired: Wired, batch: Batch) -> None:
    triage, tab = wired.triage, wired.tab
    older = triage.say_fine(batch, True, 3)[tab.batch]
    newer = triage.say_object(older, True, 3)[tab.batch]
    assert triage.write_files(older) == unchanged()
    assert triage.write_files(newer)[tab.result.files.table].interactive


def test_what_is_unusual_in_a_frame_is_ignored_in_all_until_nothing_is(wired: Wired, batch: Batch) -> None:
    triage, tab = wired.triage, wired.tab
    answer = triage.ignore_here(wired.values(batch, number=3))
    wired.check(triage.ignore_here, answer)
    ignored = answer[tab.batch]
    assert not ignored.judgement.anomalous
    assert ignored.said == {3: "ignored"}
    mask = answer[tab.ignore.mask]
    assert mask[40:50, 70:80].all()
    assert mask.mean() < 20
    assert answer[tab.result.chosen.number] == ignored.judgement.worst[0].record.number != 3
    again = ignored.judged_again(AUTOMATIC)
    assert again.judgement.anomalous
    assert not again.said


def test_a_frame_that_was_fine_stays_so_and_an_object_is_taken_back_with_a_word(
    wired: Wired, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    triage, tab, told = wired.triage, wired.tab, []
    monkeypatch.setattr(gr, "Info", told.append)
    for say, kept in ((triage.say_fine, "fine"), (triage.say_object, "ignored")):
        judged = say(batch, True, 3)[tab.batch]
        assert triage.ignore_here(wired.values(judged, number=3))[tab.batch].said == {3: kept}
    assert told == ["This frame was judged an object; it is ignored now. Press Object (y) to judge it so again."]


def test_a_thumbnail_tells_what_was_said_of_its_frame(wired: Wired, batch: Batch) -> None:
    answer = wired.triage.say_object(batch, True, 3)
    wired.check(wired.triage.say_object, answer)
    captions = [caption for _, caption in answer[wired.tab.result.worst]]
    assert [caption.endswith(" · object") for caption in captions] == [True, False, False, False, False]


def test_in_a_frame_without_an_object_the_ringed_place_is_ignored(batch: Batch) -> None:
    judgement = batch.judgement.at(0.95)
    mask = also_ignored(None, judgement, judgement.verdicts[3])
    assert mask is not None
    assert mask[40:50, 70:80].mean() > 200
    more = also_ignored(mask, judgement, judgement.verdicts[0])
    assert more is not None
    assert more.sum() > mask.sum()
    nothing = batch.run.judge(ignore=np.full((1, 1, 3), 255, np.uint8))
    assert also_ignored(None, nothing, nothing.verdicts[0]) is None


def test_masks_of_two_sizes_become_one() -> None:
    small, large = np.zeros((2, 4, 3), np.uint8), np.zeros((8, 16, 3), np.uint8)
    small[:, :2] = 255
    large[0, 15] = 255
    both = united(small, large)
    assert both is not None
    assert both.shape == (8, 16, 3)
    assert both[:, :6].all()
    assert both[0, 15].all()
    assert united(None, small) is small
    assert united(small, None) is small


def test_the_first_frame_is_there_to_be_painted_on_before_a_run(
    wired: Wired, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.frames.ignoring.uploaded", lambda path: path)
    ignoring, panel = wired.ignoring, wired.tab.ignore
    files = [str(begun / "sources" / f"{number}.png") for number in range(8)]
    assert wired.tab.ignore.paint.visible is False  # not there before the panel opens
    answer = ignoring.open(False, files, 1.0)
    wired.check(ignoring.open, answer)
    assert answer[panel.paint].visible
    assert answer[panel.apply].interactive
    assert ignoring.open(True, files, 1.0) == unchanged()  # what is painted stays
    assert ignoring.take_files(False, files, 1.0) == unchanged()
    wired.check(ignoring.take_files, ignoring.take_files(True, files, 1.0))
    nothing = ignoring.open(False, None, 1.0)
    assert not nothing[panel.paint].visible
    assert not nothing[panel.apply].interactive
    picture = first_frame(files, 1.0)
    assert picture is not None
    assert picture.shape == (120, 180, 3)
    assert first_frame([str(begun / "none.png")], 1.0) is None


def test_the_line_that_is_dragged_moves_the_slider(wired: Wired) -> None:
    watching, tab = wired.watching, wired.tab
    answer = watching.drag_limit(type("Event", (), {"value": 1.23456}), Request())
    wired.check(watching.drag_limit, answer)
    assert answer == {tab.result.limit: 1.235, tab.result.auto: False}
    assert watching.drag_limit(type("Event", (), {"value": -3}), Request())[tab.result.limit] == 0
    for odd in (None, "1", float("nan"), [1], True):
        with pytest.raises(gr.Error):
            watching.drag_limit(type("Event", (), {"value": odd}), Request())


def test_a_frame_that_is_not_there_cannot_be_judged(wired: Wired, batch: Batch) -> None:
    for number in (None, 99):
        assert wired.triage.say_fine(batch, True, number) == unchanged()
        assert shown_alone(wired.tab, batch, number) == {}


def test_stop_ends_a_paused_run_for_good(wired: Wired, batch: Batch) -> None:
    watching, tab = wired.watching, wired.watching.tab
    answer = watching.stop(replace(batch, state=State.PAUSED), True, Request())
    wired.check(watching.stop, answer)
    assert answer[tab.batch].state is State.STOPPED
    assert watching.stop(batch, True, Request()) == unchanged()


def test_wishes_reach_a_run_that_goes_on(wired: Wired) -> None:
    watching = wired.watching
    wishes = watching.running["visitor"] = Wishes()
    try:
        watching.set_limit(0.4, Request())
        watching.pause(Request())
        assert wishes == Wishes(State.PAUSED, 0.4)
        watching.set_automatic(True, 0.4, Request())
        watching.stop(None, False, Request())
        assert wishes == Wishes(State.STOPPED, None)
    finally:
        watching.running.clear()


def test_paint_becomes_a_mask() -> None:
    layer = np.zeros((4, 6, 4), np.uint8)
    assert painted_mask([]) is painted_mask([png(layer), png(layer[..., :3] + 255)]) is None
    layer[1, 2, 3] = 9
    mask = painted_mask([png(layer)])
    assert mask is not None
    assert mask.shape == (4, 6, 3)
    assert np.argwhere(mask[..., 0]).tolist() == [[1, 2]]


def test_paint_of_a_large_frame_is_kept_small(wired: Wired) -> None:
    layer = np.zeros((1500, 4000, 4), np.uint8)
    layer[300:600, 1000:2000, 3] = 255
    mask = painted_mask([png(layer)])
    assert mask is not None
    assert mask.shape == (480, 1280, 3)
    assert mask.base is not None
    assert mask.strides[2] == 0  # one byte a pixel
    assert mask[:, :, 0].mean() == pytest.approx(255 * 0.05, rel=0.01)


@pytest.mark.parametrize("side", [7_100, 13_000, 60_000])
def test_paint_over_the_limit_is_refused_before_it_is_decoded(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageError, match="What is painted"):
        painted_mask([header_of_a_png(side)])


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_paint_that_cannot_be_read_is_named(wired: Wired, content: bytes) -> None:
    with pytest.raises(gr.Error, match="What is painted cannot be read"):
        wired.ignoring.take_paint([content], None)


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def header_of_a_png(side: int) -> bytes:
    """The first bytes of a PNG that says it is that large."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_the_slider_reaches_beyond_all_scores_and_stays_where_it_was_put(batch: Batch) -> None:
    assert limit_slider(batch, automatic=True).maximum > max(batch.judgement.baseline.scores)
    assert limit_slider(batch, automatic=True).value == round(batch.judgement.threshold, 3)


def test_a_full_disk_is_not_a_file_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr(batches, "uploaded", lambda path: path)
    with pytest.raises(ImageError, match=r"none\.png is no longer here"):
        batches.begin(replace(ASKED, files=(str(tmp_path / "none.png"),)))
    monkeypatch.setattr(batches.shutil, "copy", full)
    before = list((batches.HOME / batches.FRAMES).iterdir())
    with pytest.raises(OSError, match="No space left"):
        batches.begin(replace(ASKED, files=(str(tmp_path / "a.png"),)))
    assert list((batches.HOME / batches.FRAMES).iterdir()) == before


def test_names_of_uploads_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "uploaded", lambda path: path)
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(b"x")
    batch = batches.begin(replace(ASKED, files=(str(tmp_path / "1" / "a.png"), str(tmp_path / "2" / "a.png"))))
    assert sorted(path.name for path in (batch.run.folder / "sources").iterdir()) == ["a (2).png", "a.png"]
    assert batch.total == 2
    batches.delete(batch)
    assert not batch.run.folder.exists()
