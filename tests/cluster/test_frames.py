"""Frames on Ray, two workers in processes of their own: the rows of one process, whoever is killed."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.cli import main
from maeday_core.frames import FrameRun, Sources
from maeday_core.frames.records import WORK
from maeday_core.frames.shares import CRASHED, shares_of
from maeday_core.io.lease import leased
from maeday_core.io.remote import located
from maeday_core.model.checkpoints import save_weights
from tests.conftest import ROOT
from tests.frames.batches import brightness, frame, with_one_spot, write
from tests.frames.test_parts import files_in
from tests.frames.test_video import grey, steady
from tests.frames.test_video import write as write_video
from tests.object_store import BUCKET

pytestmark = [
    pytest.mark.filterwarnings("default"),  # those of Ray
    pytest.mark.skipif(not (find_spec("ray") and find_spec("moto")), reason="the extra `cluster` is not installed"),
]


def looked(run: FrameRun, sources: Sources, make, address: str) -> list:
    from maeday_core.cluster.frames import look
    from maeday_core.cluster.pool import Pool

    return list(look(run, sources, make, Pool(address, workers=2), keep_maps=True))


class Fatal:
    """Makes a detector that ends its process at one frame always, and at others once."""

    def __init__(self, once: Path):
        self.once = once

    def __call__(self):
        def detect(query):
            mark = self.once / str(query[0, 0])
            if query[0, 0].tolist() == [255, 0, 0] or (query[0, 0].tolist() == [0, 0, 255] and not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield from brightness(query)

        return detect


def make_brightness():
    return brightness


def test_killed_workers_change_nothing_and_a_frame_that_kills_is_named(cluster: str, tmp_path: Path) -> None:
    pictures = [frame(seed) for seed in range(40)]
    pictures[5][0, 0], pictures[30][0, 0] = (255, 0, 0), (0, 0, 255)
    folder = write(tmp_path / "in", pictures)
    alone, together = FrameRun(tmp_path / "alone"), FrameRun(tmp_path / "together")
    (tmp_path / "once").mkdir()
    *_, last = looked(together, Sources([folder]), Fatal(tmp_path / "once"), cluster)
    assert last.done == sum(last.by_worker) == 39
    assert [(one.path, one.reason) for one in together.left_out()] == [(str(folder / "5.png"), CRASHED)]
    (folder / "5.png").unlink()
    list(alone.look(Sources([folder]), brightness, keep_maps=True))
    (together.folder / "left_out.jsonl").unlink()
    assert files_in(together.folder) == files_in(alone.folder)


@pytest.fixture
def tiny(tmp_path: Path, tiny_model) -> list[str]:
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    return ["--model", str(tmp_path / "tiny.safetensors"), "--method", "maeday", "--masks", "1", "--keep-maps"]


def test_a_killed_driver_goes_on_and_the_rows_are_those_of_one_process(
    cluster: str, tmp_path: Path, tiny: list[str]
) -> None:
    folder = write(tmp_path / "in", with_one_spot())
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for number in range(20):
            Image.fromarray(frame(100 + number)).save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"{number}.png")
    write_video(folder / "walk.mp4", steady(400), picture=lambda index: grey(60 + index % 100))
    command = ["frames", str(folder), *tiny, "--out"]
    ours = [str(tmp_path / "together"), "--engine", "ray", "--address", cluster, "--workers", "2"]
    run = FrameRun(tmp_path / "together")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-W", "ignore", "-m", "maeday_core", *command, *ours]
    driver = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(share.outcomes() for share in shares_of(run)):
        assert driver.poll() is None
        time.sleep(0.02)
    driver.kill()
    driver.wait()
    time.sleep(np.random.default_rng().uniform(0, 0.3))
    before = {record.key: record.seconds for share in shares_of(run) for record in share.run.whole().values()}
    assert main([*command, *ours]) == 0
    after = {record.key: record.seconds for record in run.records()}
    assert before.items() <= after.items()  # with the seconds that each took: nothing was measured twice
    assert main([*command, str(tmp_path / "alone")]) == 0
    expected, found = files_in(tmp_path / "alone"), files_in(tmp_path / "together")
    assert len(after) == 68
    for files in (expected, found):
        files.pop("report.html")  # with the minute
    assert found == expected


def test_an_archive_in_a_store_into_the_store(cluster: str, tmp_path: Path, tiny: list[str]) -> None:
    import s3fs

    store = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    store.mkdir(BUCKET)
    folder = write(tmp_path / "in", with_one_spot() + [frame(50 + number) for number in range(12)])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    store.put(str(tmp_path / "a.zip"), f"{BUCKET}/night/a.zip")
    out = f"s3://{BUCKET}/out"
    ours = ["--out", out, "--engine", "ray", "--address", cluster, "--workers", "2"]
    work = located(f"{out}/{WORK}")
    with leased(work):
        assert main(["frames", f"s3://{BUCKET}/night", *tiny, *ours]) == 2
    store.pipe(f"{BUCKET}/out/{WORK}/.lease", json.dumps({"holder": "killed", "time": time.time() - 100}).encode())
    assert main(["frames", f"s3://{BUCKET}/night", *tiny, *ours]) == 0
    assert main(["frames", str(tmp_path / "a.zip"), *tiny, "--out", str(tmp_path / "out")]) == 0
    names = [name.removeprefix(f"{BUCKET}/out/") for name in store.find(f"{BUCKET}/out")]
    expected = files_in(tmp_path / "out")
    assert set(names) == expected.keys() | {"work/records.jsonl"}
    for name in {"frames.jsonl", "frames.csv", "work/00003.npy", "work/00019.jpg", "maps/00001-0.npy"}:
        found = store.cat(f"{BUCKET}/out/{name}").replace(f"s3://{BUCKET}/night".encode(), str(tmp_path).encode())
        assert found == expected[name]
