"""The program: its commands, its exit status, one sentence on standard error, and help that comes at once."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

import maeday_core
from maeday_core.cli import COMMANDS, main
from tests.conftest import ROOT

SLOW = ("torch", "timm", "transformers", "matplotlib", "safetensors")
COMMAND_LINES = [
    (["--help"], 0),
    (["--version"], 0),
    ([], 2),
    (["paint"], 2),
    (["detect"], 2),
    (["detect", "x.png", "--masks", "many"], 2),
    (["detect", "x.png", "--tile", "sometimes"], 2),
    (["detect", "x.png", "--normals", "y.png", "--adapter", "z.safetensors"], 2),
    (["frames", "x.png"], 2),
]
EACH = """
import json, sys
from maeday_core.cli import main
statuses = []
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as stop:
        statuses.append(stop.code)
print(json.dumps([statuses, sorted(sys.modules)]))
"""


def test_help_and_wrong_arguments_need_no_slow_import():
    command = [sys.executable, "-c", EACH, json.dumps([arguments for arguments, _ in COMMAND_LINES])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    statuses, modules = json.loads(done.stdout.splitlines()[-1])
    assert statuses == [status for _, status in COMMAND_LINES]
    assert len(done.stderr.splitlines()) == statuses.count(2)
    assert not set(SLOW) & set(modules)


def test_help_of_a_command_lists_what_can_be_chosen(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["detect", "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name in (*maeday_core.METHODS, "calibrate", "balanced"):
        assert name in shown


@pytest.mark.parametrize("flag", ["--method", "--preset"])
def test_a_wrong_name_is_one_line_that_lists_the_right_ones(capsys, flag):
    with pytest.raises(SystemExit) as stop:
        main(["detect", "x.png", flag, "nonsense"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'nonsense'" in line
    assert {"--method": "patchcore", "--preset": "paper"}[flag] in line


def test_every_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, command in COMMANDS.items():
        assert f"{name} {command.__doc__.splitlines()[0]}" in shown


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"maeday {maeday_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detect", "nowhere.png"], "nowhere.png"),
        (["detect", "{pictures}", "--masks", "0"], "masks"),
        (["detect", "{pictures}", "--mask-ratio", "1"], "mask ratio"),
        (["detect", "{pictures}", "--model", "nonsense"], "nonsense"),
        (["detect", "{pictures}", "--adapter", "nowhere.safetensors"], "nowhere.safetensors"),
        (["detect", "{pictures}", "--normals", "nowhere.png"], "nowhere.png"),
        (["detect", "{pictures}", "--method", "patchcore"], "give photos of them"),
        (["detect", "{pictures}", "--method", "self", "--normals", "{pictures}"], "uses no photos of good parts"),
        (["detect", "{pictures}", "--method", "self", "--backbone", "resnet5000"], "no backbone 'resnet5000'"),
        (["detect", "{pictures}", "--out", "{pictures}/a.png"], "a.png: File exists"),
        (["adapt", "{pictures}", "--out", "adapter.bin"], "adapter.bin"),
        (["adapt", "{pictures}", "--out", "{pictures}/x.safetensors", "--steps", "-1"], "steps"),
        (["frames", "{pictures}", "--out", "{pictures}/out", "--threshold", "-1"], "threshold"),
        (["evaluate", "{pictures}"], "no category"),
        (["report", "{pictures}"], "holds no results"),
        (["corpus", "--out", "{pictures}"], "exists already"),
        (["pretrain", "--corpus", "{pictures}", "--out", "{pictures}/x.safetensors"], "3 unreadable, transparent or"),
        (["pretrain", "--corpus", "{pictures}", "--out", "{pictures}/x.safetensors", "--steps", "0"], "one step"),
    ],
)
def test_unusable_input_is_one_line_and_status_2(run, folder, arguments, words):
    status, rows, errors = run(*(a.format(pictures=folder / "pictures") for a in arguments))
    assert status == 2
    assert rows == []
    assert len(errors.splitlines()) == 1
    assert words in errors


def test_an_interrupted_command_is_status_130(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setitem(
        COMMANDS, "bench", SimpleNamespace(__doc__="Wait.", add_arguments=lambda parser: None, run=interrupted)
    )
    assert main(["bench"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_runs_as_a_module_on_the_bundled_model_though_nobody_reads(tmp_path):
    Image.effect_noise((50, 40), 60).save(tmp_path / "noise.png")
    command = [sys.executable, "-m", "maeday_core", "detect", str(tmp_path / "noise.png"), "--masks", "1", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == ""
