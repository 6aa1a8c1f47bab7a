"""Watching: the newest frame of a stream, every picture of a folder, and what is told of alarms."""

import csv
import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.watch import served
from maeday_core.errors import ImageError, SettingsError
from maeday_core.watching import Mqtt, Table, Tally, Webhook, watch
from maeday_core.watching.arrivals import arrivals, without_password
from tests.frames.batches import brightness
from tests.watching.broker import Broker
from tests.watching.streams import Camera, Hook, listening

SOON = 20.0
"""Seconds after which a test gives up."""


@pytest.fixture
def ended():
    """Ends a watch at the latest when the test is done."""
    event = threading.Event()
    timer = threading.Timer(SOON, event.set)
    timer.start()
    yield event
    timer.cancel()
    event.set()


def slow(query):
    """A detector that takes longer than the camera waits."""
    time.sleep(0.1)
    yield from brightness(query)


def white(path: Path, level: int = 20) -> Path:
    Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(path)
    return path


def test_the_newest_frame_is_judged_and_those_in_between_are_counted(ended):
    camera, tally, rows = Camera(), Tally(started=time.monotonic()), []
    with served(camera) as address:
        source = arrivals(address)
        for watched in watch(source, slow, ended, threading.Event(), threshold=0.5):
            rows.append(watched.row)
            tally.add(watched)
            assert watched.alarm == (watched.row["image_score"] > 0.5) == bool(watched.row["boxes"])
            if len(rows) == 8:
                ended.set()
    assert [row["number"] for row in rows] == list(range(1, 9))
    assert source.dropped >= 8
    assert source.losses == 0
    assert all(row["latency"] < 1 for row in rows)
    told = tally.told(source)
    assert told.startswith("8 judged in ")
    assert f"{source.dropped} dropped, lost 0 times" in told


def test_a_camera_that_is_lost_is_watched_again_when_it_is_back(ended):
    camera, said, seen = Camera(), [], 0
    with served(camera) as address:
        source = arrivals(address, said.append)
        for _ in watch(source, brightness, ended, threading.Event()):
            seen += 1
            if seen == 3:
                camera.on.clear()
                threading.Timer(1.0, camera.on.set).start()
            if seen > 3 and source.losses:
                ended.set()
    assert source.losses == 1
    assert [sentence.removeprefix(address) for sentence in said] == [
        " is lost; it is tried again until it is there.",
        " is there.",
    ]


def test_a_pause_judges_nothing_and_drops_nothing(ended):
    camera, paused, times = Camera(), threading.Event(), []
    with served(camera) as address:
        source = arrivals(address)
        for _ in watch(source, brightness, ended, paused):
            times.append(time.monotonic())
            if len(times) == 2:
                before = source.dropped
                paused.set()
                threading.Timer(1.0, paused.clear).start()
            if len(times) == 4:
                ended.set()
    assert times[2] - times[1] >= 0.9
    assert source.dropped - before <= 5  # 50 frames came in the meantime


def test_a_folder_gives_every_new_picture_once_it_is_whole(tmp_path, ended):
    white(tmp_path / "old.png")
    said, seen = [], []
    source = arrivals(str(tmp_path), said.append)

    def fill() -> None:
        white(tmp_path / "1.png")
        content = (tmp_path / "old.png").read_bytes()
        with (tmp_path / "2.png").open("wb") as file:  # copied slowly
            for start in range(0, len(content), len(content) // 4):
                file.write(content[start : start + len(content) // 4])
                file.flush()
                time.sleep(0.1)
        (tmp_path / "3.png").write_text("no picture")
        white(tmp_path / "4.png", 240)
        white(tmp_path / "5.png")

    filling = threading.Thread(target=fill)
    filling.start()
    for watched in watch(source, slow, ended, threading.Event(), threshold=0.5):
        seen.append((Path(watched.row["path"]).name, watched.row["verdict"]))
        if len(seen) == 4:
            ended.set()
    filling.join()
    assert dict(seen) == {"1.png": "normal", "2.png": "normal", "4.png": "anomalous", "5.png": "normal"}
    assert source.dropped == 0
    assert "1 picture that is" in said[0]
    assert any("3.png" in sentence for sentence in said)


def test_a_webhook_is_told_again_until_it_takes_an_alarm(ended):
    said, hook = [], Hook(refusals=2)
    with listening(hook) as address:
        teller = Webhook(address, said.append, waits=(0.01, 0.01, 0.01))
        for number in (1, 2):
            teller.write({"number": number})
        teller.close()
    assert [row["number"] for row in hook.received] == [1, 2]
    assert (teller.delivered, teller.undelivered, said) == (2, 0, [])


def test_a_webhook_that_takes_nothing_is_said_and_keeps_nobody_waiting():
    said = []
    with listening(Hook(refusals=99)) as address:
        teller = Webhook(address.replace("http://", "http://user:secret@"), said.append, waits=(0.01,))
        start = time.monotonic()
        teller.write({"number": 1})
        assert time.monotonic() - start < 0.5
        teller.close()
    assert (teller.delivered, teller.undelivered) == (0, 1)
    assert "was not delivered" in said[0]
    assert "secret" not in said[0]


def test_a_broker_is_told_and_one_that_is_away_is_tried_again():
    said = []
    with Broker() as broker:
        teller = Mqtt(f"mqtt://me:secret@127.0.0.1:{broker.port}/line/alarms", said.append, waits=(0.01, 0.01))
        for number in (1, 2):
            teller.write({"number": number})
        teller.close()
    assert [(topic, json.loads(body)["number"]) for topic, body in broker.received] == [
        ("line/alarms", 1),
        ("line/alarms", 2),
    ]
    assert broker.users == ["me:secret"] * 2
    assert (teller.delivered, teller.undelivered, said) == (2, 0, [])
    teller = Mqtt(f"mqtt://me:secret@127.0.0.1:{broker.port}/line/alarms", said.append, waits=(0.01,))
    teller.write({"number": 3})
    teller.close()
    assert (teller.delivered, teller.undelivered) == (0, 1)
    assert "was not delivered" in said[0]
    assert "secret" not in said[0]
    with pytest.raises(SettingsError, match="names no topic"):
        Mqtt("mqtt://host/", print)


def test_a_table_goes_on_where_it_was(tmp_path):
    row = {"time": "t", "path": "=x", "image_score": 1.0, "threshold": 0.5, "verdict": "anomalous", "boxes": [{}, {}]}
    row |= {"number": 1, "latency": 0.1, "dropped": 3, "picture": None}
    for _ in range(2):
        Table(tmp_path / "watch.csv").write(row)
    with (tmp_path / "watch.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(one["path"], one["objects"], one["dropped"]) for one in rows] == [("'=x", "2", "3")] * 2


@pytest.mark.parametrize("source", ["photo.jpg", "ftp://host/x", "-1"])
def test_what_cannot_be_watched_is_refused(source):
    with pytest.raises(ImageError, match="no folder, no number of a camera, and no address of a stream"):
        arrivals(source)
    with pytest.raises(SettingsError, match="no http or https address"):
        Webhook(source, print)
    with pytest.raises(SettingsError, match=r"no mqtt or mqtts address|names no topic"):
        Mqtt(source, print)


def test_a_password_is_not_shown():
    assert without_password("rtsp://me:secret@cam:554/live?token=x") == "rtsp://cam:554/live"


def test_a_mistake_in_one_picture_does_not_end_the_watch(ended):
    camera, mistakes, seen = Camera(), [], 0

    def fails_first(query):
        if not mistakes:
            raise ValueError("a mistake")
        yield from brightness(query)

    with served(camera) as address:
        for _ in watch(arrivals(address), fails_first, ended, threading.Event(), on_mistake=mistakes.append):
            seen += 1
            ended.set()
    assert (seen, [str(one) for one in mistakes]) == (1, ["a mistake"])
