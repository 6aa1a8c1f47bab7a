"""`maeday pretrain` and `maeday corpus`: from pictures to a model that detects."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.pretraining.plan import Plan
from tests.conftest import TINY
from tests.pretraining.pictures import pictures


@pytest.fixture
def corpus(folder, monkeypatch):
    """A folder of pictures; what is trained is tiny, in batches of four."""
    tiny = {"config": TINY, "batch_size": 4, "log_every": 1}
    monkeypatch.setattr("maeday_core.pretraining.plan.Plan", lambda **given: Plan(**given, **tiny))
    (folder / "corpus").mkdir()
    for number, picture in enumerate(pictures(4)):
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / "corpus" / f"{number}.png")
    return folder / "corpus"


def curve_of(errors: str) -> list[dict]:
    """What was printed of each step, between lines of progress where a step took long."""
    return [json.loads(line) for line in errors.splitlines() if line.startswith("{")]


def test_the_weights_detect_and_a_run_can_be_resumed(run, folder, corpus):
    out = folder / "new" / "mine.safetensors"
    status, rows, errors = run("pretrain", "--corpus", corpus, "--out", out, "--steps", 2, "--seed", 1)
    assert (status, rows) == (0, [])
    first, *_, last = errors.splitlines()
    assert "held out" in first
    assert [row["step"] for row in curve_of(errors)] == [1, 2]
    assert last == f"wrote {out}"
    status, rows, _ = run("detect", folder / "pictures", "--model", out, "--masks", 1, "--json")
    assert (status, len(rows)) == (0, 3)
    resume = ["--resume", out.with_suffix(".state"), "--steps", 3]
    _, _, errors = run("pretrain", "--corpus", corpus, "--out", out, *resume)
    assert [row["step"] for row in curve_of(errors)] == [3]


def test_it_starts_from_a_models_weights(run, folder, corpus):
    out = ["--corpus", corpus, "--out", folder / "mine.safetensors", "--steps", 1]
    errors = [run("pretrain", *out, *model)[2] for model in ([], ["--model", folder / "tiny.safetensors"])]
    fresh, continued = (curve_of(text)[0]["masked_mse"] for text in errors)
    assert fresh != continued


def test_a_disk_that_is_full_by_then_is_a_sentence_and_the_last_state_stays(run, folder, corpus, monkeypatch):
    out = folder / "mine.safetensors"
    arguments = ["pretrain", "--corpus", corpus, "--out", out, "--seed", 1]
    assert run(*arguments, "--steps", 1)[0] == 0
    state = out.with_suffix(".state").read_bytes()
    write_bytes = Path.write_bytes

    def full(path, content):
        if path.suffix == ".state":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    status, rows, errors = run(*arguments, "--steps", 2)
    assert (status, rows) == (2, [])
    assert f"There is no space left in {folder}" in errors.splitlines()[-1]
    assert out.with_suffix(".state").read_bytes() == state
