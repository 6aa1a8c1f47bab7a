"""A run over frames: nothing lost, nothing measured twice, judged without the model."""

import json
import os
import shutil
import threading
import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from maeday_core import DatasetError, SettingsError
from maeday_core.frames import FrameRun, LeftOut, Sources, sources
from maeday_core.frames.files import rows_of
from maeday_core.io.images import load_image
from maeday_core.io.journal import alone_in
from tests.frames.batches import brightness, frame, look, with_one_spot, write
from tests.frames.test_video import grey, steady
from tests.frames.test_video import write as write_video


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
    assert rows == json.loads(json.dumps(rows_of(run.judge())))


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


def scores(run: FrameRun) -> list[tuple[str, float]]:
    return [(record.path.rsplit("/", 1)[-1], record.image_score) for record in run.records()]


def same_as_afresh(run: FrameRun, source: Path) -> bool:
    """Looks again; whether what is found is what a new run finds, and nothing is left of what was there before."""
    look(run, source, keep_maps=True)
    afresh = FrameRun(run.folder.with_name(f"{uuid.uuid4().hex}"))
    look(afresh, source, keep_maps=True)
    files = [[path.suffix for path in sorted(one.folder.rglob("*")) if path.is_file()] for one in (run, afresh)]
    return (
        scores(run) == scores(afresh)
        and [verdict.row for verdict in run.judge().verdicts] == [verdict.row for verdict in afresh.judge().verdicts]
        and sorted(files[0]) == sorted(files[1])
    )


def counting(queries: list):
    def detect(query):
        queries.append(query)
        yield from brightness(query)

    return detect


def test_a_camera_that_overwrites_one_picture(tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    for number in range(3):
        write(tmp_path / "in", [frame(number, (40, 10 * number))])
        assert same_as_afresh(run, tmp_path / "in")


def test_pictures_that_come_and_go_and_change(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    assert same_as_afresh(run, folder)
    Image.fromarray(frame(77, (20, 20))).save(folder / "2.png")
    Image.fromarray(frame(78)).save(folder / "10.png")
    (folder / "5.png").write_bytes(b"no picture any more")
    look(run, folder, keep_maps=True)
    assert [path for path, _ in scores(run)] == [f"{i}.png" for i in (0, 1, 2, 3, 4, 6, 7, 10)]
    assert [one.path for one in run.left_out()] == [str(folder / "5.png")]
    Image.fromarray(with_one_spot()[5]).save(folder / "5.png")
    assert same_as_afresh(run, folder)


def test_what_is_copied_or_comes_back_is_not_measured_again(folder: Path, tmp_path: Path) -> None:
    run, queries = FrameRun(tmp_path / "out"), []
    look(run, folder)
    folder.rename(tmp_path / "away")
    folder.mkdir()
    assert look(run, folder) == run.records() == []  # a disk that is not there
    for path in (tmp_path / "away").iterdir():
        shutil.copy(path, folder)  # with other times
    list(run.look(Sources([folder]), counting(queries)))
    assert len(run.records()) == 8
    assert not queries


def test_an_archive_is_known_by_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    def packed(paths: Iterable[Path]) -> None:
        with zipfile.ZipFile(tmp_path / "frames.zip", "w") as archive:
            for path in paths:
                archive.write(path, path.name)

    run, queries = FrameRun(tmp_path / "out"), []
    packed(sorted(folder.iterdir()))
    look(run, tmp_path / "frames.zip")
    Image.fromarray(frame(77, (20, 20))).save(folder / "2.png")
    packed(sorted(folder.iterdir(), reverse=True))
    list(run.look(Sources([tmp_path / "frames.zip"]), counting(queries)))
    assert len(queries) == 1
    assert [path for path, _ in scores(run)] == [f"{i}.png" for i in range(8)]


def test_another_video_of_the_same_name_is_judged_anew(tmp_path: Path) -> None:
    run, queries, path = FrameRun(tmp_path / "out"), [], tmp_path / "walk.mp4"
    for level, measured_anew in ((90, 3), (90, 0), (91, 3)):
        write_video(path, steady(25), picture=lambda index, level=level: grey(level))
        queries.clear()
        list(run.look(Sources([path]), counting(queries)))
        assert len(queries) == measured_anew
        assert [record.time for record in run.records()] == [0, 1, 2]


def test_a_source_that_is_given_twice_is_looked_at_once(folder: Path, tmp_path: Path) -> None:
    run, queries = FrameRun(tmp_path / "out"), []
    for _ in range(2):
        list(run.look(Sources([folder, folder / "3.png", folder]), counting(queries)))
        assert len(run.records()) == len(queries) == 8


def test_what_a_killed_run_left_behind_is_removed(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path / "out")
    look(run, folder, keep_maps=True)
    run.write(run.judge())
    before = sorted(path for path in run.folder.rglob("*"))
    for name in ("work/00008.npy", "work/00008.jpg", "maps/00009-8.npy", f".{'a' * 32}.csv", f"work/.{'b' * 32}.json"):
        (run.folder / name).write_bytes(b"half a file")
    (run.folder / "notes.txt").write_text("somebody's")
    (run.folder / "work" / "00003.jpg").unlink()
    look(run, folder, keep_maps=True)
    after = {path for path in run.folder.rglob("*")}
    assert {path.name for path in after - set(before)} == {"notes.txt", "00008.npy", "00008.jpg", "00009-3.npy"}
    assert {path.name for path in set(before) - after} == {"00003.npy", "00003.jpg", "00004-3.npy"}
    assert len(run.records()) == 8


def test_a_folder_whose_name_is_no_text(folder: Path, tmp_path: Path) -> None:
    run = FrameRun(tmp_path / os.fsdecode(b"pr\xfcfung"))
    look(run, folder, keep_maps=True)
    run.write(run.judge(threshold=0.1))
    assert len(list((run.folder / "anomalous").iterdir())) == 8
    assert all(record.picture().shape == (120, 180, 3) for record in run.records())
