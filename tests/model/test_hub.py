"""The Hub: downloads are complete, resumed and kept; a failure is one sentence, after one attempt."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub as hub
import pytest
import safetensors.torch
import timm
import torch

from maeday_core.errors import WeightsError
from maeday_core.model.backbone import BACKBONES, load_backbone
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.networks import REVISIONS
from tests.checkpoints import State, assert_holds, cut, hub_layout, load, refusal, write
from tests.conftest import ROOT
from tests.hub_server import COMMIT, Fault, HubServer, Repo, in_place_of_the_hub


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub of our own in the real one's place."""
    with HubServer() as server:
        in_place_of_the_hub(server, tmp_path, monkeypatch)
        yield server
    hub.close_session()


@pytest.fixture
def connections(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The addresses that the program connects to, with success or without."""
    connect, addresses = socket.create_connection, []

    def counted(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        addresses.append(address)
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", counted)
    return addresses


@pytest.fixture
def repo(server: HubServer, tmp_path: Path, state: State, config: dict) -> Repo:
    """A good repository on the server, as `lab/mae`."""
    path = write(tmp_path / "source" / "model.safetensors", hub_layout(state), config)
    return server.repos.setdefault("lab/mae", Repo({p.name: p.read_bytes() for p in path.parent.iterdir()}))


@pytest.fixture
def bin_repo(server: HubServer, tmp_path: Path, state: State, config: dict) -> Repo:
    """A repository that offers no safetensors, as `lab/mae-bin`."""
    path = write(tmp_path / "source-bin" / "pytorch_model.bin", hub_layout(state), config)
    return server.repos.setdefault("lab/mae-bin", Repo({p.name: p.read_bytes() for p in path.parent.iterdir()}))


@pytest.mark.parametrize("terminal", [False, True])
def test_download_and_its_progress(
    server: HubServer, repo: Repo, state: State, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    if terminal:
        monkeypatch.setenv("TQDM_POSITION", "-1")  # shows the bar, as on a terminal
    reports: list[tuple[int, int]] = []
    model = load("lab/mae", progress=lambda done, total: reports.append((done, total)))
    assert_holds(model, state)
    content = repo.files["model.safetensors"]
    assert model.info.sha256 == hashlib.sha256(content).hexdigest()
    assert model.info.source == "lab/mae"
    assert len(reports) > 3
    assert reports == sorted(reports)
    assert reports[-1] == (len(content), len(content))
    assert {total for _, total in reports} == {len(content)}
    (download,) = server.downloads()
    assert download.sent == len(content)
    assert not download.authorised, "the token went to another origin"
    assert all(request.authorised for request in server.requests if request is not download)


def test_later_starts_need_no_hub(server: HubServer, repo: Repo, bin_repo: Repo, state: State, tmp_path: Path) -> None:
    names = ["lab/mae", "lab/mae-bin", "lab/mae@main", f"lab/mae@{COMMIT}"]
    for name in names:
        assert_holds(load(name), state)
    asked = len(server.requests)
    assert [request.path.rsplit("/")[-1] for request in server.downloads()] == [
        "model.safetensors",
        "pytorch_model.bin",
    ]
    assert_holds(load("lab/mae"), state)
    assert len(server.requests) == asked

    server.stop()
    for name in names:
        assert_holds(load(name), state)
    program = (
        f"from maeday_core import load_model\nfor name in {names}: print(load_model(name, device='cpu').info.sha256)\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
    again = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    sha256 = {
        "lab/mae": hashlib.sha256(repo.files["model.safetensors"]).hexdigest(),
        "lab/mae-bin": hashlib.sha256(bin_repo.files["pytorch_model.bin"]).hexdigest(),
    }
    assert again.stdout.split() == [sha256[name.partition("@")[0]] for name in names], again.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lab/mae@no-such-branch", ["lab/mae", "no revision 'no-such-branch'"]),
        ("lab/unknown", ["no public model 'lab/unknown'", "check the id"]),
        ("lab/gated", ["no public model 'lab/gated'", "log in"]),
        ("lab/no-config", ["lab/no-config", "no config.json"]),
        ("lab/no-weights", ["lab/no-weights", "neither model.safetensors nor pytorch_model.bin"]),
        ("lab/cut-short", ["model.safetensors is damaged or cut short", "delete", "download"]),
        ("lab/spoilt", ["lab/spoilt", "SHA-256"]),
    ],
)
@pytest.mark.parametrize("token", [None, "hf_secret"])
def test_what_the_hub_does_not_have(
    server: HubServer, repo: Repo, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str], token: str | None
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    config, content = repo.files["config.json"], repo.files["model.safetensors"]
    flipped = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]
    server.repos |= {
        "lab/gated": Repo(repo.files, gated=True),
        "lab/no-config": Repo({"model.safetensors": content}),
        "lab/no-weights": Repo({"config.json": config}),
        "lab/cut-short": Repo({"config.json": config, "model.safetensors": cut(content)}),
        "lab/spoilt": Repo(repo.files, spoilt={"model.safetensors": flipped}),
    }
    for _ in range(2):
        refusal(lambda: load(name), *words)


def test_advice_for_a_damaged_cache_works(server: HubServer, repo: Repo, state: State) -> None:
    load("lab/mae")
    for file in ("model.safetensors", "config.json"):
        cached = Path(hub.try_to_load_from_cache("lab/mae", file))
        cached.write_bytes(cut(cached.read_bytes()))
        damaged = re.search(r"[^ ]*/blobs/[0-9a-f]+", refusal(lambda: load("lab/mae"), "download"))
        assert damaged
        Path(damaged[0]).unlink()
        assert_holds(load("lab/mae"), state)


def test_spoilt_download_is_not_kept(server: HubServer, repo: Repo, state: State) -> None:
    repo.spoilt["model.safetensors"] = bytes(len(repo.files["model.safetensors"]))
    refusal(lambda: load("lab/mae"), "SHA-256", "'bundled'")
    repo.spoilt.clear()
    assert_holds(load("lab/mae"), state)


def test_broken_connection_is_taken_up_again(server: HubServer, repo: Repo, state: State) -> None:
    server.faults = [Fault(cut=50_000)]
    reports: list[tuple[int, int]] = []
    assert_holds(load("lab/mae", progress=lambda *report: reports.append(report)), state)
    size = len(repo.files["model.safetensors"])
    first, second = server.downloads()
    assert first.range is None
    assert (first.sent, second.range) == (50_000, f"bytes={size - second.sent}-")
    assert 40_000 < size - second.sent <= 50_000
    assert reports[-1] == (size, size)


@pytest.mark.parametrize("filename", ["model.safetensors", "pytorch_model.bin"])
def test_next_call_resumes_a_download_that_broke_off(
    server: HubServer, repo: Repo, bin_repo: Repo, state: State, filename: str
) -> None:
    name, size = (
        ("lab/mae", len(repo.files[filename]))
        if filename in repo.files
        else ("lab/mae-bin", len(bin_repo.files[filename]))
    )
    server.faults = [Fault(cut=50_000), Fault(status=503)]
    refusal(lambda: load(name), name, "503", "'bundled'")
    reports: list[tuple[int, int]] = []
    assert_holds(load(name, progress=lambda *report: reports.append(report)), state)
    *_, last = server.downloads(filename)
    assert last.range == f"bytes={size - last.sent}-"
    assert 40_000 < size - last.sent <= 50_000
    assert reports[0][0] > size - last.sent
    assert reports[-1] == (size, size)
    assert not list(Path(hub.constants.HF_HUB_CACHE).rglob("*.incomplete"))


@pytest.mark.parametrize("length", [9, 0, -9])
def test_remains_of_another_file_do_no_harm(server: HubServer, repo: Repo, state: State, length: int) -> None:
    content = repo.files["model.safetensors"]
    name = f"{hashlib.sha256(content).hexdigest()}.incomplete"
    remains = Path(hub.constants.HF_HUB_CACHE, "models--lab--mae", "blobs", name)
    remains.parent.mkdir(parents=True)
    remains.write_bytes(bytes(len(content) + length))
    refusal(lambda: load("lab/mae"), "SHA-256", "try again")
    assert not remains.exists()
    assert_holds(load("lab/mae"), state)


def test_reset_connection(server: HubServer, repo: Repo, state: State) -> None:
    server.faults = [Fault(cut=50_000, reset=True)] * 9
    refusal(lambda: load("lab/mae"), "lab/mae", "try again", "'bundled'")
    server.faults.clear()
    assert_holds(load("lab/mae"), state)


@pytest.mark.parametrize("name", ["lab/mae", "base", "large", "huge"])
@pytest.mark.parametrize(
    ("trouble", "asked"), [("down", (1, 0)), ("500", (1, 1)), ("offline", (0, 0)), ("bad proxy", (0, 0))]
)
def test_a_hub_that_does_not_answer_is_asked_once(
    server: HubServer,
    connections: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    trouble: str,
    asked: tuple[int, int],
) -> None:
    if trouble == "down":
        server.stop()
    elif trouble == "500":
        server.status = 500
    elif trouble == "offline":
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    else:
        monkeypatch.setenv("http_proxy", "nonsense://proxy")
    refusal(lambda: load(name), HUB_MODELS[name].repo if name in HUB_MODELS else name, "network", "'bundled'")
    assert (len(connections), len(server.requests)) == asked


def test_models_by_name_are_pinned(server: HubServer) -> None:
    for name in ("base", "large"):
        assert re.fullmatch("[0-9a-f]{40}", HUB_MODELS[name].revision)
        refusal(lambda name=name: load(name), HUB_MODELS[name].repo)
        assert server.requests[-1].path == f"/{HUB_MODELS[name].repo}/resolve/{HUB_MODELS[name].revision}/config.json"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bass", ["no model 'bass'", "bundled, base, large, huge"]),
        ("a/b/c", ["no model 'a/b/c'", "existing path"]),
        ("models/mae.safetensors", ["no model 'models/mae.safetensors'", "existing path"]),
        ("/no/such/mae.pth", ["no model '/no/such/mae.pth'", "existing path"]),
        ("lab/mae@", ["no model 'lab/mae@'"]),
        ("a--b/c", ["'a--b/c'", "owner/name"]),
        ("lab/mae\nor two", [r"no model 'lab/mae\nor two'"]),
        ("\0", ["no model"]),
        pytest.param("x" * 5000, ["no model 'xxx"], id="long"),
    ],
)
def test_names_of_nothing(server: HubServer, name: str, words: list[str]) -> None:
    refusal(lambda: load(name), *words)
    assert server.requests == []


def resnet(folder: Path) -> tuple[torch.nn.Module, Repo]:
    """A network of timm's, and the repository that holds its weights."""
    torch.manual_seed(1)
    source = timm.create_model("test_resnet")
    safetensors.torch.save_file(source.state_dict(), folder / "model.safetensors")
    return source, Repo({"model.safetensors": (folder / "model.safetensors").read_bytes()})


def test_a_backbone_from_the_hub(server: HubServer, tmp_path: Path) -> None:
    source, server.repos["timm/test_resnet.r160_in1k"] = resnet(tmp_path)
    backbone = load_backbone("test_resnet.r160_in1k", device=torch.device("cpu"))
    ours = backbone.network.state_dict()
    assert len(ours) > 10
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in ours.items())


def test_backbones_by_name_are_pinned(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wrn50", "dinov2"):
        repo = f"timm/{BACKBONES[name]}"
        with pytest.raises(WeightsError, match=name):
            load_backbone(name, device=torch.device("cpu"))
        assert server.requests[-1].path == f"/{repo}/resolve/{REVISIONS[repo]}/model.safetensors"
    source, server.repos["timm/test_resnet.r160_in1k"] = resnet(tmp_path)
    monkeypatch.setitem(REVISIONS, "timm/test_resnet.r160_in1k", COMMIT)
    ours = load_backbone("test_resnet", device=torch.device("cpu")).network.state_dict()
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in ours.items())
    asked = [request.path for request in server.requests[2:] if "/resolve/" in request.path]
    assert asked
    assert all(f"/resolve/{COMMIT}/" in path for path in asked)


def test_a_backbone_asks_a_hub_that_does_not_answer_once(server: HubServer, connections: list[tuple[str, int]]) -> None:
    server.stop()
    for attempt in (1, 2):  # a failure is not kept
        with pytest.raises(WeightsError, match=r"'wrn50' could not be loaded .*'lite0' works with no network"):
            load_backbone("wrn50", device=torch.device("cpu"))
        assert len(connections) == attempt
