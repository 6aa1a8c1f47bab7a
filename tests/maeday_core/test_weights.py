"""Weights: what loads is what the file holds, and what cannot be loaded says why in one sentence."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import huggingface_hub as hub
import pytest
import safetensors.torch
import torch
from hub_server import COMMIT, Fault, HubServer, Repo
from torch import Tensor

from maeday_core import weights
from maeday_core.errors import WeightsError
from maeday_core.model import MaskedAutoencoder
from maeday_core.weights import HUB_MODELS, load_model, save_weights

ROOT = Path(__file__).resolve().parents[2]
State = dict[str, Tensor]
load = partial(load_model, device="cpu", dtype=torch.float32)


def refusal(call: Callable[[], object], *words: str, within: float = 5) -> str:
    """What `call` refuses with: one sentence that holds the words, and at once."""
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        call()
    assert time.monotonic() - start < within
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert not re.search(r"[.!?]\s+[A-Z]", text), f"more than one sentence: {text}"
    for word in words:
        assert word in text
    return text


_HUB_NAMES = [
    (r"^(cls_token)$", r"vit.embeddings.\1"),
    (r"^pos_embed$", "vit.embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "vit.embeddings.patch_embeddings.projection."),
    (r"^blocks\.", "vit.encoder.layer."),
    (r"^norm\.", "vit.layernorm."),
    (r"^decoder_blocks\.", "decoder_layers."),
    (r"^(decoder_|mask_token)", r"decoder.\1"),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
]


def hub_layout(state: Mapping[str, Tensor]) -> State:
    """The same tensors named and split as in the checkpoints on the Hub."""
    renamed = {}
    for key, value in state.items():
        for pattern, name in _HUB_NAMES:
            key = re.sub(pattern, name, key)
        if ".attn.qkv." in key:
            for part, tensor in zip(("query", "key", "value"), value.chunk(3), strict=True):
                renamed[key.replace(".attn.qkv.", f".attention.attention.{part}.")] = tensor.clone()
        else:
            renamed[key] = value
    return renamed


LAYOUTS: dict[str, Callable[[State], dict]] = {
    "hub": hub_layout,
    "original": dict,
    "checkpoint": lambda state: {"model": state, "epoch": 3, "args": argparse.Namespace(norm_pix_loss=False, lr=1e-3)},
}


def write(path: Path, content: dict, config: Mapping[str, object] | None = None) -> Path:
    """Write a weights file in the format of its suffix, and a config.json beside it if one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(content, path)
    else:
        torch.save(content, path)
    if config is not None:
        (path.parent / "config.json").write_text(json.dumps(config))
    return path


def assert_holds(model: MaskedAutoencoder, state: Mapping[str, Tensor]) -> None:
    loaded = model.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


@pytest.fixture
def state(tiny_model: MaskedAutoencoder) -> State:
    return dict(tiny_model.state_dict())


@pytest.fixture
def config(tiny_model: MaskedAutoencoder) -> dict[str, object]:
    """The config.json of the tiny model."""
    c = tiny_model.config
    heads = {"num_attention_heads": c.heads, "decoder_num_attention_heads": c.decoder_heads}
    return {**heads, "layer_norm_eps": c.layer_norm_eps, "norm_pix_loss": False}


# From a local file or folder


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loaded_model_is_frozen_and_says_where_it_is_from(
    tmp_path: Path, state: State, config: dict, dtype: torch.dtype
) -> None:
    path = write(tmp_path / "model.safetensors", state, config)
    model = load_model(path, device="cpu", dtype=dtype)
    assert not model.training
    assert not any(module.training for module in model.modules())
    assert {(p.requires_grad, p.dtype, p.device.type) for p in model.parameters()} == {(False, dtype, "cpu")}
    assert (model.device, model.dtype) == (torch.device("cpu"), dtype)
    assert model.info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.info.name, model.info.source) == (path.name, path.name)


@pytest.mark.parametrize(
    ("layout", "filename"),
    [
        ("hub", "model.safetensors"),
        ("hub", "pytorch_model.bin"),
        ("original", "mine.safetensors"),
        ("original", "mae.pth"),
        ("checkpoint", "checkpoint-3.pth"),
    ],
)
def test_file_and_folder(
    tmp_path: Path, tiny_model: MaskedAutoencoder, state: State, config: dict, layout: str, filename: str
) -> None:
    path = write(tmp_path / filename, LAYOUTS[layout](state), config)
    for name in (path, str(tmp_path)):
        model = load(name)
        assert_holds(model, state)
        assert model.config == tiny_model.config


def test_transformers_own_file_predicts_the_same(tmp_path: Path, tiny_model: MaskedAutoencoder) -> None:
    from transformers import ViTMAEConfig, ViTMAEForPreTraining

    c = tiny_model.config
    theirs = ViTMAEForPreTraining(
        ViTMAEConfig(
            image_size=c.image_size,
            patch_size=c.patch_size,
            hidden_size=c.dim,
            num_hidden_layers=c.depth,
            num_attention_heads=c.heads,
            intermediate_size=c.mlp_dim,
            decoder_hidden_size=c.decoder_dim,
            decoder_num_hidden_layers=c.decoder_depth,
            decoder_num_attention_heads=c.decoder_heads,
            decoder_intermediate_size=c.decoder_mlp_dim,
            initializer_range=0.2,
        )
    ).eval()
    theirs.save_pretrained(tmp_path)
    ours = load(tmp_path)
    images, noise = torch.randn(2, 3, c.image_size, c.image_size), torch.rand(2, c.num_patches)
    with torch.no_grad():
        expected = theirs(images, noise=noise)
        torch.testing.assert_close(ours(images, expected.mask.bool()), expected.logits, rtol=1e-4, atol=1e-4)
    assert ours.config.layer_norm_eps == theirs.config.layer_norm_eps


@pytest.mark.parametrize(("dim", "heads"), [(768, 12), (1024, 16), (1280, 16), (512, 16)])
def test_heads_of_the_known_sizes_need_no_config(tmp_path: Path, dim: int, heads: int) -> None:
    with torch.device("meta"):
        model = MaskedAutoencoder(weights.MAEConfig(8, 4, dim, 1, heads, dim, 512, 1, 16, 512))
    zero = {key: torch.zeros(1).expand(value.shape) for key, value in model.state_dict().items()}
    loaded = load(write(tmp_path / "mae.pth", zero)).config
    assert loaded == model.config
    assert (loaded.heads, loaded.decoder_heads, loaded.layer_norm_eps) == (heads, 16, 1e-6)


@pytest.mark.parametrize("config", [None, {}, [], {"num_attention_heads": 4}])
def test_unknown_heads_are_not_guessed(tmp_path: Path, state: State, config: dict | None) -> None:
    path = write(tmp_path / "mae.pth", state, config)
    refusal(lambda: load(path), "mae.pth", "attention heads", "config.json")


def test_saved_weights_load_to_half_precision(tmp_path: Path, tiny_model: MaskedAutoencoder) -> None:
    path = tmp_path / "saved.safetensors"
    save_weights(tiny_model, path, {"steps": "40"})
    model = load(path)
    assert_holds(model, {key: value.half().float() for key, value in tiny_model.state_dict().items()})
    assert model.config == tiny_model.config
    assert model.info.metadata == {"format": "pt", "steps": "40"}


@pytest.mark.parametrize(
    "mae_config",
    ["nonsense", "[]", '{"colour": 1}', '{"heads": 5}', '{"dim": "32"}', '{"heads": 0}', '{"patch_size": 0}'],
)
def test_header_that_describes_no_model(tmp_path: Path, state: State, mae_config: str) -> None:
    path = tmp_path / "saved.safetensors"
    safetensors.torch.save_file(state, path, {"mae_config": mae_config})
    refusal(lambda: load(path), "saved.safetensors")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"blocks.1.mlp.fc2.bias": None}, ["lacks blocks.1.mlp.fc2.bias"]),
        ({f"decoder_norm.{n}": None for n in ("weight", "bias")}, ["lacks decoder_norm.weight, decoder_norm.bias"]),
        ({f"blocks.1.norm{n}.{p}": None for n in (1, 2) for p in ("weight", "bias")}, ["norm2.weight and 1 more"]),
        ({"head.weight": torch.zeros(2)}, ["unexpected head.weight"]),
        ({"norm.weight": torch.zeros(33)}, ["wrong shape", "norm.weight (33,)"]),
        ({"norm.weight": torch.zeros(32, dtype=torch.int8)}, ["norm.weight", "int8"]),
        ({"norm.weight": None, "extra": torch.zeros(1)}, ["lacks norm.weight", "unexpected extra"]),
        ({"patch_embed.proj.weight": None}, ["lacks patch_embed.proj.weight"]),
        ({"decoder_pos_embed": torch.zeros(1, 5, 16)}, ["wrong shape", "decoder_pos_embed (1, 5, 16)"]),
    ],
)
def test_weights_that_do_not_fit(
    tmp_path: Path, state: State, config: dict, edit: dict[str, Tensor | None], words: list[str]
) -> None:
    edited = {key: value for key, value in {**state, **edit}.items() if value is not None}
    path = write(tmp_path / "mae.pth", edited, config)
    refusal(lambda: load(path), "mae.pth", *words)


def test_attention_with_a_part_missing(tmp_path: Path, state: State, config: dict) -> None:
    renamed = hub_layout(state)
    del renamed["vit.encoder.layer.0.attention.attention.value.bias"]
    refusal(partial(load, write(tmp_path / "model.safetensors", renamed, config)), "lacks blocks.0.attn.qkv.bias")


@pytest.mark.parametrize("names", ["timm", "vit.", "no vit."])
def test_encoder_alone_is_not_enough(tmp_path: Path, state: State, config: dict, names: str) -> None:
    encoder = {key: value for key, value in state.items() if not key.startswith(("decoder", "mask_token"))}
    if names != "timm":
        encoder = {key.removeprefix(names.removeprefix("no ")): v for key, v in hub_layout(encoder).items()}
    if names == "vit.":
        encoder = {f"vit.{key}": value for key, value in encoder.items()}
    refusal(partial(load, write(tmp_path / "model.safetensors", encoder, config)), "encoder only", "decoder")


@pytest.mark.parametrize("where", ["config", "args"])
def test_normalised_pixel_targets_are_refused(tmp_path: Path, state: State, config: dict, where: str) -> None:
    args = argparse.Namespace(norm_pix_loss=where == "args")
    content = {"model": state, "args": args}
    path = write(tmp_path / "mae.pth", content, {**config, "norm_pix_loss": where == "config"})
    refusal(lambda: load(path), "normalised pixels", "facebook/vit-mae-base")


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("filename", ["model.safetensors", "pytorch_model.bin", "mae.pth"])
@pytest.mark.parametrize("spoil", [cut, lambda _: b"", lambda _: b"Not weights,\nbut words.\n" * 9])
def test_spoilt_file(
    tmp_path: Path, state: State, config: dict, filename: str, spoil: Callable[[bytes], bytes]
) -> None:
    path = write(tmp_path / filename, state, config)
    path.write_bytes(spoil(path.read_bytes()))
    text = refusal(lambda: load(path), filename)
    assert re.search("damaged or cut short|no checkpoint at all", text)


class Bomb:
    """What unpickling would turn into a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("dump", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_pickled_code_does_not_run(tmp_path: Path, state: State, dump: Callable[[dict, Path], object]) -> None:
    path, trace = tmp_path / "mae.pth", tmp_path / "it-ran"
    dump({**state, "bomb": Bomb(trace)} if dump is torch.save else {"bomb": Bomb(trace)}, path)
    refusal(lambda: load(path), "mae.pth", "not opened for safety", "safetensors")
    assert not trace.exists()
    with path.open("rb") as file:
        torch.load(file, weights_only=False) if dump is torch.save else pickle.load(file)
    assert trace.exists(), "the file was harmless, so the test shows nothing"


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], {"model": {"epoch": 3}}])
def test_file_without_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "mae.pth")
    refusal(lambda: load(tmp_path / "mae.pth"), "mae.pth", "no tensors")


@pytest.mark.parametrize("filename", ["mae.pth", "mae.safetensors"])
def test_tensors_of_something_else(tmp_path: Path, filename: str) -> None:
    path = write(tmp_path / filename, {"conv.weight": torch.zeros(3)})
    refusal(lambda: load(path), filename, "not a masked autoencoder")


@pytest.mark.parametrize("content", [b"{not json", b"\xff\xfe\xfd", b""])
def test_config_that_is_not_json(tmp_path: Path, state: State, content: bytes) -> None:
    path = write(tmp_path / "mae.pth", state, {})
    (tmp_path / "config.json").write_bytes(content)
    refusal(lambda: load(path), "config.json", "not valid JSON")


@pytest.mark.parametrize(
    "change",
    [
        {"num_attention_heads": 5},
        {"num_attention_heads": -4},
        {"num_attention_heads": 4.5},
        {"decoder_num_attention_heads": "two"},
        {"layer_norm_eps": "small"},
    ],
)
def test_config_of_no_model(tmp_path: Path, state: State, config: dict, change: dict) -> None:
    path = write(tmp_path / "mae.pth", state, {**config, **change})
    refusal(lambda: load(path), "mae.pth", "config.json", str(*change.values()))


def test_folder_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "empty"
    (folder / "model.safetensors").mkdir(parents=True)
    refusal(lambda: load(folder), "folder empty holds no weights", "model.safetensors", "*.pth")
    monkeypatch.chdir(folder)
    refusal(lambda: load("."), "folder empty holds no weights")


def test_the_environment_names_the_default(
    tmp_path: Path, state: State, config: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAEDAY_MODEL", str(write(tmp_path / "mae.pth", state, config)))
    assert load().info.source == "mae.pth"
    monkeypatch.delenv("MAEDAY_MODEL")
    monkeypatch.setattr(weights, "BUNDLED_FILE", tmp_path / "mae-small.safetensors")
    refusal(load, "mae-small.safetensors is missing from the installation")


# From the Hub


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub of our own in the real one's place, with an empty cache; no proxy or offline mode of the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("HF_")]:
        monkeypatch.delenv(name)
    with HubServer() as server:
        for name, value in {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_TOKEN_PATH": str(tmp_path / "token"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_TELEMETRY": True,
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": False,
            "HF_HUB_DISABLE_SYMLINKS": False,
            "HF_HUB_ETAG_TIMEOUT": hub.constants.DEFAULT_ETAG_TIMEOUT,
            "DOWNLOAD_CHUNK_SIZE": 4096,
        }.items():
            assert hasattr(hub.constants, name)
            monkeypatch.setattr(hub.constants, name, value)
        hub.close_session()
        yield server
    hub.close_session()


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
@pytest.mark.parametrize("trouble", ["down", "500", "offline", "bad proxy"])
def test_no_hub_is_said_at_once(server: HubServer, monkeypatch: pytest.MonkeyPatch, name: str, trouble: str) -> None:
    if trouble == "down":
        server.stop()
    elif trouble == "500":
        server.status = 500
    elif trouble == "offline":
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    else:
        monkeypatch.setenv("http_proxy", "nonsense://proxy")
    refusal(lambda: load(name), HUB_MODELS[name].repo if name in HUB_MODELS else name, "network", "'bundled'")


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
