"""A run over frames: nothing lost, nothing done twice, judged against each other without the model."""

import csv
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from maeday_core import DatasetError, Detection, SettingsError
from maeday_core.cli.main import main
from maeday_core.frames import run as frames
from maeday_core.frames.objects import BlockMap, find_objects
from maeday_core.frames.report import annotated, timeline, worst_first, write_pictures, write_report
from maeday_core.frames.run import Looked, clean_scores, judge, load_looked, look, normal
from maeday_core.frames.sources import LeftOut
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT

SHAPE = (120, 180)


def brightness(query: np.ndarray):
    """A detector that takes little time: what is bright is foreign."""
    error_map = query.mean(axis=-1, dtype=np.float32) / 255
    yield Detection(float(error_map.max()), error_map, 0.01, {"method": "test"}, query, first_threshold=0.9)


def frame(seed: int, spot: tuple[int, int] | None = None, lamp: bool = False, moving: bool = True) -> np.ndarray:
    """A dark textured ground; with a bright spot of 10 px at a place, with a lamp that is always there."""
    ground = np.random.default_rng(seed if moving else 0).integers(60, 110, (*SHAPE, 3))
    ground = ground + np.random.default_rng(seed).integers(0, 10, ground.shape)
    picture = np.clip(ground, 0, 255).astype(np.uint8)
    if lamp:
        picture[5:25, 5:25] = 200 + seed % 3
    if spot:
        y, x = spot
        picture[y : y + 10, x : x + 10] = 230
    return picture


def write(folder: Path, pictures: dict[str, np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / name)
    return folder


def looked_at(source: Path, out: Path, **options) -> list[Looked]:
    return [one for one in look([source], brightness, out, **options) if isinstance(one, Looked)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight frames of one ground, the third with a spot."""
    return write(tmp_path / "in", {f"{i}.png": frame(i, (40, 70) if i == 3 else None) for i in range(8)})


def test_the_odd_one_out_is_found_where_it_lies(folder: Path, tmp_path: Path) -> None:
    looked = looked_at(folder, tmp_path / "out")
    usual = normal(looked, tmp_path / "out")
    judged = list(judge(looked, tmp_path / "out", usual))
    assert [one.verdict for one in judged] == ["anomalous" if i == 3 else "normal" for i in range(8)]
    (box,) = judged[3].boxes
    assert (box.x, box.y, box.width, box.height, box.area) == (70, 40, 10, 10, 100)
    assert box.centre == (75, 45)
    assert box.peak == pytest.approx(230 / 255)
    assert judged[3].row.keys() == {"path", "time", "image_score", "threshold", "verdict", "boxes"}
    assert "8 frames judged against each other" in usual.because
    assert usual.allowance is None


def test_threshold_least_area_and_ignored_region_need_no_model(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    looked = looked_at(folder, out)
    for child in folder.iterdir():
        child.unlink()
    usual = normal(looked, out)
    assert not any(one.boxes for one in judge(looked, out, usual, threshold=0.95))
    assert not any(one.boxes for one in judge(looked, out, usual, least_area=101))
    assert sum(bool(one.boxes) for one in judge(looked, out, usual, threshold=0.1)) == 8
    ignore = np.zeros((60, 90, 3), np.uint8)  # at half the size, as a page would paint it
    ignore[18:27, 33:42] = 255
    assert not any(one.boxes for one in judge(looked, out, normal(looked, out, ignore), ignore=ignore))


def test_for_a_fixed_camera_what_is_always_there_is_normal(tmp_path: Path) -> None:
    pictures = {f"{i}.png": frame(i, (60, 100) if i == 5 else None, lamp=True, moving=False) for i in range(9)}
    looked = looked_at(write(tmp_path / "in", pictures), tmp_path / "out")
    usual = normal(looked, tmp_path / "out")
    assert usual.allowance is not None
    assert "The camera does not move" in usual.because
    judged = list(judge(looked, tmp_path / "out", usual))
    assert [bool(one.boxes) for one in judged] == [i == 5 for i in range(9)]
    assert judged[5].boxes[0].x == 100
    moving = [frame(i) for i in range(9)]
    others = looked_at(write(tmp_path / "moving", {f"{i}.png": p for i, p in enumerate(moving)}), tmp_path / "out2")
    assert normal(others, tmp_path / "out2").allowance is None


def test_frames_that_all_hold_something_are_found_by_their_clean_places(tmp_path: Path) -> None:
    spots = [(20 * i, 30 * i) for i in range(5)]
    source = write(tmp_path / "in", {f"{i}.png": frame(i, spot) for i, spot in enumerate(spots)})
    looked = looked_at(source, tmp_path / "out")
    for some in (looked, looked[:2], looked[:1]):
        usual = normal(some, tmp_path / "out")
        assert "most of their places" in usual.because
        assert all(one.boxes for one in judge(some, tmp_path / "out", usual))
    clean = looked_at(write(tmp_path / "clean", {"0.png": frame(9)}), tmp_path / "out2")
    (one,) = judge(clean, tmp_path / "out2", normal(clean, tmp_path / "out2"))
    assert one.verdict == "normal"


def test_good_parts_have_the_last_word(folder: Path, tmp_path: Path) -> None:
    looked = looked_at(folder, tmp_path / "out")
    learned = [Looked(**{**one.__dict__, "learned": 0.7}) for one in looked]
    assert normal(learned, tmp_path / "out").threshold == 0.7
    assert normal([], tmp_path / "out").threshold == 0


@given(st.lists(st.floats(0.5, 1), min_size=5, max_size=60), st.data())
def test_up_to_half_of_the_frames_cannot_move_what_is_normal(clean: list[float], data: st.DataObject) -> None:
    """With up to half of the scores far above, the middle stays among the clean ones."""
    foreign = data.draw(st.lists(st.floats(5, 50), max_size=len(clean) - 1))
    middle, deviation = clean_scores([*clean, *foreign])
    assert min(clean) - 1e-9 <= middle <= max(clean) + 1e-9 or len(foreign) == len(clean) - 1
    assert 0 <= deviation <= 1.4826 * 2.25 * 50


def test_the_deviation_is_that_of_a_normal_distribution() -> None:
    scores = np.random.default_rng(0).normal(3, 0.2, 20_000)
    middle, deviation = clean_scores(scores)
    assert middle == pytest.approx(3, abs=0.05)
    assert deviation == pytest.approx(0.2, rel=0.06)  # of those within 2.5 deviations
    middle, deviation = clean_scores([*scores, *np.random.default_rng(1).uniform(4, 9, 9_000)])
    assert middle == pytest.approx(3, abs=0.1)


@given(st.integers(1, 1500), st.integers(1, 1500))
def test_blocks_keep_the_peak_and_the_size(height: int, width: int) -> None:
    rng = np.random.default_rng(height + width)
    error_map = rng.random((height, width), dtype=np.float32)
    blocks = BlockMap.of(error_map)
    assert max(blocks.values.shape) <= 512
    assert blocks.values.max() == error_map.max()
    full = blocks.full()
    assert full.shape == error_map.shape
    assert (full >= error_map).all()


@given(st.integers(0, 10_000), st.floats(0.3, 0.95))
def test_objects_hold_every_place_above_the_threshold(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    error_map = ndimage.gaussian_filter(rng.random((90, 140)), 3).astype(np.float32)
    error_map = (error_map - error_map.min()) / np.ptp(error_map)
    boxes = find_objects(BlockMap.of(error_map), threshold)
    covered = np.zeros_like(error_map, bool)
    for box in boxes:
        covered[box.y : box.y + box.height, box.x : box.x + box.width] = True
        assert box.x <= box.centre[0] < box.x + box.width
        assert box.y <= box.centre[1] < box.y + box.height
    assert covered[error_map > threshold].all()
    assert sum(box.area for box in boxes) == (error_map > threshold).sum()
    assert [box.peak for box in boxes] == sorted((box.peak for box in boxes), reverse=True)
    assert not boxes or boxes[0].peak == error_map.max()
    assert len(boxes) <= ndimage.label(error_map > threshold, np.ones((3, 3)))[1]


def test_boxes_stay_inside_a_frame_whose_last_block_does_not() -> None:
    error_map = np.zeros((1001, 1301), np.float32)
    error_map[998:, 1299:] = 1
    (box,) = find_objects(BlockMap.of(error_map), 0.5)
    assert (box.x + box.width, box.y + box.height) == (1301, 1001)
    assert box.area == box.width * box.height


def test_a_run_that_was_cut_off_goes_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[int] = []

    def counting(query: np.ndarray):
        seen.append(1)
        yield from brightness(query)

    running = look([folder], counting, out)
    first = [next(running) for _ in range(3)]
    running.close()
    path = out / "work" / "looked.jsonl"
    with path.open("a") as file:
        file.write('{"number": 3, "path": "cut o')  # the line that was being written
    assert load_looked(out) == first
    assert [one.key for one in look([folder], counting, out)] == [(str(folder / f"{i}.png"), None) for i in range(8)]
    assert len(seen) == 8
    whole = looked_at(folder, tmp_path / "other")
    again = load_looked(out)
    assert [(one.path, one.image_score) for one in again] == [(one.path, one.image_score) for one in whole]


def test_other_settings_and_another_run_are_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = look([folder], brightness, out, settings={"masks": 4})
    next(running)
    with pytest.raises(DatasetError, match="Another run is writing"):
        next(look([folder], brightness, out, settings={"masks": 4}))
    running.close()
    with pytest.raises(SettingsError, match="run of other settings"):
        next(look([folder], brightness, out, settings={"masks": 8}))
    (out / "work" / "looked.jsonl").write_text('{"nonsense": 1}\n')
    with pytest.raises(DatasetError, match="not what such a run writes"):
        load_looked(out)


def test_pictures_timeline_and_report(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    looked = looked_at(folder, out)
    usual = normal(looked, out)
    judged = list(judge(looked, out, usual))
    (written,) = write_pictures(out, judged, usual)
    assert written.name == "00004-3.jpg"
    drawn = annotated(judged[3], out, usual)
    assert drawn.shape == (*SHAPE, 3)
    plain = looked[3].picture(out)
    changed = np.argwhere((drawn != plain).any(axis=-1))
    assert (changed.min(axis=0) >= (15, 60)).all()
    assert (changed.max(axis=0) <= (60, 110)).all()
    assert np.array_equal(annotated(judged[0], out, usual), looked[0].picture(out))
    svg = timeline(judged, usual.threshold)
    assert svg.count("<circle") == 8
    assert svg.count('class="anomalous"') == 1
    assert "1 anomalous" in svg
    assert worst_first(judged)[0].looked.number == 3
    page = write_report(out, judged, usual, [LeftOut("<b>x.txt", "no picture")]).read_text()
    assert "1 of 8 frames holds something" in page
    assert "&lt;b&gt;x.txt: no picture" in page
    assert 'src="http' not in page
    assert timeline([], 1.0) == ""


@pytest.fixture
def tiny(tmp_path: Path, tiny_model) -> list[str]:
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return ["--model", str(tmp_path / "tiny.safetensors"), "--method", "maeday", "--masks", "1", "--json"]


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_command_keeps_its_contract(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("notes")
    out = folder / "results"  # within the source, and passed over
    assert main(["frames", str(folder), "--out", str(out), *tiny]) == 0
    printed = capsys.readouterr()
    rows = rows_of(printed.out)
    assert len(rows) == 8
    assert all(row.keys() == {"path", "time", "image_score", "threshold", "verdict", "boxes"} for row in rows)
    assert "broken.jpg is not a picture" in printed.err
    assert "notes.txt is no picture, zip archive or video" in printed.err
    kept = rows_of((out / "frames.jsonl").read_text())
    assert [row["path"] for row in kept] == [row["path"] for row in rows]
    assert len({row["threshold"] for row in kept}) == 1
    for row in kept:
        assert (row["verdict"] == "anomalous") == (row["image_score"] > row["threshold"]) == bool(row["boxes"])
    table = list(csv.DictReader((out / "frames.csv").open()))
    assert [json.loads(line["boxes"]) for line in table] == [row["boxes"] for row in kept]
    assert len(rows_of((out / "left_out.jsonl").read_text())) == 2
    assert (out / "report.html").exists()

    options = ["frames", str(folder), "--out", str(out), *tiny, "--threshold", "0.0001", "--least-area", "5"]
    assert main(options) == 0  # judged anew, looked at no more
    again = rows_of(capsys.readouterr().out)
    assert {row["verdict"] for row in again} == {"anomalous"}
    assert all(box["area"] >= 5 and box["peak"] > 0.0001 for row in again for box in row["boxes"])
    assert {box_key for row in again for box in row["boxes"] for box_key in box} >= {"x", "y", "width", "height"}
    for other in (["--seed", "1"], ["--preset", "paper"], [str(tmp_path)]):
        assert main(["frames", *other, str(folder), "--out", str(out), *tiny[:-1]]) == 2
        assert "run of other settings or sources" in capsys.readouterr().err
    assert len((out / "frames.jsonl").read_text().splitlines()) == 8  # and what was there stays


def test_a_reader_that_stops_early_costs_no_file(
    folder: Path, tmp_path: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(
        "maeday_core.cli.commands._print_json", lambda row: written.append((tmp_path / "report.html").exists())
    )
    assert main(["frames", str(folder), "--out", str(tmp_path), *tiny]) == 0
    assert written == [True] * 8


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3)])
def test_frames_of_any_shape_are_drawn(tmp_path: Path, shape: tuple[int, int]) -> None:
    pictures = {f"{i}.png": np.full((*shape, 3), 90 + i, np.uint8) for i in range(5)}
    looked = looked_at(write(tmp_path / "in", pictures), tmp_path / "out")
    usual = normal(looked, tmp_path / "out")
    for one in judge(looked, tmp_path / "out", usual, threshold=0.1):
        assert annotated(one, tmp_path / "out", usual, heat=True).shape[2] == 3


def test_names_of_any_kind_are_written(capsys, tmp_path: Path, tiny: list[str]) -> None:
    names = ["日本" * 40, "a:b*c", "con"]
    source = write(tmp_path / "in", {f"{name}.png": frame(i) for i, name in enumerate(names)})
    (source / os.fsdecode(b"caf\xe9.png")).write_bytes((source / "con.png").read_bytes())
    assert main(["frames", str(source), "--out", str(tmp_path / "out"), *tiny, "--threshold", "0"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 4
    assert "caf\\xe9" not in {path.name for path in (tmp_path / "out" / "anomalous").iterdir()}
    assert len(list((tmp_path / "out" / "anomalous").glob("0000?-*.jpg"))) == 4


def test_a_transparent_mask_is_ignored_where_it_is_painted(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (10, 10))
    mask.paste((255, 0, 0, 255), (0, 0, 5, 10))
    mask.save(tmp_path / "mask.png")
    assert frames.load_ignore(tmp_path / "mask.png").max(axis=-1)[0].tolist() == [255] * 5 + [0] * 5


def test_maps_on_request_and_an_ignored_region(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    Image.new("RGB", (18, 12), "white").save(tmp_path / "all.png")
    options = ["frames", str(folder), "--out", str(tmp_path / "out"), *tiny, "--keep-maps"]
    assert main([*options, "--ignore", str(tmp_path / "all.png")]) == 0
    rows = rows_of((tmp_path / "out" / "frames.jsonl").read_text())
    assert {row["image_score"] for row in rows} == {0.0}
    maps = sorted((tmp_path / "out" / "maps").glob("*.npy"))
    assert [np.load(path).shape for path in maps] == [SHAPE] * 8
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no file or folder nowhere"),
        (["{folder}", "--every", "0"], "seconds cannot be taken"),
        (["{folder}", "--ignore", "nowhere.png"], "nowhere.png"),
        (["{folder}", "--threshold", "nan"], "threshold is nan"),
        (["{folder}", "--adapter", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_unusable_input_is_one_line(
    capsys, folder: Path, tmp_path: Path, tiny: list[str], arguments: list[str], words: str
) -> None:
    options = [argument.format(folder=folder) for argument in arguments]
    assert main(["frames", *options, "--out", str(tmp_path / "out"), *tiny]) == 2
    errors = capsys.readouterr()
    assert not errors.out
    assert words in errors.err
    assert len(errors.err.strip().splitlines()) == 1


@pytest.mark.slow
def test_three_hundred_frames_killed_halfway(tmp_path: Path, tiny: list[str]) -> None:
    """With five broken files, a wrong type and a name that comes twice: all others are there, once."""
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    for i in range(293):
        Image.fromarray(frame(i)).save(source / f"{i:03}.png")
    Image.fromarray(frame(999)).save(source / "deep" / "000.png")
    for i in range(5):
        (source / f"broken-{i}.jpg").write_bytes(b"\xff\xd8\xff broken")
    (source / "notes.txt").write_text("notes")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "maeday_core", "frames", str(source), "--out", str(out), *tiny]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 120
    while len(load_looked(out)) < 100 and time.monotonic() < deadline:
        time.sleep(0.2)
    running.kill()
    running.wait()
    before = len(load_looked(out))
    assert 100 <= before < 294
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    rows = rows_of(done.stdout)
    assert len(rows) == 294
    assert len({row["path"] for row in rows}) == 294
    assert [row["path"] for row in rows_of((out / "frames.jsonl").read_text())] == [row["path"] for row in rows]
    assert len(rows_of((out / "left_out.jsonl").read_text())) == 6
    assert math.isfinite(rows[-1]["threshold"])
    assert frames.WORK in {path.name for path in out.iterdir()}
