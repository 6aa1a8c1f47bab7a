"""An evaluation on Ray: the rows of one process, whoever is killed, and each engine goes on with the other's work."""

import json
import os
import shutil
import signal
from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from maeday_core.cli import main
from maeday_core.detection.settings import Settings
from maeday_core.errors import MaedayError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan, evaluate
from maeday_core.evaluation.store import RESULTS, SCORES, WORKERS, Store
from maeday_core.methods import MAEDAY, Tools
from maeday_core.model.checkpoints import save_weights
from maeday_core.model.load import placed
from tests.evaluation.plates import draw_category

pytestmark = [
    pytest.mark.filterwarnings("default"),  # those of Ray
    pytest.mark.skipif(not find_spec("ray"), reason="the extra `cluster` is not installed"),
]


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    for seed, name in enumerate(("bolt", "nut")):
        draw_category(tmp_path / "sets" / name, good=3, spotted=3, normals=2, seed=seed)
    return tmp_path / "sets"


def rows(folder: Path, name: str) -> list[dict]:
    """The lines of a file, but for the seconds."""
    read = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    return [{key: value for key, value in row.items() if "seconds" not in key} for row in read]


def kept(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("maps/*/*")}


def assert_same(found: Path, expected: Path) -> None:
    assert rows(found, RESULTS) == rows(expected, RESULTS)
    assert rows(found, SCORES) == rows(expected, SCORES)
    assert kept(found) == kept(expected)
    assert not (found / WORKERS).exists()


def test_the_tables_are_those_of_one_process(
    cluster: str, plates: Path, tmp_path: Path, tiny_model, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(tiny_model, tmp_path / "tiny.safetensors", {})
    command = ["evaluate", str(plates), "--model", str(tmp_path / "tiny.safetensors"), "--masks", "1", "--keep-maps"]
    command += ["--method", "maeday", "self", "--seeds", "0", "1"]
    assert main([*command, "--out", str(tmp_path / "alone")]) == 0
    alone = capsys.readouterr().out
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    ray = ["--engine", "ray", "--address", "auto", "--workers", "2", "--log", str(tmp_path / "log.jsonl")]
    assert main([*command, "--out", str(tmp_path / "together"), *ray]) == 0
    assert capsys.readouterr().out == alone
    assert len(alone.splitlines()) == 1 + 8 + 2
    assert_same(tmp_path / "together", tmp_path / "alone")
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert sorted((row["event"], row["task"]) for row in events) == [
        (event, f"{name} with 0 shots and seed {seed}")
        for event in ("begun", "done")
        for name in ("bolt", "nut")
        for seed in (0, 1)
    ]
    assert {row["worker"] for row in events} == {"maeday 1", "maeday 2"}
    assert main([*command, *ray]) == 2


class Fatal(type(MAEDAY)):  # type: ignore[misc]
    """MAEDAY, which ends its process at the third picture, if there is a mark, which it takes away."""

    def __init__(self, marks: Path):
        object.__setattr__(self, "marks", marks)

    def detector(self, tools, reference):
        detect, seen = super().detector(tools, reference), []

        def fatal(query):
            seen.append(query)
            if len(seen) == 3 and self.marks.exists():
                self.marks.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return detect(query)

        return fatal


def test_killed_workers_change_nothing_and_do_nothing_twice(
    cluster: str, plates: Path, tmp_path: Path, tiny_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maeday_core.cluster import evaluate as by_workers
    from maeday_core.cluster.pool import Pool

    mark, out = tmp_path / "mark", tmp_path / "together"
    plan, tools = Plan(find_categories(plates, ["nut"]), [Fatal(mark)]), Tools.of(tiny_model, Settings(masks=1))
    list(evaluate(plan, replace(tools, model=lambda: placed(deepcopy(tiny_model))), tmp_path / "alone"))
    mark.touch()
    monkeypatch.setattr(by_workers, "DEATHS", 1)
    with pytest.raises(MaedayError, match="ended at nut with 0 shots and seed 0"):
        list(by_workers.evaluate(plan, tools, out, Pool(cluster, 2)))
    before = [json.loads(line) for line in (out / SCORES).read_text().splitlines()]
    assert len(before) == 2
    mark.touch()
    monkeypatch.undo()
    list(by_workers.evaluate(plan, tools, out, Pool(cluster, 2)))
    assert not mark.exists()
    assert_same(out, tmp_path / "alone")
    after = [json.loads(line) for line in (out / SCORES).read_text().splitlines()]
    assert [row["seconds"] for row in after[:2]] == [row["seconds"] for row in before]


def test_what_the_workers_of_a_killed_driver_left_is_taken_once(plates: Path, tmp_path: Path, tiny_model) -> None:
    plan, tools = Plan(find_categories(plates)), Tools.of(tiny_model, Settings(masks=1))
    alone, out = tmp_path / "alone", tmp_path / "out"
    list(evaluate(plan, tools, alone, keep_maps=True))
    for number, keep in enumerate((True, False)):
        left = out / WORKERS / str(number)
        shutil.copytree(alone, left)
        lines = (left / SCORES).read_text().splitlines(keepends=True)
        (left / SCORES).write_text("".join(lines[:8]))
        (left / RESULTS).write_text((alone / RESULTS).read_text().splitlines(keepends=True)[0] if keep else "")
    list(evaluate(plan, tools, out, keep_maps=True))
    assert_same(out, alone)
    assert len(Store(out, out / RESULTS, keep_maps=True).finished) == 2
