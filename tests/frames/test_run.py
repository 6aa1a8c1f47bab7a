"""A run over frames: nothing lost, nothing measured twice, judged without the model."""

import json
import threading
from pathlib import Path

import pytest

from maeday_core import DatasetError, SettingsError
from maeday_core.frames import FrameRun, LeftOut, Sources, sources
from maeday_core.io.images import load_image
from maeday_core.io.journal import alone_in
from tests.frames.batches import brightness, look, with_one_spot, write


def test_the_odd_one_out_is_found_where_it_lies(run: FrameRun) -> None:
    judgement = run.judge()
    assert [verdict.verdict for verdict in judgement.verdicts] == [
        "anomalous" if i == 3 else "normal" for i in range(8)
    ]
    (box,) = judgement.verdicts[3].boxes
    assert (box.x, box.y, box.width, box.height, box.area) == (70, 40, 10, 10, 100)
    assert box.centre == (75, 45)
    assert box.peak == pytest.approx(230 / 255, abs=0.01)
    assert "8 frames judged against each other" in judgement.reason
    assert judgement.title == "1 of 8 frames holds something that does not belong"
    assert judgement.worst[0].record.number == 3


def test_a_row_holds_what_the_contract_says(run: FrameRun) -> None:
    row = run.judge().verdicts[3].row
    assert row.keys() == {"path", "time", "image_score", "threshold", "verdict", "boxes"}
    assert row["boxes"][0].keys() == {"x", "y", "width", "height", "area", "peak", "centre"}


def test_threshold_and_least_area_need_neither_model_nor_frames(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    look(run, folder)
    for child in folder.iterdir():
        child.unlink()
    assert not run.judge(threshold=0.95).anomalous
    assert not run.judge(least_area=101).anomalous
    assert len(run.judge(threshold=0.1).anomalous) == 8
    assert run.judge(threshold=0.1).reason == "The threshold was set by hand."


def test_another_threshold_gives_what_judging_anew_gives(run: FrameRun) -> None:
    first = run.judge()
    for threshold, least_area in ((0.1, 0), (0.1, 200), (None, 101), (None, 0)):
        assert first.at(threshold, least_area).verdicts == run.judge(threshold, least_area).verdicts


def test_rows_so_far_are_in_the_tables_until_all_are_judged(folder: Path, tmp_path: Path) -> None:
    run, records = FrameRun(tmp_path), []
    for record in run.look(Sources([folder]), brightness):
        records.append(record)
        run.so_far(records)
        assert len((run.folder / "frames.jsonl").read_text().splitlines()) == len(records)
    run.write(run.judge())
    rows = [json.loads(line) for line in (run.folder / "frames.jsonl").read_text().splitlines()]
    assert rows == json.loads(json.dumps([verdict.row for verdict in run.judge().verdicts]))


def test_a_run_that_was_cut_off_goes_on(folder: Path, tmp_path: Path) -> None:
    run, queries = FrameRun(tmp_path / "out"), []

    def counting(query):
        queries.append(query)
        yield from brightness(query)

    running = run.look(Sources([folder]), counting)
    first = [next(running) for _ in range(3)]
    running.close()
    with (run.folder / "work" / "records.jsonl").open("a") as file:
        file.write('{"number": 3, "path": "cut o')  # the line that was being written
    assert run.records() == first
    keys = [record.key for record in run.look(Sources([folder]), counting)]
    assert keys == [(str(folder / f"{i}.png"), None) for i in range(8)]
    assert len(queries) == 8


def test_a_run_that_went_on_measured_the_same(folder: Path, tmp_path: Path) -> None:
    parts, whole = FrameRun(tmp_path / "parts"), FrameRun(tmp_path / "whole")
    running = parts.look(Sources([folder]), brightness)
    next(running)
    running.close()
    look(parts, folder)
    look(whole, folder)
    assert [verdict.row for verdict in parts.judge().verdicts] == [verdict.row for verdict in whole.judge().verdicts]


def test_a_lock_around_the_detector_is_held_for_the_detections_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searching a video and decoding a picture may take long; who shares a model takes turns for the model alone."""
    turn, decoded = threading.Lock(), []

    def in_turn(query):
        with turn:
            yield from brightness(query)

    def load(*arguments):
        decoded.append(turn.locked())
        return load_image(*arguments)

    monkeypatch.setattr(sources, "load_image", load)
    found = FrameRun(tmp_path / "out").look(Sources([folder]), in_turn)
    assert [turn.locked() for _ in found] == decoded == [False] * 8


def test_what_cannot_be_read_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    run = FrameRun(tmp_path / "out")
    found = look(run, folder)
    assert run.left_out() == [one for one in found if isinstance(one, LeftOut)] != []
    (folder / "broken.png").unlink()
    look(run, folder)
    assert run.left_out() == []


def test_a_folder_of_other_settings_is_refused_and_stays_as_it_was(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path)
    look(run, folder, depends_on={"masks": 4})
    run.write(run.judge())
    with pytest.raises(SettingsError, match="run of other settings"):
        look(run, folder, depends_on={"masks": 8})
    with pytest.raises(SettingsError, match="run of other settings"):
        list(run.look(Sources([folder], every=2), brightness, {"masks": 4}))
    assert len((tmp_path / "frames.jsonl").read_text().splitlines()) == 8


def test_two_runs_do_not_write_to_one_folder(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path)
    (tmp_path / "work").mkdir()
    with alone_in(tmp_path / "work"), pytest.raises(DatasetError, match="Another run is writing"):
        look(run, folder)


@pytest.mark.parametrize("manifest", ['{"every": 1.0, "maps": false}', '{"format": 1}', "[]", "no JSON"])
def test_a_folder_of_another_format_is_refused(run: FrameRun, folder: Path, manifest: str) -> None:
    (run.folder / "work" / "run.json").write_text(manifest)
    for use in (run.judge, run.records, lambda: look(run, folder)):
        with pytest.raises(DatasetError, match="a run of another version of this program"):
            use()


def test_a_damaged_journal_is_refused(run: FrameRun) -> None:
    (run.folder / "work" / "records.jsonl").write_text('{"nonsense": 1}\n')
    with pytest.raises(DatasetError, match="not what such a run writes"):
        run.records()


def test_no_more_frames_than_the_limit_are_measured(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    for _ in range(2):  # also where the run goes on
        found = list(run.look(Sources([folder], limit=3), brightness))
        assert len(run.records()) == 3
        assert found[3:] == [LeftOut("The rest", "More than 3 frames were given; inspect the rest in another run.")]


def test_maps_are_written_on_request(tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    look(run, write(tmp_path / "in", with_one_spot()), keep_maps=True)
    names = [path.name for path in sorted((run.folder / "maps").iterdir())]
    assert names == [f"{i + 1:05}-{i}.npy" for i in range(8)]
