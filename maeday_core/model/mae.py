"""The masked autoencoder (MAE): an encoder that sees the visible patches only, and a decoder that fills in the rest.

Shapes use B for a batch of masked views, L for the patches of one image (196 at 224 px and patch 16), K for the visible
ones, D for a width, P for the patch size. Parameters are named as in the original MAE code (He et al., 2022).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from maeday_core.errors import SettingsError
from maeday_core.model.blocks import Block, PatchEmbed
from maeday_core.model.draft import extrapolate

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class MAEConfig:
    """The sizes of a masked autoencoder; the defaults are those of `base`, ViT-B/16.

    Attributes:
        image_size, patch_size: sides in pixels.
        dim, depth, heads, mlp_dim: width, blocks, attention heads and hidden width of the encoder.
        decoder_dim, decoder_depth, decoder_heads, decoder_mlp_dim: the same of the decoder.
        layer_norm_eps: added to the variance in every layer normalisation.
        draft: whether the decoder starts from a draft of the hidden patches, this project's addition (see `draft.py`).

    Raises:
        SettingsError: no model has these sizes.
    """

    image_size: int = 224
    patch_size: int = 16
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    decoder_dim: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16
    decoder_mlp_dim: int = 2048
    layer_norm_eps: float = 1e-6
    draft: bool = False

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name not in ("layer_norm_eps", "draft") and not (type(value) is int and value > 0):
                raise SettingsError(f"The size {name} of a model must be a whole number above 0, not {value!r}.")
        if not (isinstance(self.layer_norm_eps, float) and 0 <= self.layer_norm_eps < 1):
            raise SettingsError(f"The layer_norm_eps of a model must lie in [0, 1), not {self.layer_norm_eps!r}.")
        if not isinstance(self.draft, bool):
            raise SettingsError(f"The draft of a model must be true or false, not {self.draft!r}.")
        if self.draft and self.patch_size % 2:
            raise SettingsError(f"A model with a draft needs an even patch_size, not {self.patch_size}.")
        for whole, part in (("image_size", "patch_size"), ("dim", "heads"), ("decoder_dim", "decoder_heads")):
            size, divisor = getattr(self, whole), getattr(self, part)
            if size % divisor:
                raise SettingsError(f"The {whole} of a model must be a multiple of its {part}: {size} of {divisor}.")

    @property
    def grid_size(self) -> int:
        """Patches along one side of the image."""
        return self.image_size // self.patch_size

    @property
    def num_patches(self) -> int:
        """Patches in one image, L."""
        return self.grid_size**2


CONFIGS = {
    "small": MAEConfig(
        dim=256,
        depth=8,
        heads=8,
        mlp_dim=1024,
        decoder_dim=192,
        decoder_depth=4,
        decoder_heads=6,
        decoder_mlp_dim=768,
        draft=True,
    ),
    "base": MAEConfig(),
    "large": MAEConfig(dim=1024, depth=24, heads=16, mlp_dim=4096),
    "huge": MAEConfig(patch_size=14, dim=1280, depth=32, heads=16, mlp_dim=5120),
}


@dataclass(frozen=True)
class ModelInfo:
    """Where a model's weights come from, so that a result can be reproduced.

    Attributes:
        name: as the user named the model, without folders.
        source: `bundled`, the repository on the Hub, or the file's name.
        sha256: of the weights file, hexadecimal.
        metadata: from the header of the weights file.
    """

    name: str = "untrained"
    source: str = ""
    sha256: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


def _blocks(depth: int, dim: int, heads: int, mlp_dim: int, eps: float) -> nn.ModuleList:
    return nn.ModuleList(Block(dim, heads, mlp_dim, eps) for _ in range(depth))


class MaskedAutoencoder(nn.Module):
    """MAE with its decoder, predicting ImageNet-normalised pixels.

    A mask is a boolean tensor of shape (B, L), True where a patch is hidden; every row hides equally many patches.
    """

    def __init__(self, config: MAEConfig, info: ModelInfo | None = None):
        super().__init__()
        self.config = config
        self.info = info or ModelInfo()
        c = config
        self.patch_embed = PatchEmbed(c.patch_size, c.dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + c.num_patches, c.dim))
        self.blocks = _blocks(c.depth, c.dim, c.heads, c.mlp_dim, c.layer_norm_eps)
        self.norm = nn.LayerNorm(c.dim, eps=c.layer_norm_eps)

        self.decoder_embed = nn.Linear(c.dim, c.decoder_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, c.decoder_dim))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, 1 + c.num_patches, c.decoder_dim))
        self.decoder_blocks = _blocks(
            c.decoder_depth, c.decoder_dim, c.decoder_heads, c.decoder_mlp_dim, c.layer_norm_eps
        )
        self.decoder_norm = nn.LayerNorm(c.decoder_dim, eps=c.layer_norm_eps)
        self.decoder_pred = nn.Linear(c.decoder_dim, c.patch_size**2 * 3)
        if c.draft:
            self.draft_embed = nn.Linear(c.patch_size**2 * 3, c.decoder_dim)
            self.draft_gate = nn.Linear(c.decoder_dim, 1)

    @property
    def device(self) -> torch.device:
        return self.pos_embed.device

    @property
    def dtype(self) -> torch.dtype:
        return self.pos_embed.dtype

    def embed(self, images: Tensor) -> Tensor:
        """Patch tokens with their positions: (B, 3, H, W) normalised pixels -> (B, L, D)."""
        tokens: Tensor = self.patch_embed(images.to(self.dtype))
        return tokens + self.pos_embed[:, 1:]

    def encode(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """Encode the visible patches only.

        Args:
            tokens: (B, L, D) from `embed`; or (1, L, D), the same image under every mask.
            visible: (B, K), from `visible_places`.

        Returns:
            (B, 1 + K, D), the class token first, then the visible patches in their order.
        """
        batch = visible.shape[0]
        chosen = tokens.expand(batch, -1, -1).gather(1, visible[..., None].expand(-1, -1, tokens.shape[-1]))
        cls_token = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        x = torch.cat([cls_token, chosen], dim=1)
        for block in self.blocks:
            x = block(x)
        latent: Tensor = self.norm(x)
        return latent

    def draft(self, images: Tensor, masks: Tensor) -> Tensor | None:
        """The draft that the decoder starts from, (B, L, P * P * 3), or None if this model has none."""
        return self.patchify(extrapolate(images, masks)).to(self.dtype) if self.config.draft else None

    def decode(self, latent: Tensor, visible: Tensor, draft: Tensor | None = None) -> Tensor:
        """Predict the pixels of every patch: (B, 1 + K, D), from `encode` -> (B, L, P * P * 3), normalised.

        With a `draft`, visible patches are returned unchanged. A hidden patch is the decoder's prediction plus the
        draft times a gate, one number a patch, which the decoder predicts, too.
        """
        x = self.decoder_embed(latent)
        batch, count = visible.shape
        rank = visible.new_full((batch, self.config.num_patches), count)
        rank = rank.scatter(1, visible, torch.arange(count, device=visible.device).expand(batch, -1))
        tokens = torch.cat([x[:, 1:], self.mask_token.to(x.dtype).expand(batch, -1, -1)], dim=1)
        patches = tokens.gather(1, rank[..., None].expand(-1, -1, tokens.shape[-1]))
        if draft is not None:
            patches = patches + self.draft_embed(draft)
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        x = self.decoder_norm(x)[:, 1:]
        predicted: Tensor = self.decoder_pred(x)
        if draft is None:
            return predicted
        return torch.where((rank == count)[..., None], predicted + self.draft_gate(x) * draft, draft)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Reconstruct masked images: (B, 3, H, W) normalised pixels and (B, L) masks -> (B, L, P * P * 3)."""
        visible = visible_places(masks)
        return self.decode(self.encode(self.embed(images), visible), visible, self.draft(images, masks))

    def patchify(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, L, P * P * 3): patches in row-major order, each as pixels by row, column, channel."""
        g, p = self.config.grid_size, self.config.patch_size
        return images.reshape(-1, 3, g, p, g, p).permute(0, 2, 4, 3, 5, 1).reshape(-1, g * g, p * p * 3)

    def unpatchify(self, patches: Tensor) -> Tensor:
        """The inverse of `patchify`: (B, L, P * P * 3) -> (B, 3, H, W)."""
        g, p = self.config.grid_size, self.config.patch_size
        return patches.reshape(-1, g, g, p, p, 3).permute(0, 5, 1, 3, 2, 4).reshape(-1, 3, g * p, g * p)


def visible_places(masks: Tensor) -> Tensor:
    """The numbers of the visible patches, rising: masks (B, L), each of which hides equally many -> int64 (B, K)."""
    return (~masks).nonzero()[:, 1].view(len(masks), -1)


def normalise(images: Tensor) -> Tensor:
    """RGB in [0, 1], (B, 3, H, W) -> the model's input: ImageNet's mean subtracted, divided by its deviation."""
    mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


def denormalise(images: Tensor) -> Tensor:
    """The inverse of `normalise`. Not clipped: a reconstruction may leave [0, 1]."""
    mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return images * std + mean
