"""`maeday watch`: rows, the table, pictures of alarms, the webhook, and how it ends."""

import csv
import io
import threading
import time

import numpy as np
from PIL import Image

from tests.watching.streams import Hook, listening


def test_a_folder_that_fills_is_watched_until_enough_was_judged(run, folder, model, tmp_path):
    belt = tmp_path / "belt"
    belt.mkdir()

    def fill() -> None:
        time.sleep(0.5)
        for number in range(2):
            picture = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(picture).save(belt / f"{number}.png")

    filling = threading.Thread(target=fill)
    filling.start()
    hook, out = Hook(), tmp_path / "out"
    with listening(hook) as address:
        options = ["--method", "maeday", "--threshold", 0.0001, "--frames", 2, "--out", out, "--webhook", address]
        status, rows, errors = run("watch", belt, *model, *options)
    filling.join()
    assert status == 0
    assert [row["path"] for row in rows] == [str(belt / "0.png"), str(belt / "1.png")]
    assert all(row["verdict"] == "anomalous" and row["boxes"] for row in rows)
    assert hook.received == rows
    assert "2 alarms delivered by Webhook, 0 not" in errors
    assert "2 judged in" in errors
    with (out / "watch.csv").open(newline="") as file:
        assert [line["path"] for line in csv.DictReader(file)] == [row["path"] for row in rows]
    for row in rows:
        with Image.open(row["picture"]) as alarm:
            assert alarm.size == (64, 64)


def test_it_ends_by_a_line_on_standard_input_and_refuses_what_it_cannot_watch(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("p\np\nq\n"))
    status, rows, errors = run("watch", tmp_path, *model, "--method", "maeday")
    assert (status, rows) == (0, [])
    assert errors.splitlines()[-1].startswith("0 judged in")
    status, _, errors = run("watch", tmp_path / "walk.mp4", *model)
    assert status == 2
    assert errors.endswith("a file is for `maeday frames`.\n")
    for option in ("--every", "--threshold"):
        assert run("watch", tmp_path, *model, option, "-1")[0] == 2
