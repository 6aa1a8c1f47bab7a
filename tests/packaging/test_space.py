"""The Space that `maeday space push` makes of this repository: its settings, its files, what is downloaded for it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import huggingface_hub
import pytest
from PIL import Image

from app.models import AT_START
from maeday_core.cli.space_files import FOR_ZEROGPU, for_the_hub, read_checkout
from maeday_core.methods.tools import default_backbone
from maeday_core.model.backbone import BACKBONES
from maeday_core.model.download import download, require_file
from maeday_core.model.hub import HUB_MODELS
from maeday_core.model.networks import REVISIONS
from tests.conftest import ROOT
from tests.hub_server import HubServer, in_place_of_the_hub
from tests.packaging.test_requirements import PROJECT, declared, pins
from tests.packaging.test_wheel import tracked

SETTINGS = huggingface_hub.metadata_load(ROOT / "README.md") or {}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
PRELOADED = [line.split() for line in SETTINGS["preload_from_hub"]]
ADDRESS = "https://huggingface.co/spaces/lab/maeday"


def test_settings_are_what_the_hub_takes() -> None:
    assert SETTINGS["sdk"] == "gradio"
    assert SETTINGS["sdk_version"] == pins("requirements.txt")["gradio"]
    assert {SETTINGS["colorFrom"], SETTINGS["colorTo"]} <= COLOURS
    assert len(SETTINGS["short_description"]) <= 60
    assert (ROOT / SETTINGS["app_file"]).is_file()
    assert SETTINGS["license"] == PROJECT["license"].lower()
    with Image.open(ROOT / SETTINGS["thumbnail"]) as thumbnail:
        assert min(thumbnail.size) >= 630  # of a card in social media, 1200 x 630


def test_settings_are_those_of_zerogpu() -> None:
    assert SETTINGS["suggested_hardware"] == huggingface_hub.SpaceHardware.ZERO_A10G.value
    assert SETTINGS["python_version"] in ("3.12.12", "3.10.13")  # a string: as a number, 3.10 would be 3.1
    assert f"Programming Language :: Python :: {SETTINGS['python_version'][:4]}" in PROJECT["classifiers"]


def test_tags_make_it_findable() -> None:
    assert {"mcp-server", "anomaly-detection", "masked-autoencoder", "zero-shot", "few-shot"} <= set(SETTINGS["tags"])
    assert SETTINGS["models"] == [repo for repo, *_ in PRELOADED]


def test_what_is_preloaded_is_what_a_space_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer() as server:
        in_place_of_the_hub(server, tmp_path, monkeypatch)
        for repo, files, revision in PRELOADED:
            folder = tmp_path / "cache" / f"models--{repo.replace('/', '--')}" / "snapshots" / revision
            folder.mkdir(parents=True)
            for name in files.split(","):
                (folder / name).write_bytes(b"")
        models = {name: HUB_MODELS[name] for name in AT_START if name in HUB_MODELS}
        for model in models.values():
            assert download(model.repo, model.revision).is_file()
        networks = {f"timm/{BACKBONES[default_backbone(name)]}" for name in models}
        for network in networks:
            require_file(network, REVISIONS[network])
    assert {repo for repo, *_ in PRELOADED} == {model.repo for model in models.values()} | networks
    assert not server.requests


def test_pins_for_zerogpu_are_within_the_declared_ranges() -> None:
    torch = declared(PROJECT["dependencies"])["torch"]
    assert torch.specifier.contains(FOR_ZEROGPU["torch"])
    assert FOR_ZEROGPU.keys() <= pins("requirements.txt").keys()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What the Space holds."""
    return for_the_hub(read_checkout(ROOT), ADDRESS)


def test_space_holds_the_page_and_not_what_only_developers_need(files: dict[str, bytes]) -> None:
    needed = tracked("app", "maeday_core", "assets") | {"app.py", "LICENSE", "CITATION.cff"}
    assert needed <= files.keys()
    assert not [name for name in files if re.match(r"tests/|benchmarks/|\.git/|\.ci/|\.github/|requirements-dev", name)]
    assert {name for name in files if re.match(r"docs/.*(png|svg|jpg)", name)} == {"docs/inspect.png"}


def test_what_readme_shows_and_links_to_is_there(files: dict[str, bytes]) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", files["README.md"].decode())
    local = {link for link in links if "://" not in link}
    assert "docs/inspect.png" in local
    assert local <= files.keys()
    assert f"thumbnail: {ADDRESS}/resolve/main/docs/inspect.png\n" in files["README.md"].decode()


def test_every_binary_file_is_lfs_on_the_hub_and_never_here(files: dict[str, bytes], tmp_path: Path) -> None:
    binary = {name for name, content in files.items() if b"\0" in content}
    assert {"assets/examples/frames.zip", "maeday_core/assets/mae-small.safetensors", "docs/inspect.png"} <= binary
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitattributes").write_bytes(files[".gitattributes"])
    assert {name for name in files if attribute(tmp_path, "filter", name) == "lfs"} == binary
    here = {name for name in tracked() if b"\0" in (ROOT / name).read_bytes()}
    assert {attribute(ROOT, "binary", name) for name in here} == {"set"}
    assert {attribute(ROOT, "filter", name) for name in here} == {"unspecified"}


def attribute(repository: Path, name: str, path: str) -> str:
    command = ["git", "check-attr", name, "--", path]
    said = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout
    return said.rsplit(": ", 1)[1].strip()
