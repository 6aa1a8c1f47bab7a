"""The program: its commands, its exit status, one sentence on standard error, and help that comes at once."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from PIL import Image

import maeday_core
from maeday_core.cli import COMMANDS, command, main
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


def test_help_of_the_program_needs_no_library_at_all():
    shown = "import sys; from maeday_core.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert not {*SLOW, "numpy", "cv2", "PIL", "tqdm"} & set(done.stdout.splitlines()[-1].split())


def test_a_detection_imports_nothing_that_it_does_not_use(tmp_path):
    Image.effect_noise((50, 40), 60).save(tmp_path / "noise.png")
    shown = "import sys; from maeday_core.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", shown, "detect", str(tmp_path / "noise.png"), "--masks", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    unused = {"timm", "torchvision", "transformers", "huggingface_hub", "matplotlib", "av", "gradio", "openvino"}
    assert not unused & set(done.stdout.splitlines()[-1].split())


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
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in shown
        assert command(name).__doc__.splitlines()[0] == summary


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert re.fullmatch(rf"maeday {maeday_core.__version__}, bundled model [0-9a-f]{{12}}\n", said)
    assert said.split()[-1] == maeday_core.load_model("bundled").info.sha256[:12]


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
        (["detect", "{pictures}", "--out", "{pictures}/a.png"], "a.png cannot be written (File exists)"),
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


def bench_is(monkeypatch, run):
    waiting = SimpleNamespace(add_arguments=lambda parser: None, run=run)
    monkeypatch.setitem(sys.modules, "maeday_core.cli.bench", waiting)


@pytest.mark.parametrize("after", [0.03, 0.3, 1.2, 4])
def test_ctrl_c_at_any_moment_is_one_word_and_status_130(tmp_path, after):
    """Sent from within, so that the moment does not depend on how fast Python starts."""
    Image.effect_noise((5000, 5000), 60).save(tmp_path / "noise.png", compress_level=0)
    code = (
        "import os, signal, sys, threading, maeday_core.__main__ as program;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell's background jobs ignore it
        f"threading.Timer({after}, os.kill, (os.getpid(), signal.SIGINT)).start();"
        f"sys.argv = ['maeday', 'detect', {str(tmp_path / 'noise.png')!r}, '--masks', '512'];"
        "sys.exit(program.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.splitlines()[-1:]) == (130, ["interrupted"])
    assert "Traceback" not in done.stderr


def test_ctrl_c_within_an_exec_is_a_status_too(tmp_path):
    """Where a dataclass is made while a library is imported, for instance."""
    (tmp_path / "program.py").write_text(
        "import sys, maeday_core.cli, maeday_core.__main__ as program\n"
        "maeday_core.cli.main = lambda: exec('raise KeyboardInterrupt')\n"
        "sys.exit(program.main())"
    )
    command, here = [sys.executable, "-m", "program"], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=here, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_a_terminated_command_leaves_nothing_behind(tmp_path):
    code = (
        "import os, pathlib, signal, sys, maeday_core.__main__ as program\n"
        "from maeday_core import cli\n"
        "from maeday_core.io.files import replacing\n"
        "def main():\n"
        f"    with replacing({str(tmp_path / 'kept.txt')!r}) as path:\n"
        "        path.write_text('half')\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        signal.pause()\n"
        "cli.main = main\n"
        "sys.exit(program.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (143, "", [])


def test_a_mistake_of_the_program_is_one_line_and_status_1(capsys, monkeypatch):
    def fail(options):
        raise ZeroDivisionError("division by zero\nand more")

    bench_is(monkeypatch, fail)
    assert main(["bench"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError: division by zero" in line
    assert "report it" in line


def test_any_name_can_be_printed_in_any_encoding(tmp_path):
    for name in ("部品.jpg", "more.jpg"):
        Image.effect_noise((50, 40), 60).save(tmp_path / name)
    Image.effect_noise((50, 40), 60).save(os.fsencode(tmp_path) + b"/pr\xfcfung.png")
    command = [sys.executable, "-m", "maeday_core", "detect", str(tmp_path), "--masks", "1"]
    narrow = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, cwd=ROOT, env=narrow, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert any(b"\\u90e8\\u54c1.jpg" in line for line in lines)
    assert any(b"pr\\udcfcfung.png" in line for line in lines)


def test_runs_as_a_module_on_the_bundled_model_though_nobody_reads(tmp_path):
    Image.effect_noise((50, 40), 60).save(tmp_path / "noise.png")
    command = [sys.executable, "-m", "maeday_core", "detect", str(tmp_path / "noise.png"), "--masks", "1", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == ""
