"""Sources and results in an object store: the same files as on a disk."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maeday_core import ImageError
from maeday_core.cli import main
from maeday_core.frames import Sources
from maeday_core.frames.records import WORK
from maeday_core.frames.run import JOURNAL
from maeday_core.io.remote import is_remote, located
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT
from tests.frames.batches import frame, with_one_spot, write
from tests.frames.test_video import grey, steady
from tests.frames.test_video import write as write_video
from tests.object_store import BUCKET, object_store

s3fs = pytest.importorskip("s3fs", reason="the extra `cluster` is not installed")


@pytest.fixture(scope="module")
def store() -> Iterator["s3fs.S3FileSystem"]:
    pytest.importorskip("moto.server", reason="moto is not installed")
    with object_store():
        system = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
        system.mkdir(BUCKET)
        yield system


@pytest.fixture
def tiny(tmp_path: Path, tiny_model) -> list[str]:
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return ["--model", str(tmp_path / "tiny.safetensors"), "--method", "maeday", "--masks", "1"]


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with pictures, folders, an archive, a video, and what is no frame."""
    folder = write(tmp_path / "in", with_one_spot())
    write(folder / "0", [frame(20), frame(21)])
    (folder / "0-broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("somebody's")
    (folder / ".hidden.png").write_text("nobody's")
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(3):
            archive.write(folder / f"{number}.png", f"packed/{number}.png")
    write_video(folder / "walk.mp4", steady(50), picture=lambda index: grey(80 + index))
    return folder


def test_results_in_a_store_are_those_on_a_disk_and_a_second_run_measures_nothing(
    store, night: Path, tmp_path: Path, tiny: list[str]
) -> None:
    store.put(str(night), f"{BUCKET}/in", recursive=True)
    local, remote = tmp_path / "out", f"s3://{BUCKET}/in/out"
    assert main(["frames", str(night), "--out", str(local), "--keep-maps", *tiny]) == 0
    journals = []
    for _ in range(2):
        assert main(["frames", f"s3://{BUCKET}/in", "--out", remote, "--keep-maps", *tiny]) == 0
        found = {name.removeprefix(f"{BUCKET}/in/out/"): store.cat(name) for name in store.find(f"{BUCKET}/in/out")}
        journals.append(found.pop("work/records.jsonl"))
        expected = {str(path.relative_to(local)): path.read_bytes() for path in local.rglob("*") if path.is_file()}
        for name in ("work/.lock", "work/records.jsonl", "report.html"):
            expected.pop(name)
        report = found.pop("report.html")
        assert b"18 frames" in report
        given = {name: data.replace(f"s3://{BUCKET}/in".encode(), str(night).encode()) for name, data in found.items()}
        given["work/run.json"] = given["work/run.json"].replace(remote.encode(), str(local).encode())
        assert given == expected
    assert journals[0] == journals[1]  # with the seconds that each detection took
    assert len(journals[0].splitlines()) == 18


def test_a_run_into_a_store_goes_on_where_it_was_cut_off(store, night: Path, tiny: list[str]) -> None:
    out = f"s3://{BUCKET}/cut"
    assert main(["frames", str(night / "0"), str(night / "1.png"), "--out", out, *tiny]) == 0
    journal = f"{BUCKET}/cut/{WORK}/{JOURNAL}"
    rows = store.cat(journal).splitlines(keepends=True)
    store.rm(journal)  # as it lies while the run goes on: in parts
    store.pipe({f"{journal}.parts/{number:020}.jsonl": row for number, row in enumerate(rows[:2])})
    assert main(["frames", str(night / "0"), str(night / "1.png"), "--out", out, *tiny]) == 0
    again = store.cat(journal).splitlines(keepends=True)
    assert again[:2] == rows[:2]
    assert [json.loads(row)["path"] for row in again] == [json.loads(row)["path"] for row in rows]
    assert not store.find(f"{journal}.parts")


@pytest.mark.parametrize(
    ("source", "out", "told"),
    [
        ("s3://bucket/nowhere", "s3://bucket/none", "There is no file or folder nowhere"),
        ("s3://bucket/nowhere", "s3://no-such-bucket/out", "s3://no-such-bucket/out cannot be written (The specified"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(store, capsys, source: str, out: str, told: str) -> None:
    assert main(["frames", source, "--out", out]) == 2
    assert told in capsys.readouterr().err


def test_a_store_that_does_not_answer_is_told_in_a_sentence(
    store, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    assert main(["frames", "s3://silent/in", "--out", str(tmp_path / "out")]) == 2
    assert "s3://silent/in cannot be read (Could not connect" in capsys.readouterr().err


def test_an_address_is_opened_for_the_command_line_only() -> None:
    with pytest.raises(ImageError, match="no file or folder"):
        list(Sources(["s3://bucket/in"]).frames())
    assert not any(is_remote(located(text)) for text in ("s3:/bucket", "file:///etc/passwd", "http://host/x"))
    asking = {
        path.relative_to(ROOT).parts[:2]
        for folder in ("maeday_core", "app")
        for path in (ROOT / folder).rglob("*.py")
        if "located(" in path.read_text(encoding="utf-8").replace("def located(", "")
    }
    assert asking == {("maeday_core", "cli")}


def test_local_paths_need_no_package_for_stores(folder: Path, tmp_path: Path, tiny: list[str]) -> None:
    code = (
        "import sys; from maeday_core.cli import main; status = main(sys.argv[1:]); "
        "found = {'fsspec', 'upath', 'ray'} & sys.modules.keys(); sys.exit(f'{status} {found}' if found else status)"
    )
    command = [sys.executable, "-c", code, "frames", str(folder), "--out", str(tmp_path / "out"), *tiny]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
