"""The model agrees with transformers' ViTMAE on the same weights and noise; a draft adds what it should."""

import re
from dataclasses import fields, replace

import pytest
import torch
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from maeday_core.errors import SettingsError
from maeday_core.model.load import load_model
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder, denormalise, normalise, visible_places
from maeday_core.model.masks import mask_from_noise
from tests.conftest import TINY

SIZES = {
    "tiny": {
        "image_size": 64,
        "patch_size": 16,
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 96,
        "decoder_hidden_size": 32,
        "decoder_num_hidden_layers": 2,
        "decoder_num_attention_heads": 4,
        "decoder_intermediate_size": 64,
    },
    "base": {},
}


def reference(size: str) -> ViTMAEForPreTraining:
    """transformers' model with random weights, also where it would start from zeros or ones."""
    torch.manual_seed(0)
    model = ViTMAEForPreTraining(ViTMAEConfig(**SIZES[size])).eval()
    for parameter in model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return model


def hub_layout(model: ViTMAEForPreTraining) -> dict[str, torch.Tensor]:
    """The key names of facebook/vit-mae-* on the Hub; transformers 5 uses others in memory."""
    names = [
        ("vit.layers.", "vit.encoder.layer."),
        (".attention.q_proj.", ".attention.attention.query."),
        (".attention.k_proj.", ".attention.attention.key."),
        (".attention.v_proj.", ".attention.attention.value."),
        (".attention.o_proj.", ".attention.output.dense."),
        (".mlp.fc1.", ".intermediate.dense."),
        (".mlp.fc2.", ".output.dense."),
    ]
    state = {}
    for key, value in model.state_dict().items():
        for old, new in names:
            key = key.replace(old, new)
        state[key] = value
    return state


def original_layout(model: ViTMAEForPreTraining) -> dict[str, torch.Tensor]:
    """The key names of facebookresearch/mae, query, key and value in one matrix."""
    source = model.state_dict()
    state = {
        "cls_token": source["vit.embeddings.cls_token"],
        "pos_embed": source["vit.embeddings.position_embeddings"],
        "patch_embed.proj.weight": source["vit.embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": source["vit.embeddings.patch_embeddings.projection.bias"],
        "mask_token": source["decoder.mask_token"],
        "decoder_pos_embed": source["decoder.decoder_pos_embed"],
    }
    for kind in ("weight", "bias"):
        state[f"norm.{kind}"] = source[f"vit.layernorm.{kind}"]
        for name in ("decoder_embed", "decoder_norm", "decoder_pred"):
            state[f"{name}.{kind}"] = source[f"decoder.{name}.{kind}"]
        for blocks, prefix, depth in (
            ("blocks", "vit.layers", model.config.num_hidden_layers),
            ("decoder_blocks", "decoder.decoder_layers", model.config.decoder_num_hidden_layers),
        ):
            for i in range(depth):
                old, new = f"{prefix}.{i}", f"{blocks}.{i}"
                qkv = [source[f"{old}.attention.{part}_proj.{kind}"] for part in "qkv"]
                state[f"{new}.attn.qkv.{kind}"] = torch.cat(qkv)
                state[f"{new}.attn.proj.{kind}"] = source[f"{old}.attention.o_proj.{kind}"]
                state[f"{new}.norm1.{kind}"] = source[f"{old}.layernorm_before.{kind}"]
                state[f"{new}.norm2.{kind}"] = source[f"{old}.layernorm_after.{kind}"]
                state[f"{new}.mlp.fc1.{kind}"] = source[f"{old}.mlp.fc1.{kind}"]
                state[f"{new}.mlp.fc2.{kind}"] = source[f"{old}.mlp.fc2.{kind}"]
    return state


@pytest.fixture(scope="module")
def drafting() -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = MaskedAutoencoder(replace(TINY, draft=True))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.requires_grad_(False).eval()


@pytest.mark.parametrize("layout", ["hub", "original"])
@pytest.mark.parametrize("size", SIZES)
def test_agrees_with_transformers(size, layout, tmp_path):
    theirs = reference(size)
    if layout == "hub":
        torch.save(hub_layout(theirs), tmp_path / "pytorch_model.bin")
    else:
        torch.save({"model": original_layout(theirs)}, tmp_path / "mae_visualize_vit.pth")
    theirs.config.save_pretrained(tmp_path)
    ours = load_model(tmp_path, device="cpu", dtype=torch.float32)
    images = torch.randn(2, 3, ours.config.image_size, ours.config.image_size)
    noise = torch.rand(2, ours.config.num_patches)
    with torch.inference_mode():
        expected = theirs(images, noise=noise)
        masks = mask_from_noise(noise, theirs.config.mask_ratio)
        logits = ours(images, masks)
    assert torch.equal(masks, expected.mask.bool())
    torch.testing.assert_close(logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.unpatchify(logits), theirs.unpatchify(expected.logits), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["tiny_model", "drafting"])
def test_one_embedding_serves_all_masks(name, request):
    tiny_model = request.getfixturevalue(name)
    image = torch.randn(1, 3, 64, 64)
    masks = mask_from_noise(torch.rand(5, tiny_model.config.num_patches), 0.75)
    visible = visible_places(masks)
    latent = tiny_model.encode(tiny_model.embed(image), visible)
    shared = tiny_model.decode(latent, visible, tiny_model.draft(image, masks))
    torch.testing.assert_close(shared, tiny_model(image.expand(5, -1, -1, -1), masks), atol=1e-5, rtol=1e-5)


def test_visible_patches_come_back_from_a_draft(drafting):
    masks = mask_from_noise(torch.rand(3, drafting.config.num_patches), 0.75)
    images = torch.randn(3, 3, 64, 64)
    patches = drafting(images, masks)
    assert torch.equal(patches[~masks], drafting.patchify(images)[~masks])
    assert not torch.isclose(patches[masks], drafting.patchify(images)[masks]).all()


def test_a_silent_draft_leaves_the_decoder_alone(drafting, tiny_model):
    silent = MaskedAutoencoder(drafting.config)
    silent.load_state_dict(tiny_model.state_dict(), strict=False)
    for part in (silent.draft_embed, silent.draft_gate):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    masks = mask_from_noise(torch.rand(3, TINY.num_patches), 0.75)
    images = torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(silent(images, masks)[masks], tiny_model(images, masks)[masks])


@pytest.mark.parametrize("name", ["tiny_model", "drafting"])
def test_hidden_patches_are_not_seen(name, request):
    tiny_model = request.getfixturevalue(name)
    masks = mask_from_noise(torch.rand(1, tiny_model.config.num_patches), 0.75)
    image = torch.randn(1, 3, 64, 64)
    patches = tiny_model.patchify(image)
    changed = tiny_model.unpatchify(torch.where(masks[..., None], torch.randn_like(patches), patches))
    torch.testing.assert_close(tiny_model(image, masks), tiny_model(changed, masks))
    visible = tiny_model.unpatchify(torch.where(masks[..., None], patches, patches + 1))
    assert not torch.allclose(tiny_model(image, masks), tiny_model(visible, masks))


def test_patchify_orders_row_column_channel(tiny_model):
    images = torch.arange(2 * 3 * 64 * 64.0).view(2, 3, 64, 64)
    patches = tiny_model.patchify(images)
    assert torch.equal(tiny_model.unpatchify(patches), images)
    row, column, y, x, channel = 3, 5, 2, 7, 1
    value = patches[1, row * 8 + column, (y * 8 + x) * 3 + channel]
    assert value == images[1, channel, row * 8 + y, column * 8 + x]


def test_normalisation_is_inverted():
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(denormalise(normalise(images)), images)


def test_huge_has_256_patches():
    assert MAEConfig(patch_size=14).num_patches == 256


@pytest.mark.parametrize("name", [field.name for field in fields(MAEConfig)])
@pytest.mark.parametrize("value", [0, -4, 2.5, "two", None, float("nan")])
def test_sizes_of_no_model_are_refused_by_name(name, value):
    with pytest.raises(SettingsError, match=rf"\b{name}\b.*{re.escape(repr(value))}\.$"):
        MAEConfig(**{name: value})


@pytest.mark.parametrize("name", ["image_size", "patch_size", "dim", "heads", "decoder_dim", "decoder_heads"])
def test_sizes_that_do_not_divide_are_refused_by_name(name):
    with pytest.raises(SettingsError, match=rf"\b{name}\b.*\b1009\b"):
        MAEConfig(**{name: 1009})


def test_a_draft_needs_patches_that_halve():
    with pytest.raises(SettingsError, match="even patch_size, not 7"):
        MAEConfig(image_size=56, patch_size=7, draft=True)
    assert not MAEConfig(image_size=56, patch_size=7).draft
