"""The weights that pretraining starts from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maeday_core.model.mae import MAEConfig, MaskedAutoencoder


def new_model(config: MAEConfig, seed: int) -> MaskedAutoencoder:
    """A model with the MAE paper's initialisation: Xavier weights, sine-cosine positions (here learned further)."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = MaskedAutoencoder(config)
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.xavier_uniform_(model.patch_embed.proj.weight.view(config.dim, -1))
        if config.draft:  # silent until it has learned something
            nn.init.zeros_(model.draft_embed.weight)
            nn.init.zeros_(model.draft_gate.weight)
        nn.init.normal_(model.cls_token, std=0.02)
        nn.init.normal_(model.mask_token, std=0.02)
    for positions in (model.pos_embed, model.decoder_pos_embed):
        positions.data[0, 1:] = _sincos_positions(config.grid_size, positions.shape[-1])
    return model


def _sincos_positions(grid: int, dim: int) -> Tensor:
    omega = 1 / 10000 ** (torch.arange(dim // 4) / (dim // 4))
    y, x = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [axis.reshape(-1, 1) * omega for axis in (x, y)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1)
