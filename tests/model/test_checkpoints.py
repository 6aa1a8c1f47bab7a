"""Checkpoints: what is read is what the file holds, and what cannot be read is refused in one sentence."""

from __future__ import annotations

import argparse
import os
import pickle
import re
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from maeday_core.model.checkpoints import save_weights
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder
from tests.checkpoints import State, assert_holds, cut, hub_layout, load, refusal, write


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
        model = MaskedAutoencoder(MAEConfig(8, 4, dim, 1, heads, dim, 512, 1, 16, 512))
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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_saved_weights_have_the_users_permissions(
    tmp_path: Path, tiny_model: MaskedAutoencoder, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        save_weights(tiny_model, tmp_path / "saved.safetensors", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "saved.safetensors").stat().st_mode) == mode


@pytest.mark.parametrize(
    "mae_config",
    ["", "nonsense", "[]", '{"colour": 1}', '{"heads": 5}', '{"dim": "32"}', '{"heads": 0}', '{"patch_size": 0}'],
)
def test_header_that_describes_no_model(tmp_path: Path, state: State, mae_config: str) -> None:
    path = tmp_path / "saved.safetensors"
    safetensors.torch.save_file(state, path, {"mae_config": mae_config})
    refusal(lambda: load(path), "saved.safetensors", "describes no masked autoencoder")


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
