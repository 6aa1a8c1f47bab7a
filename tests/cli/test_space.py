"""`maeday space push`: what a Space gets, and one sentence where it cannot get it; against a Hub of our own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest

from maeday_core.cli import main
from tests.conftest import ROOT
from tests.hub_server import in_place_of_the_hub
from tests.hub_uploads import Space, SpaceHub

Push = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.filterwarnings("ignore:Use .content=:DeprecationWarning")  # of the Hub's own client


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpaceHub]:
    """A Hub of our own in the real one's place, and a token for it; without Xet, which only the Hub's client speaks."""
    with SpaceHub() as server:
        in_place_of_the_hub(server, tmp_path, monkeypatch)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_writes")
        yield server
    huggingface_hub.close_session()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout: the files that a Space is made of, and some that it is not."""
    folder = tmp_path / "checkout"
    for name in ("README.md", "requirements.txt", ".gitattributes", "app.py", "LICENSE", "docs/inspect.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name, content in {
        "app/page.py": b"page = 1\n",
        "app/empty.py": b"",
        "app/__pycache__/page.pyc": b"\0",
        "app/.cache/notes": b"mine",
        "maeday_core/assets/mae-small.safetensors": bytes(range(256)),
        "assets/examples/first/view.json": b"{}",
        "tests/test_page.py": b"",
        "docs/figure-2.png": b"\0",
        ".git/config": b"",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def push(server: SpaceHub, checkout: Path, capsys: pytest.CaptureFixture[str]) -> Push:
    """Pushes the checkout: the exit status, standard output and standard error."""

    def push(*options: str, space: str = "lab/maeday", folder: Path = checkout) -> tuple[int, str, str]:
        status = main(["space", "push", space, "--from", str(folder), *options])
        return (status, *capsys.readouterr())

    return push


def test_a_new_space_holds_what_it_runs_from_and_nothing_else(server: SpaceHub, push: Push, checkout: Path) -> None:
    status, out, _ = push()
    assert (status, out) == (0, f"{server.url}/spaces/lab/maeday\n")
    space = server.spaces["lab/maeday"]
    assert (space.sdk, space.hardware, space.private, len(space.commits)) == ("gradio", "zero-a10g", False, 1)
    code = {"app.py", "app/page.py", "app/empty.py", "requirements.txt", ".gitattributes", "README.md", "LICENSE"}
    binary = {"maeday_core/assets/mae-small.safetensors", "docs/inspect.png"}
    assert space.files.keys() == code | binary | {"assets/examples/first/view.json"}
    assert space.in_lfs == binary
    for name in space.files.keys() - {"README.md", "requirements.txt", ".gitattributes"}:
        assert space.files[name] == (checkout / name).read_bytes()


def test_three_files_are_made_for_the_hub(server: SpaceHub, push: Push, checkout: Path) -> None:
    push()
    files = {name: content.decode() for name, content in text(server.spaces["lab/maeday"]).items()}
    changed = {
        name: sorted(set(files[name].splitlines()) - set((checkout / name).read_text(encoding="utf-8").splitlines()))
        for name in ("README.md", "requirements.txt", ".gitattributes")
    }
    assert changed["README.md"] == [f"thumbnail: {server.url}/spaces/lab/maeday/resolve/main/docs/inspect.png"]
    assert changed["requirements.txt"] == ["torch==2.13.0", "torchvision==0.28.0"]
    assert "*.png filter=lfs diff=lfs merge=lfs -text" in changed[".gitattributes"]
    assert " binary" not in files[".gitattributes"].partition("\n")[2]


def text(space: Space) -> dict[str, bytes]:
    return {name: content for name, content in space.files.items() if name not in space.in_lfs}


def test_a_second_push_sends_what_changed_and_removes_what_is_gone(
    server: SpaceHub, push: Push, checkout: Path
) -> None:
    push()
    (checkout / "app/empty.py").unlink()
    (checkout / "app/page.py").write_bytes(b"page = 2\n")
    (checkout / "docs/inspect.png").write_bytes(b"\x89PNG\0")
    status, _, _ = push()
    space = server.spaces["lab/maeday"]
    assert (status, space.commits[1:]) == (0, [{"app/empty.py", "app/page.py", "docs/inspect.png"}])
    assert "app/empty.py" not in space.files
    assert space.files["app/page.py"] == b"page = 2\n"
    assert space.files["docs/inspect.png"] == b"\x89PNG\0"
    assert push()[0] == 0
    assert len(space.commits) == 2  # nothing changed


def test_hardware_and_who_may_see_it_can_be_chosen(server: SpaceHub, push: Push) -> None:
    server.paid = True
    assert push("--private", "--hardware", "t4-small")[0] == 0
    assert (server.spaces["lab/maeday"].hardware, server.spaces["lab/maeday"].private) == ("t4-small", True)
    assert push("--hardware", "zero-a10g")[0] == 0  # of one that is there
    assert server.spaces["lab/maeday"].hardware == "zero-a10g"
    assert push()[0] == 0
    assert server.spaces["lab/maeday"].hardware == "zero-a10g"


def test_a_dry_run_lists_the_files_and_asks_nobody(
    server: SpaceHub, push: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    status, out, err = push("--dry-run")
    assert status == 0
    listed = {name: int(size.replace(",", "")) for size, name in (line.split() for line in out.splitlines())}
    assert listed["maeday_core/assets/mae-small.safetensors"] == 256
    assert listed["docs/inspect.png"] == (ROOT / "docs/inspect.png").stat().st_size
    assert not any(name.startswith(("tests/", ".git/")) for name in listed)
    assert f"{len(listed)} files" in err
    assert not server.requests


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "log in"), ("hf_unknown", "does not know the token"), ("hf_reads", "may not write there")],
)
def test_a_token_that_does_not_do(
    server: SpaceHub, push: Push, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    refused(push(), words)
    assert not server.spaces


@pytest.mark.parametrize("space", ["maeday", "lab/", "lab/maeday/page", "lab/ma eday", "lab/mae--day", "../maeday"])
def test_a_name_that_is_none(server: SpaceHub, push: Push, space: str) -> None:
    refused(push(space=space), "OWNER/NAME")
    assert not server.requests


@pytest.mark.parametrize("spoil", ["app.py", "README.md", "settings", "folder"])
def test_a_folder_that_is_no_checkout(push: Push, checkout: Path, spoil: str) -> None:
    if spoil == "settings":
        (checkout / "README.md").write_text("# Another project\n", encoding="utf-8")
    elif spoil == "folder":
        shutil.rmtree(checkout)
    else:
        (checkout / spoil).unlink()
    refused(push("--dry-run"), "is no checkout of MAEDAY")


def test_hardware_that_the_account_may_not_have(push: Push) -> None:
    refused(push("--hardware", "a100-large"), "have ZeroGPU (zero-a10g) and no other (Subscribe to PRO).")


def test_a_hub_that_does_not_answer(server: SpaceHub, push: Push) -> None:
    server.stop()
    refused(push(), "could not be reached")


def test_a_hub_that_is_out_of_order(server: SpaceHub, push: Push) -> None:
    server.status = 500
    refused(push(), "500")


def refused(pushed: tuple[int, str, str], words: str) -> None:
    """The exit status is 2, with one line on standard error after that of what goes where."""
    status, out, err = pushed
    *before, line = err.splitlines()
    assert (status, out) == (2, "")
    assert line.startswith("error: ")
    assert words in line
    assert len(before) <= 1
