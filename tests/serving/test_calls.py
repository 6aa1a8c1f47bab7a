"""Calls of programs: the answer is that of the library for the same settings, and what is wrong is said."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core import ENSEMBLE, ImageError, MaskedAutoencoder, Settings, SettingsError, Tools, detect, load_image
from maeday_core.detection.region import Region
from maeday_core.serving import calls
from maeday_core.serving.calls import Asked, Compute
from maeday_core.serving.jobs import CUT, Given, Job
from maeday_core.serving.turns import in_this_process
from tests.conftest import ROOT

EXAMPLES = ROOT / "assets" / "examples"
SCRATCH, CLEAN, FRAMES = (EXAMPLES / name for name in ("metal-scratch.jpg", "metal-clean.jpg", "frames.zip"))
FAST = Asked(method="patchcore")


@pytest.fixture
def compute(tiny_model: MaskedAutoencoder) -> Compute:
    def here(job: Job[Given], model: str, settings: Settings, who: str) -> Iterator[Given]:
        return in_this_process(job, Tools.of(tiny_model, settings), who)

    return here


def test_an_answer_is_that_of_the_library(compute: Compute, tiny_model: MaskedAutoencoder, tmp_path: Path) -> None:
    answer, files = calls.detect(compute, SCRATCH, Asked(masks=4, seed=3), tmp_path)
    settings = Settings(masks=4, seed=3, sampling="balanced", tile="auto")
    alone = detect(ENSEMBLE, Tools.of(tiny_model, settings), load_image(SCRATCH))
    assert answer["image_score"] == answer["anomaly_score"] == pytest.approx(alone.image_score, rel=1e-5)
    assert answer["threshold"] == answer["anomaly_threshold"] == pytest.approx(alone.threshold.value, rel=1e-5)
    np.testing.assert_allclose(np.load(files.error_map), alone.error_map, rtol=1e-3, atol=1e-3)
    mask = np.asarray(Image.open(files.mask))
    assert mask.shape == alone.error_map.shape
    assert mask.any() == answer["is_anomalous"] == (answer["verdict"] == "anomalous") == bool(answer["boxes"])
    for box in answer["boxes"]:
        assert mask[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]].any()
    assert np.asarray(Image.open(files.heat_map)).shape == (480, 480, 3)


def test_a_threshold_by_hand_decides(compute: Compute, tmp_path: Path) -> None:
    judged = partial(calls.detect, compute, SCRATCH, out=tmp_path, good=[CLEAN])
    high, _ = judged(Asked(method="patchcore", threshold=1.9))
    low, _ = judged(Asked(method="patchcore", threshold=0.1))
    assert (high["verdict"], high["boxes"]) == ("normal", [])
    assert (low["verdict"], low["state"]) == ("anomalous", "anomalous")


def test_what_was_learned_is_a_file_for_later_calls(compute: Compute, tmp_path: Path) -> None:
    answer, adapter = calls.adapt(compute, [CLEAN], FAST, tmp_path, name="sheet")
    assert (answer["method"], answer["shots"], answer["doubts"]) == ("patchcore", 1, [])
    with_file, _ = calls.detect(compute, SCRATCH, FAST, tmp_path, adapter=adapter)
    with_photo, _ = calls.detect(compute, SCRATCH, FAST, tmp_path, good=[CLEAN])
    assert with_file["image_score"] == with_photo["image_score"]


def test_frames_are_judged_together_in_as_many_jobs_as_it_takes(compute: Compute, tmp_path: Path) -> None:
    asked = Asked(method="self", tile="off")

    def cut_short(job: Job[Given], model: str, settings: Settings, who: str) -> Iterator[Given]:
        """Two frames, and the time is up."""
        for number, item in enumerate(compute(job, model, settings, who)):
            if number == 2:
                yield CUT  # type: ignore[misc]
                return
            yield item

    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    at_once, archive = calls.frames(compute, [FRAMES], asked, tmp_path / "one")
    in_parts, _ = calls.frames(cut_short, [FRAMES], asked, tmp_path / "many")
    assert len(at_once["rows"]) == 11
    assert in_parts == at_once
    assert archive.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("asked", "good", "error"),
    [
        ({"masks": 1000}, 0, "number of masks is 1000"),
        ({"threshold": -1.0}, 0, "threshold is -1"),
        ({"method": "magic"}, 0, "no method 'magic'"),
        ({"method": "patchcore"}, 0, "has none"),
        ({"method": "self"}, 1, "uses no photos of good parts"),
        ({}, 9, "9 photos of good parts"),
    ],
)
def test_what_is_wrong_is_said(compute: Compute, tmp_path: Path, asked: dict, good: int, error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        calls.detect(compute, SCRATCH, Asked(**asked), tmp_path, good=[CLEAN] * good)


def test_a_broken_picture_is_named(compute: Compute, tmp_path: Path) -> None:
    (broken := tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    with pytest.raises(ImageError, match=r"broken\.png"):
        calls.detect(compute, broken, Asked(), tmp_path)


def test_what_is_ignored_in_good_parts_and_queries(compute: Compute, tmp_path: Path) -> None:
    left = np.zeros((10, 10), bool)
    left[:, :5] = True
    region = Region.of(left)
    _, adapter = calls.adapt(compute, [CLEAN], FAST, tmp_path, region=region)
    _, files = calls.detect(compute, SCRATCH, FAST, tmp_path, adapter=adapter)
    error_map = np.load(files.error_map)
    assert error_map[:, :240].max() == 0 < error_map[:, 240:].min()
    _, files = calls.detect(compute, SCRATCH, Asked(method="self"), tmp_path, region=region)
    assert np.load(files.error_map)[:, :240].max() == 0
