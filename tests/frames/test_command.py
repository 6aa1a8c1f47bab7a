"""The command `frames`: rows, files and exit status."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.cli import main
from maeday_core.detection.feedback import moved_limit
from maeday_core.frames import FrameRun
from maeday_core.io.corrections import Correction, Label, now, save_corrections
from maeday_core.io.files import sha256
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT
from tests.frames.batches import SHAPE, frame, write


@pytest.fixture
def tiny(tmp_path: Path, tiny_model) -> list[str]:
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return ["--model", str(tmp_path / "tiny.safetensors"), "--method", "maeday", "--masks", "1", "--json"]


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_row_a_frame_on_standard_output_and_nothing_else(capsys, folder: Path, tmp_path, tiny: list[str]) -> None:
    assert main(["frames", str(folder), "--out", str(tmp_path / "out"), *tiny]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["path"] for row in rows] == [str(folder / f"{i}.png") for i in range(8)]
    assert all(row.keys() >= {"path", "time", "image_score", "threshold", "verdict", "boxes"} for row in rows)
    assert sorted(row["rank"] for row in rows) == list(range(1, 9))
    assert all(row["judged"] is None and row["settings"]["method"] == "maeday" for row in rows)
    assert len({row["threshold"] for row in rows}) == 1
    for row in rows:
        assert (row["verdict"] == "anomalous") == (row["image_score"] > row["threshold"]) == bool(row["boxes"])


def test_the_files_hold_the_printed_rows(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    out = tmp_path / "out"
    assert main(["frames", str(folder), "--out", str(out), *tiny, "--threshold", "0"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows_of((out / "frames.jsonl").read_text()) == rows
    worst = sorted(rows, key=lambda row: row["rank"])
    table, boxes = (list(csv.DictReader((out / name).read_text().splitlines())) for name in ("frames.csv", "boxes.csv"))
    assert [line["path"] for line in table] == [row["path"] for row in worst]
    assert [int(line["objects"]) for line in table] == [len(row["boxes"]) for row in worst]
    assert [float(line["peak"]) for line in boxes] == [
        pytest.approx(box["peak"], rel=1e-3) for row in worst for box in row["boxes"]
    ]
    assert (out / "report.html").exists()


def test_what_cannot_be_read_is_named_and_the_others_go_on(capsys, folder: Path, tiny: list[str]) -> None:
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("notes")
    out = folder / "results"  # within the source, and passed over
    assert main(["frames", str(folder), "--out", str(out), *tiny]) == 0
    printed = capsys.readouterr()
    assert len(rows_of(printed.out)) == 8
    assert "broken.jpg is not a picture" in printed.err
    assert "notes.txt is no picture, zip archive or video" in printed.err
    assert len(rows_of((out / "left_out.jsonl").read_text())) == 2


def test_another_threshold_judges_anew(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    options = ["frames", str(folder), "--out", str(tmp_path / "out"), *tiny]
    assert main(options) == 0
    journal = (tmp_path / "out" / "work" / "records.jsonl").read_text()
    capsys.readouterr()
    assert main([*options, "--threshold", "0.0001", "--least-area", "5"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert {row["verdict"] for row in rows} == {"anomalous"}
    assert all(box["area"] >= 5 and box["peak"] > 0.0001 for row in rows for box in row["boxes"])
    assert (tmp_path / "out" / "work" / "records.jsonl").read_text() == journal  # nothing was measured again


def test_a_folder_of_other_settings_is_refused(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    out = tmp_path / "out"
    assert main(["frames", str(folder), "--out", str(out), *tiny]) == 0
    for other in (["--seed", "1"], ["--masks", "2"], [str(tmp_path)]):
        assert main(["frames", *tiny[:-1], *other, str(folder), "--out", str(out)]) == 2
        assert "run of other settings or sources" in capsys.readouterr().err
    assert len((out / "frames.jsonl").read_text().splitlines()) == 8


def test_rows_are_printed_when_all_files_are_written(
    folder: Path, tmp_path: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a reader that stops early loses no file."""
    written: list[bool] = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            written.append((tmp_path / "out" / "report.html").exists())
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Output())
    assert main(["frames", str(folder), "--out", str(tmp_path / "out"), *tiny]) == 0
    assert written
    assert all(written)


def test_names_of_any_alphabet_and_encoding_are_written(capsys, tmp_path: Path, tiny: list[str]) -> None:
    source = write(tmp_path / "in", [frame(i) for i in range(3)])
    for index, name in enumerate(("日本" * 40, "a:b*c", "con")):
        (source / f"{index}.png").rename(source / f"{name}.png")
    (source / os.fsdecode(b"caf\xe9.png")).write_bytes((source / "con.png").read_bytes())
    assert main(["frames", str(source), "--out", str(tmp_path / "out"), *tiny, "--threshold", "0"]) == 0
    assert len(rows_of(capsys.readouterr().out)) == 4
    names = [path.name for path in (tmp_path / "out" / "anomalous").iterdir()]
    assert len(names) == 4
    assert all(name.isascii() for name in names)


def test_an_ignored_region_scores_nothing_and_maps_are_kept(
    capsys, folder: Path, tmp_path: Path, tiny: list[str]
) -> None:
    Image.new("RGB", (18, 12), "white").save(tmp_path / "all.png")
    options = ["frames", str(folder), "--out", str(tmp_path / "out"), *tiny, "--keep-maps"]
    assert main([*options, "--ignore", str(tmp_path / "all.png")]) == 0
    captured = capsys.readouterr()
    assert {row["image_score"] for row in rows_of(captured.out)} == {0.0}
    assert "warning: " + str(tmp_path / "all.png") + " marks all of a frame" in captured.err
    maps = sorted((tmp_path / "out" / "maps").glob("*.npy"))
    assert [np.load(path).shape for path in maps] == [SHAPE] * 8


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
    source = write(tmp_path / "in", [frame(i) for i in range(293)])
    (source / "deep").mkdir()
    Image.fromarray(frame(999)).save(source / "deep" / "0.png")
    for i in range(5):
        (source / f"broken-{i}.jpg").write_bytes(b"\xff\xd8\xff broken")
    (source / "notes.txt").write_text("notes")
    run = FrameRun(tmp_path / "out")
    command = [sys.executable, "-m", "maeday_core", "frames", str(source), "--out", str(run.folder), *tiny]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    while running.poll() is None and len(run.records()) < 100:
        time.sleep(0.2)
    running.kill()
    running.wait()
    assert 100 <= len(run.records()) < 294
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    rows = rows_of(done.stdout)
    assert len({row["path"] for row in rows}) == len(rows) == 294
    assert rows_of((run.folder / "frames.jsonl").read_text()) == rows
    assert len(run.left_out()) == 6
    assert math.isfinite(rows[-1]["threshold"])


def picture_of(folder: Path, name: str, number: int, spot: tuple[int, int] | None = None) -> None:
    Image.fromarray(frame(number, spot)).save(folder / name)


def test_the_text_is_that_of_the_files_and_what_was_said_before_is_marked(
    capsys, folder: Path, tmp_path: Path, tiny: list[str]
) -> None:
    options = ["frames", str(folder), "--out", str(tmp_path / "out"), *tiny[:-1]]
    for _ in range(2):  # also where everything is known
        assert main(options) == 0
        printed = capsys.readouterr()
        rows = rows_of((tmp_path / "out" / "frames.jsonl").read_text())
        expected = [[f"{row['image_score']:.4f}", row["verdict"], Path(row["path"]).name] for row in rows]
        assert [line.split() for line in printed.out.splitlines()] == expected
        assert len([line for line in printed.err.splitlines() if line.startswith("so far: ")]) == 8


def test_a_changed_picture_is_judged_anew(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    def rows_in(out: str) -> list[dict]:
        assert main(["frames", str(folder), "--out", str(tmp_path / out), *tiny]) == 0
        return rows_of(capsys.readouterr().out)

    rows_in("out")
    state = (folder / "3.png").stat()
    picture_of(folder, "3.png", 3, (70, 20))
    os.utime(folder / "3.png", ns=(state.st_atime_ns, state.st_mtime_ns))  # its time says nothing
    picture_of(folder, "25.png", 25)
    (folder / "5.png").unlink()
    assert rows_in("out") == rows_in("afresh")


@pytest.mark.slow
def test_other_good_parts_and_another_adapter_are_refused(
    capsys, folder: Path, tmp_path: Path, tiny: list[str]
) -> None:
    good, saved = tmp_path / "good.png", tmp_path / "part.safetensors"
    learn = ["adapt", str(good), "--out", str(saved), *tiny[:2], "--method", "maeday"]
    learn += ["--preset", "calibrate", "--tile", "on"]
    for given in (["--normals", str(good), "--preset", "calibrate"], ["--adapter", str(saved)]):
        options = ["frames", str(folder), "--out", str(tmp_path / given[0][2:]), *tiny, *given]
        for number, status in ((1, 0), (2, 2)):
            picture_of(tmp_path, "good.png", number)
            assert main(learn) == 0
            assert main(options) == status
        name = given[0][2:]
        assert f"run of other settings or sources ({name})" in capsys.readouterr().err


def test_a_name_that_is_a_formula_is_text_in_the_table_only(
    capsys, tmp_path: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["=1+1.png", "+1.png", "@a.png"]
    for number, name in enumerate(names):
        picture_of(tmp_path, name, number)
    assert main(["frames", *names, "--out", "out", *tiny]) == 0
    assert [row["path"] for row in rows_of(capsys.readouterr().out)] == names
    with (tmp_path / "out" / "frames.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert sorted(row["path"] for row in table) == sorted(f"'{name}" for name in names)
    assert all(float(row["image_score"]) > 0 and row["objects"] == "0" for row in table)


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(tmp_path: Path, tiny: list[str]) -> None:
    source = write(tmp_path / "in", [frame(i) for i in range(60)])
    options = ["frames", str(source), *tiny, "--keep-maps", "--out"]
    assert main([*options, str(tmp_path / "alone")]) == 0
    command = [sys.executable, "-m", "maeday_core", *options, str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    journal, rng = tmp_path / "killed" / "work" / "records.jsonl", np.random.default_rng()
    for end in (signal.SIGKILL, signal.SIGTERM):
        kept = journal.read_bytes() if journal.exists() else b""
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        while running.poll() is None and (not journal.exists() or journal.stat().st_size <= len(kept)):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        running.send_signal(end)
        running.wait()
        assert journal.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    subprocess.run(command, capture_output=True, env=environment, check=True)
    assert files_in(tmp_path / "killed") == files_in(tmp_path / "alone")
    tables = [(tmp_path / name / "frames.csv").read_bytes() for name in ("killed", "alone")]
    assert tables[0] == tables[1]


def test_a_data_set_holds_every_frame_at_its_own_size_with_the_boxes_of_its_row(
    capsys, folder: Path, tmp_path: Path, tiny: list[str]
) -> None:
    packed = tmp_path / "walk.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    command = ["frames", str(packed), "--out", str(tmp_path / "out"), *tiny, "--threshold", "0.001"]
    for _ in range(2):  # the second run measures nothing, and takes its own data set for no source
        assert main([*command, "--format", "coco", "voc"]) == 0
        rows = rows_of(capsys.readouterr().out)
    dataset = tmp_path / "out" / "dataset"
    read = json.loads((dataset / "coco.json").read_text())
    assert [image["path"] for image in read["images"]] == [row["path"] for row in rows]
    for image, row in zip(read["images"], rows, strict=True):
        with Image.open(dataset / "images" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"]) == SHAPE[::-1]
        assert [one["bbox"] for one in read["annotations"] if one["image_id"] == image["id"]] == [
            [box["x"], box["y"], box["width"], box["height"]] for box in row["boxes"]
        ]
    assert read["annotations"]
    assert len(list((dataset / "voc").iterdir())) == len(rows) == 8


def test_what_was_said_of_frames_moves_the_limit(capsys, folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    command = ["frames", str(folder), "--out", str(tmp_path / "out"), *tiny]
    assert main(command) == 0
    rows = rows_of(capsys.readouterr().out)
    factors = {row["path"]: row["image_score"] / row["threshold"] for row in rows}
    path, highest = max(factors.items(), key=lambda item: item[1])
    for label in Label:
        save_corrections([Correction(sha256(Path(path)), label, now())], tmp_path / "said.jsonl")
        assert main([*command, "--feedback", str(tmp_path / "said.jsonl")]) == 0
        shown = capsys.readouterr()
        (threshold,) = {row["threshold"] for row in rows_of(shown.out)}
        said = {one: [highest] if one is label else [] for one in Label}
        moved = moved_limit(said[Label.NORMAL], said[Label.DEFECT])
        assert threshold == pytest.approx(moved.factor * rows[0]["threshold"])
        assert moved.told in shown.err
